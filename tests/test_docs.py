"""Documentation stays true."""

import asyncio
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from fyke.settings import Settings
from tests.conftest import FYKE, ROOT, Serve, fyke
from tests.readme import check_curls, consoles, shows


def settings_table() -> str:
    """The table in docs/settings.md, from the settings themselves."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "user state directory" if name == "cache_dir" else field.default
        shown = "" if default in (None, frozenset()) else f"`{default}`"
        rows.append(f"| `FYKE_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


def test_the_settings_table_is_the_settings() -> None:
    """docs/settings.md lists every setting with its default and meaning."""
    assert settings_table() in (ROOT / "docs" / "settings.md").read_text()


def test_every_setting_has_help() -> None:
    """No setting goes without a description."""
    assert all(field.description for field in Settings.model_fields.values())


def test_the_curl_of_the_readme_gives_what_it_shows(serve: Serve) -> None:
    """The answer, the status line and the headers, but for the TTL."""
    assert check_curls(ROOT / "README.md", serve("--cache-url", "memory://").url) >= 1


def test_the_smoke_check_of_the_readme_gives_what_it_shows(serve: Serve) -> None:
    """The same five rows, but for the milliseconds."""
    shown = next(block for block in consoles(ROOT / "README.md") if "fyke smoke" in block)
    came = fyke("smoke", serve("--cache-url", "memory://").url).stdout
    rows = [re.sub(r"[0-9.]+ *$", "", line).split() for line in shown.splitlines()[2:]]
    assert len(rows) == 5
    assert rows == [re.sub(r"[0-9.]+ *$", "", line).split() for line in came.splitlines()[1:]]


def test_the_verdicts_of_the_page_on_inputs_are_what_comes() -> None:
    """Those of `fyke classify`, to the letter."""
    shown = [(command, told) for command, told in shows(ROOT / "docs" / "inputs.md") if command[1] == "classify"]
    assert shown
    for command, told in shown:
        assert subprocess.run([*FYKE, *command[1:]], cwd=ROOT, capture_output=True, text=True).stdout == told


def test_the_commands_of_the_readme_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the command line, in order, in a directory of their own; `serve` is tried elsewhere."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.setenv("FYKE_CACHE_URL", "embedded://")
    done = 0
    for block in consoles(ROOT / "README.md"):
        for line in block.splitlines():
            command = line.partition("#")[0].removeprefix("$ ")
            if not command.startswith(".venv/bin/fyke ") or " serve" in command or " smoke" in command:
                continue
            ran = subprocess.run([*FYKE, *shlex.split(command)[1:]], cwd=tmp_path, capture_output=True, text=True)
            assert ran.returncode == 0, f"{command}: {ran.stderr}"
            done += 1
    assert done >= 5


def test_the_model_of_the_readme_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """The code block runs as it stands: the first answer is the model's, the second comes from memory."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    app: dict[str, Any] = {}
    exec(compile(code, "words.py", "exec"), app)

    async def run() -> list[Any]:
        transport = httpx.ASGITransport(app["app"])
        async with (
            app["app"].router.lifespan_context(app["app"]),
            httpx.AsyncClient(transport=transport, base_url="http://it") as client,
        ):
            return [(await client.get("/words", params={"text": text})).json() for text in ("one two", " one  two ")]

    monkeypatch.setenv("FYKE_CACHE_URL", "embedded://")
    assert asyncio.run(run()) == [{"words": 2, "from": "model"}, {"words": 2, "from": "memory"}]
