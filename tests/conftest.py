"""Real servers for the tests: Debian's redis-server, the embedded one, and `fyke serve` itself."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "data" / "sample_emails.csv"
FYKE = [sys.executable, "-m", "fyke"]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test, and no test reaches the user's own cache."""
    for name in list(os.environ):
        if name.startswith("FYKE_") and name not in ("FYKE_DATA", "FYKE_REQUIRE_REDIS"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FYKE_CACHE_DIR", str(tmp_path / "cache"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class RedisServer:
    """A redis-server process on loopback."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> "redis.Redis":
        return redis.Redis(port=self.port)


def start_redis(port: int, *options: str) -> RedisServer:
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    for line in process.stdout:
        if b"eady to accept connections" in line:
            break
    else:
        raise RuntimeError("redis-server did not start")
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return RedisServer(process, port)


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """Debian's redis-server; skipped without it, except where CI requires it."""
    if shutil.which("redis-server") is None:
        if os.environ.get("FYKE_REQUIRE_REDIS"):
            pytest.fail("redis-server is required here: apt install redis-server")
        pytest.skip("redis-server is not installed (apt install redis-server)")
    server = start_redis(free_port())
    yield server
    server.process.kill()
    server.process.wait()
    if server.process.stdout:
        server.process.stdout.close()


@dataclass
class Service:
    """A running `fyke serve`."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)

    def said(self) -> str:
        return self.log.read_text()


Serve = Callable[..., Service]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start `fyke serve` with flags, wait until it is ready, and stop it after the test."""
    running: list[Service] = []

    def start(*flags: str, **environment: str) -> Service:
        log = tmp_path / f"serve-{len(running)}.log"
        port = free_port()
        with log.open("w") as file:
            process = subprocess.Popen(
                [*FYKE, "serve", "--port", str(port), *flags],
                stderr=file,
                stdout=file,
                text=True,
                env=os.environ | environment,
            )
        service = Service(process, f"http://127.0.0.1:{port}", log)
        running.append(service)
        wait_until_ready(service)
        return service

    yield start
    for service in running:
        service.stop()


def wait_until_ready(service: Service) -> None:
    import httpx

    ticks = threading.Event()
    for _ in range(300):
        try:
            if httpx.get(service.url + "/readyz").is_success:
                return
        except httpx.TransportError:
            assert service.process.poll() is None, service.said()
        ticks.wait(0.05)
    raise AssertionError(f"not ready: {service.said()}")


def fyke(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    done = subprocess.run([*FYKE, *map(str, arguments)], capture_output=True, input=stdin, env=os.environ | environment)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory trained on the project's own sample."""
    directory = tmp_path_factory.mktemp("models") / "sample"
    done = fyke("train", SAMPLE, "--output", directory)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture
def corpus_dir() -> Path:
    """The real mail that FYKE_DATA points to."""
    where = Path(os.environ.get("FYKE_DATA", ""))
    if not (where / "kaggle_phishing_email_rebuilt.csv.gz").is_file():
        pytest.skip("FYKE_DATA does not point to the corpora")
    return where
