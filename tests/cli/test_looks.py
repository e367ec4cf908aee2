"""How the command line looks on a terminal and in a pipe."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import fyke
from tests.terminal import on_a_terminal

COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3|9)\d")


def shown(*arguments: str, **environment: str) -> bytes:
    """What comes on a pseudo-terminal."""
    status, said = on_a_terminal(*arguments, **environment)
    assert status == 0
    return said


def test_colours_are_for_terminals_that_want_them() -> None:
    """The card of a model is coloured on a terminal, not with NO_COLOR, and is plain JSON in a pipe."""
    assert COLOUR.search(shown("model", "show"))
    assert not COLOUR.search(shown("model", "show", NO_COLOR="1"))
    piped = fyke("model", "show").stdout
    assert "\x1b" not in piped
    assert json.loads(piped)["recipe"] == "baseline"


def test_the_shell_completes_commands() -> None:
    """What `fyke --install-completion` has bash ask, is answered."""
    asked = {"_FYKE_COMPLETE": "complete_bash", "COMP_WORDS": "fyke ca", "COMP_CWORD": "1"}
    program = Path(sys.executable).parent / "fyke"
    done = subprocess.run([program], env=os.environ | asked, capture_output=True, text=True)
    assert done.stdout.split() == ["cache"]


def test_the_log_is_for_reading_on_a_terminal() -> None:
    """The events of `fyke serve` are lines of JSON outside a terminal, and in words on one."""
    code = (
        "import logging; from fyke.cli.logs import configure; configure(); logging.getLogger('it').info('said %d', 1)"
    )
    piped = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert {"event": "said 1", "level": "info", "logger": "it"}.items() <= json.loads(piped).items()
    script = ["-c", f"import pty, sys; sys.exit(pty.spawn([sys.executable, '-c', {code!r}]))"]
    shown = subprocess.run([sys.executable, *script], capture_output=True, stdin=subprocess.DEVNULL, check=True).stdout
    assert b"said 1" in shown
    assert b"{" not in shown
