"""Several processes behind one port."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from bench import processes
from fyke.model.directory import WEIGHTS
from tests.conftest import FYKE, Serve, Service, free_port, wait_until_ready
from tests.service.rolling import following, small
from tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


def workers(service: Service) -> set[int]:
    """The processes of a service that serve."""
    return processes.workers(service.process.pid)


def stops_whole(service: Service, how: signal.Signals) -> None:
    """Stop a service and wait for the end of all that it had started."""
    running = processes.children(service.process.pid)
    service.stop(how)
    asyncio.run(until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in running)))
    assert "Traceback" not in service.said()


def test_workers_share_predictions_and_stop_together(serve: Serve) -> None:
    """What one has computed, the other finds in the store; SIGTERM ends all."""
    service = serve("--cache-url", "embedded://", "--workers", "2")
    tiers = set()

    def ask(_: int) -> None:
        answer = httpx.post(service.url + "/predict", json={"text": "you have won"})
        tiers.add(answer.headers["cache-status"].rpartition("=")[2])

    def both_asked() -> bool:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(8)))
        return len(tiers) == 3

    ask(0)
    asyncio.run(until(both_asked))
    assert tiers == {"model", "memory", "redis"}
    stops_whole(service, signal.SIGTERM)


@pytest.fixture
def starting(tmp_path: Path) -> Iterator[Service]:
    """Two processes of the shipped model, from their very beginning."""
    log, port = tmp_path / "serve.log", free_port()
    with log.open("w") as file:
        command = [*FYKE, "serve", "--port", str(port), "--cache-url", "none://", "--workers", "2"]
        process = subprocess.Popen(command, stdout=file, stderr=file, text=True)
    service = Service(process, f"http://127.0.0.1:{port}", log)
    yield service
    service.stop()


def heeds_hangups(pid: int) -> bool:
    """Whether SIGHUP is ignored or caught."""
    status = Path(f"/proc/{pid}/status").read_text()
    return any(int(line.split()[1], 16) & 1 for line in status.splitlines() if line.startswith(("SigIgn", "SigCgt")))


def test_without_a_directory_nobody_ends_for_being_told_to_look_again(starting: Service) -> None:
    """SIGHUP while it starts, SIGHUP when it serves, POST /admin/reload: no process ends by that signal."""

    def told() -> int:
        return starting.said().count("the shipped model is served")

    asyncio.run(until(lambda: heeds_hangups(starting.process.pid)))
    starting.process.send_signal(signal.SIGHUP)
    asyncio.run(until(lambda: len(workers(starting)) > 0))
    starting.process.send_signal(signal.SIGHUP)
    wait_until_ready(starting)
    heard = told()
    starting.process.send_signal(signal.SIGHUP)
    asyncio.run(until(lambda: told() > heard))
    reloaded = httpx.post(starting.url + "/admin/reload", timeout=60)
    assert (reloaded.status_code, reloaded.json()["changed"]) == (200, False)
    assert httpx.post(starting.url + "/predict", json={"text": "you have won"}, timeout=60).is_success
    assert f"has died (-{signal.SIGHUP.value})" not in starting.said()


def test_a_worker_that_cannot_be_replaced_leaves_the_others_serving(tmp_path: Path) -> None:
    """While the model is broken, a replacement does not start and the rest answer; mended, SIGHUP hurries the next."""
    place = tmp_path / "model"
    small(place, 0.0)
    weights = (place / WEIGHTS).read_bytes()

    def answers() -> bool:
        return httpx.post(service.url + "/predict", json={"text": "you have won"}, timeout=60).is_success

    def both_serve() -> bool:
        return "fyke_processes 2" in httpx.get(service.url + "/metrics", timeout=60).text

    with following(tmp_path, place, "--workers", "2", FYKE_MODEL_FOLLOW="0") as service:
        asyncio.run(until(both_serve))  # one that still starts would find the broken model too
        (place / WEIGHTS).write_bytes(weights[:-9])
        victim, survivor = sorted(workers(service))
        os.kill(victim, signal.SIGKILL)
        asyncio.run(until(lambda: "a process cannot start; 1 of 2 go on" in service.said()))
        assert survivor in workers(service)
        assert answers()
        (place / WEIGHTS).write_bytes(weights)
        service.process.send_signal(signal.SIGHUP)
        asyncio.run(until(lambda: len(workers(service)) == 2))
        assert answers()
        assert "cut short or altered" in service.said()
        stops_whole(service, signal.SIGTERM)


def test_a_worker_that_dies_is_replaced_and_none_is_left(serve: Serve) -> None:
    """After kill -9 of one there are two again, and requests are answered; after kill -9 of the service, none."""
    service = serve("--cache-url", "none://", "--workers", "2")
    asyncio.run(until(lambda: len(workers(service)) == 2))
    victim = min(workers(service))
    os.kill(victim, signal.SIGKILL)
    asyncio.run(until(lambda: len(workers(service) - {victim}) == 2))
    assert httpx.post(service.url + "/predict", json={"text": "you have won"}).status_code == 200
    stops_whole(service, signal.SIGKILL)
