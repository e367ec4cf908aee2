"""Documents say what is so: their commands are run, and what they show must come.

``python -m tests.readme`` puts what comes now in the place of what they show: for another shipped model.
"""

import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fyke.model.directory import SHIPPED
from tests.conftest import FYKE, ROOT

SHOWING = (ROOT / "README.md", ROOT / "docs" / "inputs.md")


def consoles(readme: Path) -> list[str]:
    """The blocks of a README that show a console."""
    return re.findall(r"```console\n(.*?)```", readme.read_text(), re.DOTALL)


def shows(document: Path) -> Iterator[tuple[list[str], str]]:
    """The commands behind a ``$``, as arguments, each with what it is shown to print."""
    for block in consoles(document):
        for told in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = told.replace("\\\n", " ").partition("\n")
            yield shlex.split(command), shown


def ask(curl: list[str], url: str) -> str:
    """What a ``curl`` of a document prints when ``url`` is asked."""
    arguments = [argument.replace("http://localhost:8000", url) for argument in curl[1:]]
    return subprocess.run(["curl", "-sS", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def check_curls(readme: Path, url: str) -> int:
    """Run the ``$ curl`` commands in order against ``url``, and say how many; what is shown must come.

    But for times, and digits of numbers beyond the sixth, in which processors may differ. Skips the test where there is
    no curl.
    """
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    commands = 0
    for command, shown in shows(readme):
        if command[0] == "curl":
            came = ask(command, url)
            for line in filter(None, _rough(shown).splitlines()):
                assert line in _rough(came).splitlines(), f"{shlex.join(command)}\n{came}"
            commands += 1
    return commands


def refreshed(document: Path, url: str) -> str:
    """A document that shows what comes of its commands now; of ``curl`` the last line, which is the answer.

    ``url`` is a service that knows no text yet: `fyke smoke` comes first, as its first answers are misses.
    """
    text = document.read_text()
    for command, shown in sorted(shows(document), key=lambda pair: pair[0][0] == "curl"):
        if command[0] == "curl":
            came = "\n".join([*shown.splitlines()[:-1], ask(command, url).splitlines()[-1]]) + "\n"
        else:
            more = [url] if command[1] == "smoke" else []
            said = subprocess.run([*FYKE, *command[1:], *more], cwd=ROOT, capture_output=True, text=True).stdout
            came = "".join(line.rstrip() + "\n" for line in said.splitlines())
        text = text.replace(shown, came)
    return text


def _rough(text: str) -> str:
    return re.sub(r"\b0\.\d{7,}", lambda long: f"{float(long[0]):.6f}", re.sub(r"ttl=\d+|age: \d+", "time", text))


def main() -> None:
    """Refresh them all."""
    from tests.service.rolling import following

    with tempfile.TemporaryDirectory() as room, following(Path(room), SHIPPED) as service:
        httpx.post(service.url + "/predict", json={"text": "the first text of a service takes longer"})
        for document in SHOWING:
            document.write_text(refreshed(document, service.url))


if __name__ == "__main__":
    main()
