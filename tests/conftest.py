"""Real servers for the tests: Debian's redis-server, the embedded one, and `fyke serve` itself."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from tests.servers import (
    Certificates,
    Cluster,
    RedisServer,
    SentinelGroup,
    cluster,
    free_port,
    make_certificates,
    running,
    sentinel_group,
    start_redis,
)

__all__ = ["FYKE", "ROOT", "SAMPLE", "RedisServer", "Serve", "Service", "free_port", "fyke", "start_redis"]

hypothesis.settings.register_profile("patient", deadline=None)  # no promise depends on how fast a machine is
hypothesis.settings.load_profile("patient")

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "data" / "sample_emails.csv"
FYKE = [sys.executable, "-m", "fyke"]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are not for reading, and those of an archive hold the time: each process would name the test otherwise."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test, and no test reaches the user's own cache."""
    for name in list(os.environ):
        if name.startswith("FYKE_") and name != "FYKE_DATA" and not name.startswith("FYKE_REQUIRE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FYKE_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Tests marked ``anyio`` run on asyncio, as the service does."""
    return "asyncio"


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """Debian's redis-server; skipped without it, except where CI requires it."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """A redis-server that no test stops for good; it may run commands for debugging."""
    with running("--enable-debug-command", "local") as server:
        yield server


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of our own and a certificate for 127.0.0.1."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def tls_server(certificates: Certificates) -> Iterator[RedisServer]:
    """A redis-server that speaks TLS on ``tls_port`` and plain on ``port``."""
    tls_port = free_port()
    with running("--tls-port", str(tls_port), *certificates.options()) as server:
        server.tls_port = tls_port
        yield server


@pytest.fixture(scope="session")
def shared_sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelGroup]:
    """A Sentinel group that no test takes apart."""
    with sentinel_group(tmp_path_factory.mktemp("sentinels"), down_after_ms=60_000) as group:
        yield group


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of three primaries that no test takes apart."""
    with cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


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
    for _ in range(1200):
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
