"""Whether the cache pays is measured, and said. Time is moved by hand here, so that it costs what it is said to."""

import asyncio
from collections.abc import Sequence

import pytest

from fyke.cache.opening import new_memory
from fyke.cache.redis import RedisStore
from fyke.cache.store import Write
from tests.conftest import RedisServer
from tests.predictor.models import Shouting, unverified


class Watch:
    """Seconds that pass when somebody says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


class Costly(Shouting):
    """Takes some seconds an item."""

    def __init__(self, model_id: str, seconds: float, watch: Watch):
        super().__init__(model_id)
        self._seconds, self._watch = seconds, watch

    def predict_many(self, items: Sequence[str]) -> list[str]:
        """One answer for each, and the time it takes."""
        self._watch.now += self._seconds * len(items)
        return super().predict_many(items)


class Distant(RedisStore):
    """A Redis that is a millisecond away."""

    def __init__(self, url: str, watch: Watch):
        super().__init__(url, deadline=5)
        self._watch = watch

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values, a millisecond later."""
        self._watch.now += 0.001
        return await super().get_many(keys)

    async def set_many(self, writes: Sequence[Write], done: Sequence[str] = ()) -> list[bool]:
        """Kept, a millisecond later."""
        self._watch.now += 0.001
        return await super().set_many(writes, done)


@pytest.mark.parametrize(("seconds", "pays"), [(0.02, True), (0.0001, False)])
def test_time_saved_is_net_of_what_the_cache_costs(redis_server: RedisServer, seconds: float, pays: bool) -> None:
    """Hits on a dear model save time, on a trivial one they cost it, and the report says which and how much."""
    watch = Watch()

    async def run() -> None:
        model = Costly("costly", seconds, watch)
        async with unverified(
            model, Distant(redis_server.url, watch), monotonic=watch, lease_seconds=None
        ) as predictor:
            for _ in range(4):
                for number in range(5):
                    await predictor.predict(f"text {number}")
                    await predictor._flights.drain()
        report = predictor.report()
        assert (report["requests"], report["hits"]["redis"], report["misses"]) == (20, 15, 5)
        saved = 15 * seconds - 20 * 0.001 - 5 * 0.001  # hits not computed, less 20 lookups and 5 writes
        assert report["saved_seconds"] == pytest.approx(saved, abs=1e-6)
        assert report["pays"] is pays
        assert report["admission"]["auto_would"] == ("ask the store" if pays else "skip the store")
        assert report["bytes"]["written"] > 0

    asyncio.run(run())


def test_admission_auto_skips_the_store_for_a_cheap_model(redis_server: RedisServer) -> None:
    """Once computing is measured to be cheaper than asking, Redis is asked only now and then; memory still serves."""
    watch = Watch()

    async def run() -> None:
        memory = new_memory(max_entries=5000, max_bytes=2**24)
        store = Distant(redis_server.url, watch)
        model = Costly("cheap", 0.0001, watch)
        async with unverified(model, store, memory=memory, admission="auto", monotonic=watch) as predictor:
            for number in range(1000):
                await predictor.predict(f"text {number}")
            assert (await predictor.predict("text 999")).tier == "memory"
            assert predictor.ledger.skipped == 989
            assert predictor.ledger.lookup.calls == 11
        with redis_server.client() as client:
            assert client.dbsize() == predictor.ledger.write.items == 11

    asyncio.run(run())


def test_admission_auto_asks_the_store_for_a_dear_model(redis_server: RedisServer) -> None:
    """Where computing is dearer, auto is as always."""
    watch = Watch()

    async def run() -> None:
        for _ in range(2):
            store = Distant(redis_server.url, watch)
            model = Costly("dear", 0.02, watch)
            async with unverified(model, store, admission="auto", monotonic=watch) as predictor:
                tiers = {(await predictor.predict(f"text {number}")).tier for number in range(5)}
        assert tiers == {"redis"}
        assert predictor.ledger.skipped == 0

    asyncio.run(run())
