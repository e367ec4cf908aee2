"""SIGTERM and kill -9 while clients ask."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from tests.service.rolling import answers, following, small
from tests.service.test_workers import workers
from tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

CLIENTS = 6


@pytest.mark.parametrize("count", [1, 2])
def test_nothing_is_lost_between_sigterm_and_the_end(tmp_path: Path, count: int) -> None:
    """Readiness turns false while predictions go on, and each answer ends its connection, so that clients move on.

    SIGINT ends the time that they have; then nobody listens.
    """
    model = small(tmp_path / "model", 0.0)
    right = answers(model, "won")

    async def run() -> None:
        flags = ("--workers", str(count))
        with following(tmp_path, tmp_path / "model", *flags, FYKE_DRAIN_SECONDS="600") as service:
            told: list[int] = []

            async def ask(client: httpx.AsyncClient) -> None:
                ended = False
                while not ended:
                    answer = await client.post("/predict", json={"text": "won"})
                    assert (answer.status_code, answer.json()) == (200, right)
                    ended = answer.headers.get("connection") == "close"
                    told.append(1)

            async with httpx.AsyncClient(base_url=service.url, timeout=60) as client, asyncio.TaskGroup() as group:
                for _ in range(CLIENTS):
                    group.create_task(ask(client))
                await until(lambda: len(told) > 50)
                serving = workers(service) if count > 1 else {service.process.pid}
                service.process.send_signal(signal.SIGTERM)
            async with httpx.AsyncClient(base_url=service.url, timeout=60) as late:
                assert (await late.get("/readyz")).status_code == 503
                assert (await late.post("/predict", json={"text": "won"})).status_code == 200
            for pid in serving:
                os.kill(pid, signal.SIGINT)
            await until(lambda: service.process.poll() is not None)
            with pytest.raises(httpx.ConnectError):
                await asyncio.to_thread(httpx.get, service.url + "/readyz")
            assert "Traceback" not in service.said()

    asyncio.run(run())


def test_a_request_that_takes_longer_than_the_deadline_is_cut_off(tmp_path: Path) -> None:
    """A client that never ends its request does not keep the service from stopping."""
    small(tmp_path / "model", 0.0)

    async def run() -> None:
        with following(tmp_path, tmp_path / "model", FYKE_STOP_SECONDS="1") as service:
            host, port = service.url.removeprefix("http://").split(":")
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"POST /predict/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n")
            writer.write(b"content-length: 100\r\n\r\n{")
            await writer.drain()
            async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:
                assert (await client.get("/livez")).status_code == 200  # read after what came before
            service.process.send_signal(signal.SIGTERM)
            await until(lambda: service.process.poll() is not None)
            writer.close()

    asyncio.run(run())


def test_a_worker_that_is_killed_loses_at_most_what_it_was_answering(tmp_path: Path) -> None:
    """Of closed-loop clients each loses one request at most, and all go on with what is left."""
    model = small(tmp_path / "model", 0.0)
    right = answers(model, "won")

    async def run() -> None:
        with following(tmp_path, tmp_path / "model", "--workers", "2") as service:
            await until(lambda: len(workers(service)) == 2)
            lost = [0] * CLIENTS
            told = [0] * CLIENTS
            over = False

            async def ask(number: int) -> None:
                async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:
                    while not over:
                        try:
                            answer = await client.post("/predict", json={"text": "won"})
                        except httpx.TransportError:
                            lost[number] += 1
                            continue
                        assert (answer.status_code, answer.json()) == (200, right)
                        told[number] += 1

            async with asyncio.TaskGroup() as group:
                for number in range(CLIENTS):
                    group.create_task(ask(number))
                await until(lambda: min(told) > 10)
                victim = min(workers(service))
                os.kill(victim, signal.SIGKILL)
                before = list(told)
                await until(lambda: all(now > then + 10 for now, then in zip(told, before, strict=True)))
                await until(lambda: len(workers(service) - {victim}) == 2)
                over = True
            assert max(lost) <= 1

    asyncio.run(run())
