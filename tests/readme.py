"""READMEs say what is so: their commands are run, and what they show must come."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT


def consoles(readme: Path) -> list[str]:
    """The blocks of a README that show a console."""
    return re.findall(r"```console\n(.*?)```", readme.read_text(), re.DOTALL)


def check_curls(readme: Path, url: str) -> int:
    """Run the ``$ curl`` commands in order against ``url``; what is shown must come, but for times. Says how many.

    Skips the test where there is no curl.
    """
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    commands = 0
    for block in consoles(readme):
        for told in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = told.replace("\\\n", " ").partition("\n")
            if not command.startswith("curl "):
                continue
            arguments = shlex.split(command.replace("http://localhost:8000", url))
            came = subprocess.run(
                ["curl", "-sS", *arguments[1:]], cwd=ROOT, capture_output=True, text=True, check=True
            ).stdout
            for line in filter(None, _timeless(shown).splitlines()):
                assert line in _timeless(came).splitlines(), f"{command}\n{came}"
            commands += 1
    return commands


def _timeless(text: str) -> str:
    return re.sub(r"ttl=\d+|age: \d+", "time", text)
