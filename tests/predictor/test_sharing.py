"""One computation for one key: in a process, and with a lease in all of them."""

import asyncio
import sys
from pathlib import Path

import pytest

from fyke.cache.keys import LEASES, PUBLIC_SECRET, Keyring
from fyke.cache.redis import RedisStore
from tests.conftest import ROOT, RedisServer
from tests.predictor.models import Gated, Shouting, unverified
from tests.waiting import until


def test_a_thousand_identical_misses_make_one_call(redis_server: RedisServer) -> None:
    """However many ask for one key at once, the model is called once, and all get its answer."""

    async def run() -> None:
        model = Gated()
        async with unverified(model, RedisStore(redis_server.url, deadline=5)) as predictor:
            asking = [asyncio.create_task(predictor.predict("same")) for _ in range(500)]
            await asyncio.to_thread(model.begun.wait, 20)
            asking += [asyncio.create_task(predictor.predict(" same")) for _ in range(500)]
            await asyncio.sleep(0)
            model.gate.set()
            answers = await asyncio.gather(*asking)
            assert model.calls == [["same"]]
            assert {answer.prediction for answer in answers} == {model.answer("same")}
            assert sum(answer.shared for answer in answers) == 999

    asyncio.run(run())


def test_a_client_that_leaves_cancels_nobody_elses() -> None:
    """The first of three who wait is cancelled; the other two get the answer of the one computation."""

    async def run() -> None:
        model = Gated()
        async with unverified(model) as predictor:
            first, second, third = (asyncio.create_task(predictor.predict("same")) for _ in range(3))
            await asyncio.to_thread(model.begun.wait, 20)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            model.gate.set()
            assert (await second).prediction == (await third).prediction == model.answer("same")
            assert model.computed == 1

    asyncio.run(run())


def test_a_computation_whose_clients_all_left_is_kept(redis_server: RedisServer) -> None:
    """What was begun is finished and stored, so that the next request is a hit."""

    async def run() -> None:
        model = Gated()
        async with unverified(model, RedisStore(redis_server.url, deadline=5)) as predictor:
            only = asyncio.create_task(predictor.predict("same"))
            await asyncio.to_thread(model.begun.wait, 20)
            only.cancel()
            model.gate.set()
            answer = await predictor.predict("same")
            assert model.computed == 1
            assert answer.prediction == model.answer("same")

    asyncio.run(run())


def test_an_error_is_shared_and_not_kept() -> None:
    """All who wait for a failing computation get its error; the next request computes again."""

    async def run() -> None:
        model = Gated()
        async with unverified(model) as predictor:
            asking = [asyncio.create_task(predictor.predict("poison")) for _ in range(10)]
            await asyncio.to_thread(model.begun.wait, 20)
            model.gate.set()
            outcomes = await asyncio.gather(*asking, return_exceptions=True)
            assert {str(outcome) for outcome in outcomes} == {"poison"}
            assert len(model.calls) == 1
            with pytest.raises(ValueError, match="poison"):
                await predictor.predict("poison")
            assert len(model.calls) == 2

    asyncio.run(run())


def test_four_processes_with_the_lease_make_one_call_in_all(redis_server: RedisServer, tmp_path: Path) -> None:
    """A thousand identical misses at once, in four processes: the model computes once in all."""

    async def run() -> list[str]:
        workers = [
            await asyncio.create_subprocess_exec(
                *[sys.executable, "-m", "tests.predictor.worker", redis_server.url, "250"],
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            for _ in range(4)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert await worker.stdout.readline() == b"ready\n"
        results = await asyncio.gather(*(worker.communicate(b"go\n") for worker in workers))
        return [line for out, _ in results for line in out.decode().splitlines()]

    said = asyncio.run(run())
    assert said.count("right 250") == 4
    with redis_server.client() as client:
        assert client.get("computed") == b"1"
        assert not list(client.scan_iter(LEASES + "*"))


def test_a_lease_whose_owner_died_costs_a_bounded_wait(redis_server: RedisServer) -> None:
    """A lease that nobody renews runs out; then the prediction is made here."""
    model = Shouting()
    key = Keyring(PUBLIC_SECRET, "default", model.id).key(b"text")
    with redis_server.client() as client:
        client.set(LEASES + key, b"", px=300)

    async def run() -> None:
        async with unverified(model, RedisStore(redis_server.url, deadline=5), lease_seconds=0) as predictor:
            async with asyncio.timeout(60):
                answer = await predictor.predict("text")
            assert (answer.tier, answer.prediction) == ("model", model.answer("text"))
            assert predictor.ledger.lease_waits == 1

    asyncio.run(run())


def test_a_lease_lives_as_long_as_its_owner_computes(redis_server: RedisServer) -> None:
    """The owner renews its lease, so that a computation longer than the lease is still made once."""

    async def run() -> None:
        slow, quick = Gated("model"), Shouting("model")
        owner = unverified(slow, RedisStore(redis_server.url, deadline=5), lease_seconds=0)
        other = unverified(quick, RedisStore(redis_server.url, deadline=5), lease_seconds=0)
        async with owner, other:
            first = asyncio.create_task(owner.predict("text"))
            await asyncio.to_thread(slow.begun.wait, 20)
            (lease,) = await asyncio.to_thread(_leases, redis_server)
            with redis_server.client() as client:
                client.pexpire(lease, 600)  # as if most of it had passed
            second = asyncio.create_task(other.predict("text"))
            await until(lambda: other.ledger.lease_waits == 1)
            with redis_server.client() as client:
                await until(lambda: client.pttl(lease) > 1000)
            slow.gate.set()
            assert (await first).tier == "model"
            assert (await second).tier == "redis"
            assert quick.calls == []

    asyncio.run(run())


def _leases(server: RedisServer) -> list[bytes]:
    with server.client() as client:
        return list(client.scan_iter(LEASES + "*"))
