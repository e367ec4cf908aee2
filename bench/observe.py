"""The service and a Prometheus that scrapes it, until Ctrl-C or until one of them ends: ``python -m bench.observe``.

Needs Debian's prometheus. What it has scraped is gone when it ends.
"""

import argparse
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

CONFIG = Path(__file__).parent.parent / "deploy" / "prometheus" / "fyke.yml"
HOST = "127.0.0.1"
EVERY = 0.2  # seconds between two looks at both


def check_free(port: int, variable: str) -> None:
    """Refuse a port that something listens on; ``variable`` chooses another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise SystemExit(
                f"Cannot listen on {HOST} port {port} ({error.strerror}); choose another: "
                f"make observe {variable}={port + 1}"
            ) from error


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, so that Ctrl-C reaches this one only, which then ends it."""
    process = subprocess.Popen(command, start_new_session=True)  # noqa: S603
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def scrapes(port: int) -> bool:
    """Whether the Prometheus on that port has an answer of the service."""
    with (
        suppress(OSError),
        urllib.request.urlopen(f"http://{HOST}:{port}/api/v1/query?query=up", timeout=5) as come,
    ):
        return any(one["value"][1] == "1" for one in json.load(come)["data"]["result"])
    return False


def watch(service: subprocess.Popen[bytes], prometheus: subprocess.Popen[bytes], port: int) -> int:
    """Say when the first scrape has come, then wait until one of the two ends; its exit status."""
    told = False
    while True:
        for process in (service, prometheus):
            if process.poll() is not None:
                return process.returncode or 1
        if not told and scrapes(port):
            told = True
            print(f"Prometheus scrapes it, at http://localhost:{port}; Ctrl-C ends both.", file=sys.stderr)
        time.sleep(EVERY)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Make of a signal to end what Ctrl-C does."""
    raise KeyboardInterrupt


def main() -> int:
    """Run both."""
    parser = argparse.ArgumentParser(prog="python -m bench.observe", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="of the service")
    parser.add_argument("--prometheus-port", type=int, default=9090)
    parser.add_argument("--every", default="5s", help="how often it scrapes")
    asked = parser.parse_args()
    program = shutil.which("prometheus")
    if program is None:
        raise SystemExit("It needs Debian's package: apt install prometheus")
    check_free(asked.port, "PORT")
    check_free(asked.prometheus_port, "PROMETHEUS_PORT")
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, interrupt)
    with tempfile.TemporaryDirectory(prefix="fyke-observe-") as room, suppress(KeyboardInterrupt):
        config = Path(room) / "fyke.yml"
        config.write_text(CONFIG.read_text().replace(f"{HOST}:8000", f"{HOST}:{asked.port}").replace("5s", asked.every))
        with (
            running(sys.executable, "-m", "fyke", "serve", "--host", HOST, "--port", str(asked.port)) as service,
            running(
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={room}/data",
                f"--web.listen-address={HOST}:{asked.prometheus_port}",
                "--log.level=error",
            ) as prometheus,
        ):
            return watch(service, prometheus, asked.prometheus_port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
