"""How the command line looks on a terminal and in a pipe."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from fyke.cli.console import grid
from fyke.model.recipes import RECIPES
from tests.conftest import ROOT, fyke
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
    assert json.loads(piped)["recipe"] in RECIPES


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


def test_help_has_frames_only_where_they_cut_nothing() -> None:
    """Not in a pipe, and not on a narrow terminal, where they would cut the names of options."""
    assert "╭" in shown("serve", "--help").decode()
    for plain in (fyke("serve", "--help").stdout, shown("serve", "--help", COLUMNS="40").decode()):
        assert "╭" not in plain
        assert "--allow-purge" in plain


def test_a_table_is_folded_and_never_cut() -> None:
    """Each character of a cell is there, however narrow the terminal is."""
    table = grid("name", "scopes")
    table.add_row("abcdefghijklmnopqrstuvwxyz0123456789", "predict, read, admin")
    narrow = Console(width=20, file=io.StringIO())
    narrow.print(table, markup=False)
    told = narrow.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in told
    assert set("abcdefghijklmnopqrstuvwxyz0123456789") <= set(told)


def test_a_verdict_keeps_its_file_and_its_signs_on_a_narrow_terminal() -> None:
    """The subject goes first, as there is no room for it."""
    path = ROOT / "data" / "messages" / "lure.eml"
    status, said = on_a_terminal("classify", path, COLUMNS="40", NO_COLOR="1")
    assert status == 1
    told = said.decode().replace("\r\n", "")
    assert str(path) in told
    assert "link-text-domain" in told
    assert "Your parcel" not in told
