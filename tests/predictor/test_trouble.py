"""Trouble with the store, and trouble with the model, end where they are."""

import asyncio
import concurrent.futures
import os
import signal
from collections.abc import Sequence

import numpy as np
import pytest

from fyke.cache.keys import LEASES
from fyke.cache.redis import RedisStore
from fyke.errors import NotCached, StoreError
from fyke.predictor import Wishes
from tests.conftest import RedisServer
from tests.predictor.models import Gated, Shouting, unverified
from tests.predictor.test_tiers import memory
from tests.waiting import until


class Panic(BaseException):
    """What some extensions raise."""


class Counting(RedisStore):
    """Counts what it is asked."""

    def __init__(self, url: str, deadline: float = 0.03):
        super().__init__(url, deadline=deadline)
        self.lookups: list[Sequence[str]] = []

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values."""
        self.lookups.append(keys)
        return await super().get_many(keys)


def test_a_server_that_hangs_is_soon_left_alone(redis_server: RedisServer) -> None:
    """After five lookups in vain requests go straight to the model; once it answers again, hits return."""

    async def run() -> None:
        store = Counting(redis_server.url)
        async with unverified(Shouting(), store, lease_seconds=None, verify=0) as predictor:
            await predictor.predict("known")
            await until(lambda: predictor.ledger.write.calls == 1)
            os.kill(redis_server.process.pid, signal.SIGSTOP)
            try:
                for number in range(50):
                    assert (await predictor.predict(f"text {number}")).tier == "model"
                assert predictor.tiers.reads.state != "closed"
                assert len(store.lookups) < 12
            finally:
                os.kill(redis_server.process.pid, signal.SIGCONT)

            async def hit() -> bool:
                return (await predictor.predict("known")).tier == "redis"

            await until(hit)

    asyncio.run(run())


def test_nobody_waits_for_the_probe(redis_server: RedisServer) -> None:
    """While the breaker tests the way back, a request is answered without the lookup's reply."""
    held = asyncio.Event()

    class Held(Counting):
        """Holds its replies back."""

        async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
            values = await super().get_many(keys)
            await held.wait()
            return values

    async def run() -> None:
        store = Held(redis_server.url, deadline=5)
        async with unverified(Shouting(), store, lease_seconds=None) as predictor:
            predictor.tiers.reads = type(predictor.tiers.reads)(lambda: 0.0, cooldown=0)
            predictor.tiers.reads.trip()
            for number in range(5):
                assert (await predictor.predict(f"text {number}")).tier == "model"
            assert len(store.lookups) == 1  # one probe at a time
            held.set()
            await until(lambda: predictor.tiers.reads.state == "closed")

    asyncio.run(run())


def test_writes_that_fail_leave_reads_alone(redis_server: RedisServer) -> None:
    """A Redis that is read-only still gives hits, and its writes are soon not tried."""

    async def run() -> None:
        store = Counting(redis_server.url, deadline=5)
        async with unverified(Shouting(), store, lease_seconds=None, verify=0) as predictor:
            await predictor.predict("known")
            await until(lambda: predictor.ledger.write.calls == 1)
            with redis_server.client() as client:
                client.replicaof("127.0.0.1", 1)
            for number in range(20):
                await predictor.predict(f"text {number}")
            await until(lambda: predictor.report()["breakers"] == {"reads": "closed", "writes": "open"})
            assert (await predictor.predict("known")).tier == "redis"
            assert (await predictor.predict("new")).ttl is None  # not said to be stored

    asyncio.run(run())


def test_a_lease_is_given_back_when_the_model_fails(redis_server: RedisServer) -> None:
    """The next one may try at once."""

    async def run() -> None:
        async with unverified(Shouting(), RedisStore(redis_server.url, deadline=5), lease_seconds=0) as predictor:
            with pytest.raises(ValueError, match="poison"):
                await predictor.predict("poison")
        with redis_server.client() as client:
            assert not list(client.scan_iter(LEASES + "*"))

    asyncio.run(run())


def test_a_lease_that_was_not_taken_is_not_given_back(redis_server: RedisServer) -> None:
    """When the store did not answer the request for a lease, another process's stays."""

    class Refusing(RedisStore):
        """Has no leases to give."""

        async def lease_many(self, keys: Sequence[str], ttl_ms: int) -> list[tuple[bytes | None, bool]]:
            raise StoreError("no answer")

    async def run() -> None:
        model = Shouting()
        async with unverified(model, Refusing(redis_server.url, deadline=5), lease_seconds=0) as predictor:
            key = predictor._keyring.key(b"text")
            with redis_server.client() as client:
                client.set(LEASES + key, b"", px=60_000)
            assert (await predictor.predict("text")).tier == "model"
        with redis_server.client() as client:
            assert client.exists(LEASES + key)

    asyncio.run(run())


@pytest.mark.parametrize(
    "error",
    [StopIteration("x"), concurrent.futures.CancelledError(), KeyError("x"), Panic("x"), asyncio.CancelledError()],
)
def test_whatever_the_model_raises_comes_back(error: BaseException) -> None:
    """No request hangs and none is cancelled, and the key is free for the next."""

    class Raising(Shouting):
        def predict_many(self, items: Sequence[str]) -> list[str]:
            if self.calls:
                return super().predict_many(items)
            self.calls.append([])
            raise error

    async def run() -> None:
        async with unverified(Raising()) as predictor, asyncio.timeout(60):
            with pytest.raises(Exception, match=r".*") as raised:
                await predictor.predict("a")
            assert not isinstance(raised.value, asyncio.CancelledError)
            assert (await predictor.predict("a")).tier == "model"
            assert predictor.report()["failed"] == 1

    asyncio.run(run())


def test_answers_look_alike_where_nothing_can_be_kept() -> None:
    """NumPy's numbers come back as JSON's with no-store, and without any cache."""

    class Numbers(Shouting):
        def predict_many(self, items: Sequence[str]) -> list[object]:  # type: ignore[override]
            return [(np.float32(0.5), 1) for _ in items]

    async def run() -> None:
        async with unverified(Numbers(), memory=memory()) as predictor:
            assert (await predictor.predict("a", Wishes(no_store=True))).prediction == [0.5, 1]
        async with unverified(Numbers()) as predictor:
            assert (await predictor.predict("a")).prediction == [0.5, 1]

    asyncio.run(run())


def test_one_poisonous_item_costs_few_passes() -> None:
    """Of 256 items one fails; the halves are tried, not each item alone."""

    async def run() -> None:
        passes = 0

        class Passing(Shouting):
            def predict_many(self, items: Sequence[str]) -> list[str]:
                nonlocal passes
                passes += 1
                return super().predict_many(items)

        async with unverified(Passing()) as predictor:
            outcomes = await predictor.try_many([*map(str, range(100)), "poison", *map(str, range(100, 255))])
            assert [number for number, one in enumerate(outcomes) if isinstance(one, Exception)] == [100]
        assert passes <= 2 * 8 + 1

    asyncio.run(run())


def test_misses_gather_while_the_model_is_busy() -> None:
    """What arrives during a long pass shares the next one."""

    async def run() -> None:
        model = Gated()
        async with unverified(model) as predictor:
            first = asyncio.create_task(predictor.predict("first"))
            await asyncio.to_thread(model.begun.wait, 20)
            rest = []
            for number in range(50):
                rest.append(asyncio.create_task(predictor.predict(str(number))))
                await asyncio.sleep(0)
            await until(lambda: len(predictor._course.computing) == 51)
            model.gate.set()
            await asyncio.gather(first, *rest)
            assert [len(call) for call in model.calls] == [1, 50]

    asyncio.run(run())


def test_different_wishes_share_one_computation() -> None:
    """A plain request and others with a maximal age or no-cache, all at once: the model computes once."""

    async def run() -> None:
        model = Gated()
        async with unverified(model, memory=memory()) as predictor:
            wishes = [Wishes(), Wishes(no_cache=True), *(Wishes(max_age=age) for age in range(20))]
            asking = [asyncio.create_task(predictor.predict("same", one)) for one in wishes]
            await asyncio.to_thread(model.begun.wait, 20)
            model.gate.set()
            answers = await asyncio.gather(*asking)
            assert model.calls == [["same"]]
            assert {answer.prediction for answer in answers} == {model.answer("same")}

    asyncio.run(run())


def test_only_kept_answers_are_looked_for_even_where_the_store_is_skipped(redis_server: RedisServer) -> None:
    """With admission auto and a cheap model, only-if-cached still finds what Redis has."""

    async def run() -> None:
        async with unverified(Shouting(), RedisStore(redis_server.url, deadline=5)) as predictor:
            await predictor.predict("kept")
        store = RedisStore(redis_server.url, deadline=5)
        async with unverified(Shouting(), store, admission="auto") as predictor:
            predictor.ledger.predict.recent, predictor.ledger.lookup.recent = 0.0, 1.0
            for _ in range(3):
                assert (await predictor.predict("kept", Wishes(only_if_cached=True))).tier == "redis"
            with pytest.raises(NotCached):
                await predictor.predict("never", Wishes(only_if_cached=True))

    asyncio.run(run())


def test_an_entry_that_is_too_old_is_refused_wherever_it_is(redis_server: RedisServer) -> None:
    """max-age counts for hits in Redis as for those in memory."""
    now = 10**12

    async def run() -> None:
        nonlocal now
        async with unverified(Shouting(), RedisStore(redis_server.url, deadline=5), clock=lambda: now) as predictor:
            await predictor.predict("a")
        now += 5_000
        async with unverified(Shouting(), RedisStore(redis_server.url, deadline=5), clock=lambda: now) as predictor:
            assert (await predictor.predict("a", Wishes(max_age=5))).tier == "redis"
            answer = await predictor.predict("a", Wishes(max_age=4))
            assert (answer.tier, answer.refused) == ("model", True)

    asyncio.run(run())


def test_a_hit_that_may_not_store_renews_nothing() -> None:
    """no-store on an entry near its end leaves it to its end."""
    now = 10**12

    async def run() -> None:
        nonlocal now
        async with unverified(Shouting(), memory=memory(), clock=lambda: now) as predictor:
            predictor.tiers.memory._clock = lambda: now  # type: ignore[union-attr]
            await predictor.predict("a")
            now += 3_200_000
            assert (await predictor.predict("a", Wishes(no_store=True))).tier == "memory"
            assert predictor.ledger.renewed == 0

    asyncio.run(run())


def test_what_is_computed_during_a_purge_is_not_kept(redis_server: RedisServer) -> None:
    """A purge while the model computes: answered, and kept neither in memory nor in the store."""

    async def run() -> None:
        model, keep = Gated(), memory()
        store = RedisStore(redis_server.url, deadline=5)
        async with unverified(model, store, memory=keep, lease_seconds=None) as predictor:
            asking = asyncio.create_task(predictor.predict("a"))
            await asyncio.to_thread(model.begun.wait, 20)
            await predictor.purge()
            model.gate.set()
            assert (await asking).ttl is None
        assert len(keep) == 0
        with redis_server.client() as client:
            assert client.dbsize() == 0

    asyncio.run(run())


def test_what_was_read_during_a_purge_is_not_kept(redis_server: RedisServer) -> None:
    """A purge while a lookup's reply is on its way: the entry does not enter memory."""
    asked, held = asyncio.Event(), asyncio.Event()

    class Slow(RedisStore):
        async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
            values = await super().get_many(keys)
            asked.set()
            await held.wait()
            return values

    async def run() -> None:
        async with unverified(Shouting(), RedisStore(redis_server.url, deadline=5)) as predictor:
            await predictor.predict("a")
        model = Shouting()
        store = Slow(redis_server.url, deadline=5)
        async with unverified(model, store, memory=memory(), lease_seconds=None) as predictor:
            asking = asyncio.create_task(predictor.predict("a"))
            await asked.wait()
            await predictor.purge()
            held.set()
            assert (await asking).tier == "model"

    asyncio.run(run())


def test_what_is_on_its_way_to_the_store_is_a_hit_until_a_purge(redis_server: RedisServer) -> None:
    """While a write is under way its entry answers; after a purge it does not."""
    held, writing = asyncio.Event(), asyncio.Event()

    class Slow(RedisStore):
        async def set_many(self, writes, done=()):  # type: ignore[no-untyped-def]
            writing.set()
            await held.wait()
            return await super().set_many(writes, done)

    async def run() -> None:
        model = Shouting()
        store = Slow(redis_server.url, deadline=5)
        async with unverified(model, store, lease_seconds=None, verify=0) as predictor:
            await predictor.predict("a")
            await writing.wait()
            assert (await predictor.predict("a")).tier == "memory"
            await predictor.purge()
            assert (await predictor.predict("a")).tier == "model"
            assert model.computed == 2
            held.set()

    asyncio.run(run())


def test_a_verification_that_fails_is_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    """After a model's panic during one, the others of the sample are verified."""

    class Once(Shouting):
        def predict_many(self, items: Sequence[str]) -> list[str]:
            if len(self.calls) == 1:
                self.calls.append([])
                raise Panic("x")
            return super().predict_many(items)

    async def run() -> None:
        async with unverified(Once(), memory=memory(), verify=1.0) as predictor:
            for _ in range(20):
                await predictor.predict("a")
            await until(lambda: not predictor._kept.waiting)
            assert predictor.ledger.verified == 18

    asyncio.run(run())
    assert "could not be verified" in caplog.text


def test_a_predictor_that_is_closed_says_so() -> None:
    """A request after the end fails, and does not hang."""

    async def run() -> None:
        predictor = unverified(Shouting())
        await predictor.close()
        async with asyncio.timeout(60):
            with pytest.raises(RuntimeError):
                await predictor.predict("a")

    asyncio.run(run())


def test_what_is_read_while_a_purge_walks_is_not_kept(redis_server: RedisServer) -> None:
    """A lookup during the walk may hit; when the purge has returned, memory is empty."""
    walking, held = asyncio.Event(), asyncio.Event()

    class Walking(RedisStore):
        async def purge(self, prefix: str) -> int:
            walking.set()
            await held.wait()
            return await super().purge(prefix)

    async def run() -> None:
        keep = memory()
        predictor = unverified(Shouting(), Walking(redis_server.url, deadline=5), memory=keep)  # does not follow purges
        await predictor.predict("a")
        await predictor._flights.drain()
        purging = asyncio.create_task(predictor.purge())
        await walking.wait()
        assert (await predictor.predict("a")).tier == "redis"
        held.set()
        await purging
        assert len(keep) == 0
        await predictor.close()

    asyncio.run(run())
