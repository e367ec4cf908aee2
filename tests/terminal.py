"""A pseudo-terminal for the command line."""

import os
import pty
import subprocess
from pathlib import Path

from tests.conftest import FYKE


def on_a_terminal(*arguments: str | Path, **environment: str) -> tuple[int, bytes]:
    """Exit status and everything that a terminal would get, one that has colours and is wide."""
    ours, theirs = pty.openpty()
    keep = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    keep |= {"TERM": "xterm-256color", "COLUMNS": "200"} | environment
    with subprocess.Popen([*FYKE, *map(str, arguments)], stdin=theirs, stdout=theirs, stderr=theirs, env=keep) as run:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # Linux says so that the other side is closed
            pass
        os.close(ours)
    return run.returncode, shown
