"""Memory over the store: what is kept where, for how long, and how it is forgotten."""

import asyncio
import random
import sys
import time

import pytest

from fyke.cache.lifetimes import Lifetimes
from fyke.cache.opening import new_memory
from fyke.cache.redis import RedisStore
from fyke.cache.store import Write
from fyke.predictor import Predictor, Wishes
from tests.conftest import ROOT, RedisServer
from tests.predictor.models import Shouting, unverified
from tests.waiting import until

HOUR = 3_600_000


class Clock:
    """Milliseconds since the epoch, moved by hand."""

    def __init__(self) -> None:
        self.now = time.time_ns() // 1_000_000

    def __call__(self) -> int:
        """What time it is."""
        return self.now


def memory(clock: Clock | None = None):  # type: ignore[no-untyped-def]
    """A memory tier, by the test's clock."""
    tier = new_memory(max_entries=1000, max_bytes=2**20)
    assert tier is not None
    if clock is not None:
        tier._clock = clock
    return tier


def test_an_answer_comes_from_the_nearest_tier(redis_server: RedisServer) -> None:
    """Memory before the store, the store before the model; a hit in the store is kept in memory."""

    async def run() -> None:
        async with unverified(Shouting(), RedisStore(redis_server.url, deadline=5), memory=memory()) as first:
            tiers = [(await first.predict("text")).tier for _ in range(2)]
        async with unverified(Shouting(), RedisStore(redis_server.url, deadline=5), memory=memory()) as second:
            tiers += [(await second.predict("text")).tier for _ in range(2)]
        assert tiers == ["model", "memory", "redis", "memory"]

    asyncio.run(run())


def test_memory_never_outlives_the_entry(redis_server: RedisServer) -> None:
    """What memory took from the store with a second to live is gone from memory in a second."""
    clock = Clock()
    lifetimes = Lifetimes(HOUR, jitter=0, max_age=HOUR)

    def predictor() -> Predictor[str, str]:
        store = RedisStore(redis_server.url, deadline=5)
        return unverified(Shouting(), store, memory=memory(clock), lifetimes=lifetimes, clock=clock)

    async def run() -> None:
        async with predictor() as first:
            await first.predict("text")
        clock.now += HOUR - 1000
        async with predictor() as second:
            assert (await second.predict("text")).tier == "redis"
            clock.now += 999
            assert (await second.predict("text")).tier == "memory"
            clock.now += 1
            assert (await second.predict("text")).tier == "model"

    asyncio.run(run())


def test_a_hit_near_expiry_renews_the_entry(redis_server: RedisServer) -> None:
    """In the last quarter of its TTL a hit gives the entry a new one, in the store and in memory; before, not."""
    clock = Clock()
    keep = memory(clock)

    async def run() -> None:
        store = RedisStore(redis_server.url, deadline=5)
        lifetimes = Lifetimes(HOUR, jitter=0)
        async with unverified(Shouting(), store, memory=keep, lifetimes=lifetimes, clock=clock) as predictor:
            await predictor.predict("text")
            clock.now += HOUR // 2
            assert (await predictor.predict("text")).ttl == 1800
            assert predictor.ledger.renewed == 0
            clock.now += HOUR // 3
            await predictor.predict("text")
            await until(lambda: predictor.ledger.renewed == 1)
            answer = await predictor.predict("text")
            assert (answer.tier, answer.ttl, answer.age) == ("memory", 3600, 3000)
            clock.now += HOUR - 1
            assert (await predictor.predict("text")).tier == "memory"

    asyncio.run(run())


def test_a_hit_in_the_store_renews_in_the_same_pipeline_as_the_writes(redis_server: RedisServer) -> None:
    """A batch of a hit near expiry and a miss makes one write of both."""
    clock = Clock()

    class Quick(Shouting):
        quick = True

    def predictor() -> Predictor[str, str]:
        store = RedisStore(redis_server.url, deadline=5)
        return unverified(Quick(), store, lifetimes=Lifetimes(HOUR, jitter=0), clock=clock)

    async def run() -> None:
        async with predictor() as first:
            await first.predict("old")
        clock.now += HOUR - 1000
        async with predictor() as second:
            second.ledger.predict.recent = 0.0
            answers = await second.predict_many(["old", "new"])
            assert [answer.tier for answer in answers] == ["redis", "model"]
        assert (second.ledger.renewed, second.ledger.write.calls) == (1, 1)
        with redis_server.client() as client:
            assert sorted(client.pttl(key) // 1000 for key in client.scan_iter("fyke:*")) == [3599, 3599]

    asyncio.run(run())


def test_no_renewal_passes_the_max_age(redis_server: RedisServer) -> None:
    """With a max age, an entry is made anew when it is that old, however often it was hit."""
    clock = Clock()
    model = Shouting()

    async def run() -> None:
        store = RedisStore(redis_server.url, deadline=5)
        lifetimes = Lifetimes(60_000, jitter=0, max_age=150_000)
        async with unverified(model, store, memory=memory(clock), lifetimes=lifetimes, clock=clock) as predictor:
            for _ in range(30):  # one hit in each 10 seconds, for 300 of them
                await predictor.predict("text")
                await until(lambda: not (predictor.tiers._renewing or predictor.tiers._landing))
                clock.now += 10_000
        assert model.computed == 2

    asyncio.run(run())


def test_what_the_store_has_lost_is_not_renewed(redis_server: RedisServer) -> None:
    """A hit in memory does not bring back what was evicted from the store: it leaves memory too."""
    clock = Clock()
    keep = memory(clock)

    async def run() -> None:
        store = RedisStore(redis_server.url, deadline=5)
        async with unverified(Shouting(), store, memory=keep, lifetimes=Lifetimes(HOUR), clock=clock) as predictor:
            await predictor.predict("text")
            await until(lambda: predictor.ledger.write.calls == 1)
            with redis_server.client() as client:
                client.flushall()
            clock.now += HOUR * 8 // 10
            assert (await predictor.predict("text")).tier == "memory"
            await until(lambda: len(keep) == 0)
            with redis_server.client() as client:
                assert client.dbsize() == 0

    asyncio.run(run())


def test_ttls_are_spread() -> None:
    """Entries made at one time expire over a tenth of the TTL."""
    lifetimes = Lifetimes(HOUR, jitter=0.1)
    rng = random.Random(1)
    spread = [lifetimes.expiry(0, 0, rng) for _ in range(1000)]
    assert 0.9 * HOUR <= min(spread) < 0.91 * HOUR
    assert 0.99 * HOUR < max(spread) <= HOUR


def test_wishes_are_kept() -> None:
    """no-cache computes anew, no-store keeps nothing, max-age refuses what is older."""
    clock = Clock()
    model = Shouting()

    async def run() -> None:
        async with unverified(model, memory=memory(clock), clock=clock) as predictor:
            assert (await predictor.predict("a", Wishes(no_store=True))).ttl is None
            assert (await predictor.predict("a")).tier == "model"
            clock.now += 5_000
            assert (await predictor.predict("a", Wishes(max_age=5))).age == 5
            assert (await predictor.predict("a", Wishes(max_age=4))).refused
            assert (await predictor.predict("a", Wishes(max_age=0))).age == 0
            assert (await predictor.predict("a", Wishes(no_cache=True))).refused
        assert model.computed == 4

    asyncio.run(run())


def test_a_wish_for_kept_answers_only_does_not_wait_for_a_computation() -> None:
    """only-if-cached fails at once, also while another request computes the same."""
    from fyke.errors import NotCached
    from tests.predictor.models import Gated, unverified

    async def run() -> None:
        model = Gated()
        async with unverified(model) as predictor:
            slow = asyncio.create_task(predictor.predict("a"))
            await asyncio.to_thread(model.begun.wait, 20)
            with pytest.raises(NotCached):
                await predictor.predict("a", Wishes(only_if_cached=True))
            model.gate.set()
            await slow

    asyncio.run(run())


def test_a_purge_reaches_four_processes_within_a_second(redis_server: RedisServer) -> None:
    """Each of four processes has the entry in memory; a purge made in a fifth empties all within a second."""

    async def run() -> None:
        workers = [
            await asyncio.create_subprocess_exec(
                *[sys.executable, "-m", "tests.predictor.keeper", redis_server.url],
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            for _ in range(4)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert await worker.stdout.readline() == b"kept\n"
        async with unverified(Shouting(), RedisStore(redis_server.url, deadline=5)) as fifth:
            purged = time.time()
            assert await fifth.purge() == 1
        forgot = await asyncio.gather(*(worker.communicate() for worker in workers))
        for said, _ in forgot:
            assert 0 <= float(said) - purged < 1

    asyncio.run(run())


def test_a_purge_covers_what_it_names(redis_server: RedisServer) -> None:
    """One model of a namespace, a namespace, or everything; the others stay."""

    async def fill(namespace: str, model_id: str) -> Predictor[str, str]:
        store = RedisStore(redis_server.url, deadline=5)
        predictor = unverified(Shouting(model_id), store, memory=memory(), namespace=namespace)
        await predictor.start()
        await predictor.predict("text")
        await until(lambda: predictor.ledger.write.calls == 1)
        return predictor

    async def run() -> None:
        a1, a2, b1 = [await fill(*which) for which in (("a", "one"), ("a", "two"), ("b", "one"))]
        assert await a1.purge("one") == 1
        assert (await a2.predict("text")).tier == "memory"
        assert (await a1.predict("text")).tier == "model"
        await until(lambda: a1.ledger.write.calls == 2)
        assert await a1.purge() == 2
        await until(lambda: a2.report()["memory"]["entries"] == 0)
        assert (await b1.predict("text")).tier == "memory"
        assert await a1.purge(everything=True) == 1
        await until(lambda: b1.report()["memory"]["entries"] == 0)
        for predictor in (a1, a2, b1):
            await predictor.close()

    asyncio.run(run())


def test_a_write_that_a_purge_overtakes_leaves_nothing(redis_server: RedisServer) -> None:
    """What was on its way to the store during a purge is dropped again, in memory and in the store."""
    held = asyncio.Event()
    writing = asyncio.Event()

    class Slow(RedisStore):
        """Holds its writes back until it is told."""

        async def set_many(self, writes, done=()):  # type: ignore[no-untyped-def]
            writing.set()
            await held.wait()
            return await super().set_many(writes, done)

    async def run() -> None:
        keep = memory()
        async with unverified(Shouting(), Slow(redis_server.url, deadline=5), memory=keep) as predictor:
            await predictor.predict("text")
            await writing.wait()
            await predictor.purge()
            held.set()
        assert len(keep) == 0

    asyncio.run(run())
    with redis_server.client() as client:
        assert client.dbsize() == 0


def test_memory_is_bounded_and_charged_what_it_takes() -> None:
    """Never more entries or bytes than allowed; the bytes charged are those that tracemalloc measures, within 15 %."""
    import secrets
    import tracemalloc

    from fyke.cache.entry import Entry

    keep = new_memory(max_entries=50_000, max_bytes=20_000_000)
    assert keep is not None
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(20_000):
        key = f"fyke:1:default:{'0' * 32}:{secrets.token_hex(16)}"
        entry = Entry(number.to_bytes(8), HOUR * 10**6 + number, 2 * HOUR * 10**6 + number, f"seven words {number}")
        keep.put(key, entry, entry.expires)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert keep.bytes == pytest.approx(taken, rel=0.15)
    for number in range(40_000):
        keep.put(str(number), Entry(b"8 bytes.", 0, 2**63), 2**63)
    assert keep.bytes <= 20_000_000
    assert len(keep) <= 50_000


def test_a_renewal_write_says_whether_there_was_anything_to_renew(redis_server: RedisServer) -> None:
    """`set_many` reports per write, the renewals of nothing as not kept."""

    async def run() -> None:
        store = RedisStore(redis_server.url, deadline=5)
        assert await store.set_many([Write("fyke:1:a", b"1", 1000), Write("fyke:1:b", b"1", 1000, renewal=True)]) == [
            True,
            False,
        ]
        await store.close()

    asyncio.run(run())
