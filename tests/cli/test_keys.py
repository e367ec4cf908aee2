"""`fyke keys`, and what `fyke serve` asks of whoever opens it to others."""

import os
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from typer.testing import CliRunner

from fyke.cli import keys as commands
from fyke.cli.app import app
from fyke.cli.serving import _check_doors, run
from fyke.errors import ServiceError, SettingsError
from fyke.service.keys import KeySet
from fyke.settings import load
from tests.service.keyed import Keys, keyed_app
from tests.service.threads import Running


def fyke(*arguments: str | Path) -> str:
    """What a command prints; its errors are raised."""
    done = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.output


def test_a_key_is_shown_once(tmp_path: Path) -> None:
    """Made, listed without its text, revoked; the file takes the change at once."""
    file = tmp_path / "deep" / "keys.json"
    said = fyke("keys", "add", "mail", "--scope", "predict", "--scope", "read", "--namespace", "acme", "--file", file)
    token = said.split()[-1]
    assert re.fullmatch(r"fyke_[A-Za-z0-9_-]{43}", token)
    found = KeySet(file).find(token.encode())
    assert found is not None
    assert (found.name, found.scopes, found.namespace) == ("mail", {"predict", "read"}, "acme")
    listed = fyke("keys", "ls", "--file", file)
    assert "mail" in listed
    assert token not in listed
    fyke("keys", "revoke", "mail", "--file", file)
    assert KeySet(file).find(token.encode()) is None


def test_bad_input_names_the_remedy(tmp_path: Path) -> None:
    """A name twice, a name that is not there, a scope that is none, no file."""
    file = tmp_path / "keys.json"
    fyke("keys", "add", "mail", "--file", file)
    for arguments, said in (
        (("add", "mail", "--file", file), "choose another name"),
        (("revoke", "nail", "--file", file), "fyke keys ls"),
        (("add", "nail", "--scope", "all", "--file", file), "predict, read, admin"),
        (("add", "n a i l", "--file", file), "1 to 64 letters"),
        (("add", "nail"), "FYKE_KEYS_FILE"),
        (("ls", "--file", tmp_path / "none.json"), "fyke keys add"),
    ):
        with pytest.raises(SettingsError, match=said):
            fyke("keys", *arguments)
    assert len(KeySet(file).keys) == 1


def test_no_key_is_lost_among_many(tmp_path: Path) -> None:
    """Those who add and revoke at once take turns."""
    file = tmp_path / "keys.json"
    fyke("keys", "add", "old", "--file", file)
    names = {f"k{n}" for n in range(12)}
    with ThreadPoolExecutor(7) as pool:
        done = [pool.submit(commands.add, file, name, ["predict"], None, None) for name in names]
        for one in [*done, pool.submit(commands.revoke, file, "old")]:
            one.result()
    assert {key.name for key in KeySet(file).keys} == names
    assert (tmp_path / "keys.json.lock").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_root_leaves_the_file_to_its_owner(tmp_path: Path) -> None:
    """What root changes, the service can still read; the lock too is its user's, who goes on alone."""
    file = tmp_path / "keys.json"
    fyke("keys", "add", "mail", "--file", file)
    (tmp_path / "keys.json.lock").unlink()
    os.chown(file, 65532, 65533)
    file.chmod(0o640)
    fyke("keys", "add", "nail", "--file", file)
    fyke("keys", "revoke", "mail", "--file", file)
    for path, mode in ((file, 0o640), (tmp_path / "keys.json.lock", 0o600)):
        found = path.stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (65532, 65533, mode)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another")
def test_who_may_not_keep_the_owner_changes_nothing() -> None:
    """Whether the file or its lock is another's; the message says whose."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "keys.json")
        lock = Path(directory, "keys.json.lock")
        fyke("keys", "add", "mail", "--file", file)
        file.chmod(0o644)
        file.parent.chmod(0o777)
        before = file.read_bytes()
        with nobody(), pytest.raises(SettingsError, match="user whom the file belongs to"):
            commands.revoke(file, "mail")
        lock.unlink()
        with nobody(), pytest.raises(SettingsError, match="Run fyke keys as user 0"):
            commands.revoke(file, "mail")
        assert file.read_bytes() == before
        assert list(file.parent.iterdir()) == [file]


@contextmanager
def nobody() -> Iterator[None]:
    """Without root's rights, until the end."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", ""])
def test_nobody_is_let_in_by_mistake(host: str, tmp_path: Path) -> None:
    """An address beyond this machine needs keys, or --insecure; the message says both."""
    with pytest.raises(SettingsError, match=r"fyke keys add.*--insecure"):
        run(load(host=host, port=0, cache_url="none://"))
    _check_doors(load(host=host, insecure=True))
    fyke("keys", "add", "mail", "--file", tmp_path / "keys.json")
    _check_doors(load(host=host, keys_file=tmp_path / "keys.json"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.10"])
def test_this_machine_needs_no_key(host: str) -> None:
    """As it was."""
    _check_doors(load(host=host))


def test_a_service_without_its_file_does_not_start(tmp_path: Path) -> None:
    """Also on loopback: who asks for keys gets them."""
    with pytest.raises(SettingsError, match="no such file"):
        run(load(keys_file=tmp_path / "none.json"))


def test_smoke_and_stats_show_their_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of FYKE_API_KEY; without one, smoke says so. A tenant is told its own figures only."""
    keys = Keys(tmp_path / "keys.json")
    keys.add("acme", "predict", "read", namespace="acme")
    keyed, _ = keyed_app(keys)
    config = uvicorn.Config(keyed, log_level="critical", proxy_headers=False)
    monkeypatch.setenv("FYKE_CACHE_URL", "embedded://")
    with Running(config) as running:
        url = f"http://127.0.0.1:{running.port}"
        with pytest.raises(ServiceError, match="FYKE_API_KEY"):
            fyke("smoke", url)
        monkeypatch.setenv("FYKE_API_KEY", keys.tokens["acme"])
        assert "memory, hit" in fyke("smoke", url)
        said = fyke("cache", "stats", "--service", url)
        assert "acme" in said
        assert "unsaid" in said
    monkeypatch.setenv("FYKE_API_KEY", "ключ")
    with pytest.raises(SettingsError, match="FYKE_API_KEY"):
        fyke("smoke", url)
