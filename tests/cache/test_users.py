"""`deploy/redis/users.acl`, that very file, before a real server: all that Fyke does works, and nothing more."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from fyke.cache.rates import Rates
from fyke.cache.redis import RedisStore
from fyke.errors import StoreError
from tests.cache.stores import Heard, opened
from tests.cache.test_clients import everything
from tests.conftest import ROOT, RedisServer, free_port
from tests.servers import running

pytestmark = pytest.mark.anyio

FILE = ROOT / "deploy" / "redis" / "users.acl"
PASSWORD = "sesame"
COMMANDS = [word[1:] for word in FILE.read_text().split() if word.startswith("+")]
FOR_LIMITS = {"evalsha", "script|load", "exists", "incrby", "pttl", "rename"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server with the file, in which the passwords' digests were put; and somebody to look with."""
    path = tmp_path_factory.mktemp("acl") / "users.acl"
    digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
    said = FILE.read_text().replace("SHA256-OF-ITS-PASSWORD", digest)
    said = said.replace("SHA256-OF-THE-ADMINISTRATORS-PASSWORD", hashlib.sha256(b"open").hexdigest())
    path.write_text(said + "user root on nopass ~* &* +@all\n")
    with running("--aclfile", str(path)) as started:
        yield started


def url(server: RedisServer, user: str = "fyke", password: str = PASSWORD) -> str:
    """Where the store is for a user."""
    return f"redis://{user}:{password}@127.0.0.1:{server.port}"


async def test_everything_works(server: RedisServer) -> None:
    """Lookups, writes, leases, listings, purges, their channel, and rate limits."""
    async with opened(url(server)) as store:
        await everything(store, Heard)
        rates = Rates(store, 10.0)
        assert [(await rates.take("all", "1/day")).allowed for _ in range(2)] == [True, False]


def test_the_administrator_may_change_users(server: RedisServer) -> None:
    """With a password of their own, and so nobody else is needed when `default` is off."""
    with server.client(username="admin", password="open") as admin:
        assert admin.execute_command("ACL", "LOAD")
    with server.client(username="admin", password=PASSWORD) as other, pytest.raises(redis.AuthenticationError):
        other.ping()


@pytest.mark.parametrize("command", [one for one in COMMANDS if one != "subscribe"])  # whose lack takes a minute to see
async def test_nothing_is_granted_in_vain(server: RedisServer, command: str) -> None:
    """Without any one command something fails, as a StoreError."""
    user = "without-" + command.replace("|", "-")
    with server.client(username="root", password="any") as look:
        rights = [word for word in FILE.read_text().splitlines()[1].split()[4:] if word != f"+{command}"]
        look.execute_command("ACL", "SETUSER", user, "reset", "on", "nopass", *rights)
        look.execute_command("SCRIPT", "FLUSH")
    async with opened(url(server, user, "any")) as store:
        with pytest.raises(StoreError, match=r"(?i)NOPERM|no permission|has no permissions|not answer"):
            await (limits(store, server, command) if command in FOR_LIMITS else everything(store, Heard))


async def limits(store: RedisStore, server: RedisServer, name: str) -> None:
    """All that a rate limit asks for, once: a window that begins, and one that is over."""
    rates = Rates(store, 10.0)
    await rates.take(name, "9/second")
    with server.client(username="root", password="any") as look:
        (key,) = look.keys(f"fyke:limits:*/{name}/*")
        look.pexpire(key, 900)
    await rates.take(name, "9/second")


def test_nothing_more_is_granted(server: RedisServer) -> None:
    """No other keys, no other channel, no other command; nobody without a password."""
    with server.client(username="fyke", password=PASSWORD) as client:
        for command in (
            ("GET", "session:1"),
            ("GET", "fyke:2:x"),
            ("UNLINK", "session:1"),
            ("PUBLISH", "other", "x"),
            ("KEYS", "*"),
            ("CONFIG", "GET", "*"),
            ("FLUSHALL",),
            ("ACL", "LIST"),
            ("EVAL", "return 1", 0),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)
    with server.client() as client, pytest.raises(redis.exceptions.AuthenticationError):
        client.ping()


def test_the_file_as_it_is_starts_nothing(tmp_path: Path) -> None:
    """Nobody runs it with a password that everyone knows: the server refuses the place where the digest goes."""
    assert "#SHA256-OF-ITS-PASSWORD" in FILE.read_text()
    command = ["redis-server", "--port", str(free_port()), "--save", "", "--aclfile", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 1
    assert "password hash" in done.stdout
