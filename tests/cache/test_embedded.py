"""The embedded server: shared through a directory, gone with its last user, its data kept."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
import redis

from fyke.cache.embedded import EmbeddedServer, socket_directory
from fyke.errors import EmbeddedError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no embedded server on Windows")

USER = """
import sys
from pathlib import Path
from fyke.cache.embedded import EmbeddedServer
handle = EmbeddedServer.attach(Path(sys.argv[1]))
print(handle.socket_path, flush=True)
sys.stdin.read()
"""


@contextmanager
def client(server: EmbeddedServer) -> Iterator["redis.Redis"]:
    connection = redis.Redis(unix_socket_path=str(server.socket_path))
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def another_process(directory: Path) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """A process that holds a handle until its stdin is closed or it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", USER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert select.select([process.stdout], [], [], 20)[0], "the other process did not attach"
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def until(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    """Whether it comes true within a bounded time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        Event().wait(0.02)
    return True


def gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits for init to collect it has."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


def keeper_pid(directory: Path) -> int:
    return int((directory / "keeper.pid").read_text())


def server_pid(server: EmbeddedServer) -> int:
    with client(server) as connection:
        return int(connection.info("server")["process_id"])


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory to share; no server is left in it when the test ends."""
    place = tmp_path / "cache"
    yield place
    assert until(lambda: not (place / "keeper.pid").exists()), "a keeper was left behind"


def test_data_survives_the_last_close(directory: Path) -> None:
    """What is stored is there again for the next one to attach, even one that comes while it is saved."""
    for turn in range(4):
        with EmbeddedServer.attach(directory) as server, client(server) as connection:
            assert connection.get("count") == (str(turn).encode() if turn else None)
            connection.set("count", turn + 1)
            pids = keeper_pid(directory), server_pid(server)
        if turn % 2:
            assert until(lambda pids=pids: all(map(gone, pids)))


def test_attach_in_the_middle_of_the_shutdown(directory: Path) -> None:
    """A process that attaches while the old server saves gets a new one with all data, and no error."""
    for turn in range(3):
        with EmbeddedServer.attach(directory) as server:
            with client(server) as connection:
                assert turn == 0 or connection.strlen("key 1999") == 10_000
                with connection.pipeline(transaction=False) as pipe:
                    for number in range(2000):
                        pipe.set(f"key {number}", os.urandom(10_000))
                    pipe.execute()
            keeper, old = keeper_pid(directory), server_pid(server)
            os.kill(keeper, signal.SIGTERM)
            assert until(lambda: not (directory / "keeper.sock").exists())
            with EmbeddedServer.attach(directory) as again, client(again) as connection:
                assert gone(old)
                assert connection.dbsize() == 2000


def test_close_twice(directory: Path) -> None:
    """Closing a closed handle does nothing."""
    server = EmbeddedServer.attach(directory)
    server.close()
    server.close()


def test_processes_share_one_server(directory: Path) -> None:
    """A second process meets the first one's server, which outlives the first one's handle."""
    with EmbeddedServer.attach(directory) as server, another_process(directory) as (_, path):
        pid = server_pid(server)
        assert path == server.socket_path
        server.close()
        with EmbeddedServer.attach(directory) as again:
            assert server_pid(again) == pid


def test_many_at_once_share_one_server(directory: Path) -> None:
    """However many attach in the same moment, one server is started."""
    with ThreadPoolExecutor(8) as pool:
        servers = list(pool.map(lambda _: EmbeddedServer.attach(directory), range(16)))
    assert len({server_pid(server) for server in servers}) == 1
    for server in servers:
        server.close()


def test_a_killed_user_leaves_nothing(directory: Path) -> None:
    """After kill -9 of the only user neither the keeper nor the server lives, and the data is kept."""
    with another_process(directory) as (process, path):
        keeper = keeper_pid(directory)
        with redis.Redis(unix_socket_path=str(path)) as connection:
            server = int(connection.info("server")["process_id"])
            connection.set("key", "value")
        process.send_signal(signal.SIGKILL)
        assert until(lambda: gone(keeper) and gone(server))
    with EmbeddedServer.attach(directory) as again, client(again) as connection:
        assert connection.get("key") == b"value"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
def test_a_killed_keeper_takes_the_server_along(directory: Path) -> None:
    """After kill -9 of the keeper its server saves and ends, and the next attach has the data."""
    with EmbeddedServer.attach(directory) as server:
        with client(server) as connection:
            connection.set("key", "value")
        pid = server_pid(server)
        os.kill(keeper_pid(directory), signal.SIGKILL)
        with EmbeddedServer.attach(directory) as again, client(again) as connection:
            assert gone(pid)
            assert connection.get("key") == b"value"


def test_a_dead_server_is_started_again(directory: Path) -> None:
    """When the server dies by itself, the same path answers again soon."""
    with EmbeddedServer.attach(directory) as server:
        pid = server_pid(server)
        os.kill(pid, signal.SIGKILL)

        def answers() -> bool:
            try:
                return server_pid(server) != pid
            except redis.ConnectionError:
                return False

        assert until(answers)


@pytest.mark.parametrize("name", ["with some spaces", 'Käse \'n "quotes"', "/".join(["long" * 10] * 5)])
def test_any_directory_works(tmp_path: Path, name: str) -> None:
    """Spaces, quotes, letters beyond ASCII and a path too long for a socket do no harm."""
    directory = tmp_path / name
    with EmbeddedServer.attach(directory) as server, client(server) as connection:
        assert connection.ping()
        assert len(os.fsencode(server.socket_path)) <= 100
        assert directory.stat().st_mode & 0o777 == 0o700
        connection.set("key", "value")
    assert until(lambda: not (directory / "keeper.pid").exists())
    assert (directory / "dump.rdb").exists()
    assert until(lambda: server.socket_path.parent == directory or not server.socket_path.parent.exists())


def test_a_foreign_short_directory_is_refused(tmp_path: Path) -> None:
    """A link that waits where the short directory would be is never followed."""
    directory = tmp_path / ("long" * 30)
    short = socket_directory(directory)
    short.rmdir()
    short.symlink_to(tmp_path)
    try:
        with pytest.raises(EmbeddedError, match="not a private directory"):
            EmbeddedServer.attach(directory)
    finally:
        short.unlink()


def test_it_is_private_and_bounded(directory: Path) -> None:
    """No TCP port, sockets for the owner only, the memory bound and its policy in force."""
    with EmbeddedServer.attach(directory, max_bytes=50_000_000) as server, client(server) as connection:
        assert connection.config_get("port")["port"] == "0"
        assert connection.config_get("maxmemory")["maxmemory"] == "50000000"
        assert connection.config_get("maxmemory-policy")["maxmemory-policy"] == "allkeys-lfu"
        assert connection.config_get("save")["save"] == "300 100"
        assert connection.config_get("logfile")["logfile"] == ""
        assert server.socket_path.stat().st_mode & 0o077 == 0
        assert (directory / "keeper.sock").stat().st_mode & 0o777 == 0o600


def test_damaged_data_is_put_aside(directory: Path) -> None:
    """A dump.rdb that cannot be read is renamed, and the server starts empty."""
    directory.mkdir()
    (directory / "dump.rdb").write_bytes(b"REDIS0011 this is no dump")
    with EmbeddedServer.attach(directory) as server, client(server) as connection:
        assert connection.dbsize() == 0
        assert (directory / "dump.rdb.damaged").read_bytes() == b"REDIS0011 this is no dump"


def test_an_unusable_place_is_an_error(tmp_path: Path) -> None:
    """A directory that cannot be made is an EmbeddedError that names another way."""
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match="FYKE_CACHE_URL"):
        EmbeddedServer.attach(tmp_path / "file" / "cache")
