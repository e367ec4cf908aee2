"""An embedded Valkey server that all processes of one user share through a directory.

The first process to attach starts a small keeper (``fyke.cache.keeper``), and the keeper runs the server.
Every handle holds one connection to the keeper: the token that its process lives. The kernel closes it
however the process ends, and when the last one is closed the keeper stops the server, which saves its data.

    DIR/lock         held while a keeper is being started, or takes its socket away
    DIR/keeper.lock  held by the keeper and its server for as long as either of them lives
    DIR/keeper.pid, keeper.log, valkey.log, dump.rdb
    keeper.sock, valkey.sock   in DIR, or under /tmp where that path would be too long for a socket
"""

import contextlib
import hashlib
import os
import select
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from fyke.errors import EmbeddedError

ELSEWHERE = "Set FYKE_CACHE_URL=redis://HOST:PORT/0 to use a server of your own, or FYKE_CACHE_URL=memory://."
LONGEST_SOCKET_PATH = 100  # the kernels allow 103 (macOS) and 107 (Linux) bytes
_PAUSE = 0.02


class EmbeddedServer:
    """A handle; the server lives while at least one handle (process) lives."""

    def __init__(self, socket_path: Path, token: socket.socket) -> None:
        self.socket_path = socket_path
        self._token = token

    @classmethod
    def attach(cls, directory: Path, *, max_bytes: int = 268_435_456, timeout: float = 10.0) -> Self:
        """Join the server of this directory, and start it if it does not run.

        ``max_bytes`` counts only for the process that starts it.
        """
        if sys.platform == "win32":
            raise EmbeddedError(f"This platform has no embedded server. {ELSEWHERE}")
        deadline = time.monotonic() + timeout
        try:
            directory = directory.expanduser().resolve()
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            sockets = socket_directory(directory)
            while True:
                token = _connect(sockets / "keeper.sock", deadline)
                if token is None:
                    token = _start(directory, sockets / "keeper.sock", max_bytes, deadline)
                if token is not None:
                    answer = ""
                    try:
                        answer = _answer(token, deadline)
                    finally:
                        if answer != "ready":
                            token.close()
                    if answer == "ready":
                        return cls(sockets / "valkey.sock", token)
                    if answer:
                        raise EmbeddedError(answer.removeprefix("error: "))
                # The keeper was about to leave when we came: wait for the next one.
                if time.monotonic() >= deadline:
                    raise _too_late(directory)
                time.sleep(_PAUSE)
        except TimeoutError:
            raise _too_late(directory) from None
        except OSError as error:
            raise EmbeddedError(
                f"The embedded server cannot use the directory {directory}: {error}. {ELSEWHERE}"
            ) from error

    def close(self) -> None:
        """Let go; the last one to do so stops the server, which saves its data."""
        self._token.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def socket_directory(directory: Path) -> Path:
    """Where the sockets of a (resolved) directory are: there, or in a short path that only we can enter."""
    name = os.fsencode(directory)
    if len(name) + len("/valkey.sock") <= LONGEST_SOCKET_PATH:
        return directory
    user = os.getuid()
    short = Path(f"/tmp/fyke-{user}-{hashlib.sha256(name).hexdigest()[:16]}")  # noqa: S108 (checked below)
    with contextlib.suppress(FileExistsError):
        short.mkdir(mode=0o700)
    found = short.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user or stat.S_IMODE(found.st_mode) & 0o077:
        raise EmbeddedError(
            f"{short} is not a private directory of yours (mode 0700), so the embedded server avoids it. "
            f"Remove it, or choose a cache directory with a shorter path than {directory}."
        )
    return short


def take_lock(path: Path, deadline: float) -> int | None:
    """The descriptor of a lock file that nobody else holds; None if it is held until the deadline."""
    import fcntl  # Windows has none, and must be able to import this module

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    return None
                time.sleep(_PAUSE)
            else:
                return descriptor
    except OSError:
        os.close(descriptor)
        raise


def last_lines(path: Path) -> str:
    """The end of a log in one line, for the text of an error."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return " | ".join(line.strip() for line in lines[-4:] if line.strip())


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _too_late(directory: Path) -> EmbeddedError:
    return EmbeddedError(
        f"The embedded server in {directory} did not answer in time; see keeper.log and valkey.log there. {ELSEWHERE}"
    )


def _connect(path: Path, deadline: float) -> socket.socket | None:
    """A connection to the keeper; None if none listens."""
    while True:
        token = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            token.settimeout(_left(deadline))
            token.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError):
            token.close()
            return None
        except BlockingIOError:  # more processes than its queue holds come at once
            token.close()
            time.sleep(_PAUSE)
        except BaseException:
            token.close()
            raise
        else:
            return token


def _answer(token: socket.socket, deadline: float) -> str:
    """The keeper's line; empty if it hung up before it had written one."""
    line = b""
    while not line.endswith(b"\n"):
        token.settimeout(_left(deadline))
        try:
            part = token.recv(4096)
        except ConnectionResetError:
            return ""
        if not part:
            return ""
        line += part
    return line.decode(errors="replace").strip()


def _start(directory: Path, path: Path, max_bytes: int, deadline: float) -> socket.socket | None:
    """Start a keeper, unless another process has done so in the meantime, and connect to it."""
    lock = take_lock(directory / "lock", deadline)
    if lock is None:
        raise TimeoutError
    try:
        token = _connect(path, deadline)
        if token is not None:
            return token
        log = directory / "keeper.log"
        log_file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            # -P: a file of the working directory must not stand in for a module of the keeper's.
            # The process forks and ends at once, so nothing of the keeper is left to us to wait for.
            with subprocess.Popen(
                [sys.executable, "-P", "-m", "fyke.cache.keeper", os.fspath(directory), str(max_bytes)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log_file,
                start_new_session=True,
            ) as process:
                assert process.stdout is not None
                said = b""
                try:
                    while not said.endswith(b"\n"):
                        if not select.select([process.stdout], [], [], _left(deadline))[0]:
                            raise TimeoutError
                        part = os.read(process.stdout.fileno(), 4096)
                        if not part:
                            break
                        said += part
                except BaseException:
                    process.kill()  # only matters if it has not forked yet
                    raise
        finally:
            os.close(log_file)
        if said != b"listening\n":
            text = said.decode(errors="replace").strip().removeprefix("error: ")
            raise EmbeddedError(text or f"The embedded server's keeper ended at once: {last_lines(log)}. {ELSEWHERE}")
        return _connect(path, deadline)
    finally:
        os.close(lock)
