"""The servers that are measured, on loopback: Debian's redis-server and ``fyke serve``."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import fyke

HOST = "127.0.0.1"
_START_SECONDS = 30.0


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Server:
    """A process that listens on a port; its output goes to a file in ``directory``."""

    def __init__(self, name: str, directory: Path, ask: bytes, ready: bytes):
        self.port = free_port()
        self.log = directory / f"{name}.log"
        self._directory = directory
        self._ask, self._ready = ask, ready
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        """Start the process, without waiting for it to listen."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._directory, env=environment
            )

    async def wait_until_ready(self) -> None:
        """Ask until the answer begins as it should.

        Raises:
            RuntimeError: the process ended, or half a minute went by.
        """
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while asyncio.get_running_loop().time() < deadline and self.send(0):
            try:
                reader, writer = await asyncio.open_connection(HOST, self.port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            writer.write(self._ask)
            answer = await reader.readline()
            writer.close()
            if answer.startswith(self._ready):
                return
            await asyncio.sleep(0.01)
        raise RuntimeError(f"{self.log.stem} did not start: {self.said()}")

    @property
    def pid(self) -> int:
        """The process, 0 before it is started."""
        return self._process.pid if self._process is not None else 0

    def send(self, number: int) -> bool:
        """Send a signal; false when the process has ended."""
        if self._process is None or self._process.poll() is not None:
            return False
        self._process.send_signal(number)
        return True

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.stop(signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the process, by force where asking does not help."""
        if self._process is None or not self.send(number):
            return
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def said(self) -> str:
        """Everything that the process printed."""
        return self.log.read_text(errors="replace")


class RedisServer(Server):
    """A redis-server that keeps nothing on disk unless told to."""

    def __init__(self, directory: Path):
        super().__init__("redis-server", directory, b"PING\r\n", b"+PONG")

    def spawn_redis(self, *options: str) -> None:
        """Start it; ``options`` are its own."""
        base = ["redis-server", "--port", str(self.port), "--bind", HOST, "--save", "", "--appendonly", "no"]
        self.spawn([*base, *options])


class FykeServer(Server):
    """``fyke serve`` of the package that is imported here; nothing of the user's environment reaches it."""

    def __init__(self, directory: Path):
        super().__init__("fyke", directory, b"GET /readyz HTTP/1.0\r\n\r\n", b"HTTP/1.1 200")

    def spawn_fyke(self, **settings: str) -> None:
        """Start it with ``FYKE_*`` settings."""
        source = Path(fyke.__file__).parent.parent
        environment = {"PATH": os.defpath, "HOME": str(self._directory), "PYTHONPATH": str(source)} | settings
        self.spawn([sys.executable, "-m", "fyke", "serve", "--port", str(self.port)], environment)
