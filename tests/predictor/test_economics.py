"""Whether the cache pays is measured, and said."""

import asyncio
import threading
from collections.abc import Sequence

from fyke.cache.opening import new_memory
from fyke.cache.redis import RedisStore
from fyke.predictor import Predictor
from tests.conftest import RedisServer
from tests.predictor.models import Shouting


class Dear(Shouting):
    """Takes twenty milliseconds an item."""

    def predict_many(self, items: Sequence[str]) -> list[str]:
        """One answer for each."""
        threading.Event().wait(0.02 * len(items))
        return super().predict_many(items)


def test_the_cache_of_a_dear_model_pays_and_of_a_cheap_one_does_not(redis_server: RedisServer) -> None:
    """Time saved, net of lookups and writes, is positive for hits on a dear model, negative on a trivial one."""

    async def run() -> None:
        for model, pays in ((Dear("dear"), True), (Shouting("cheap"), False)):
            async with Predictor(model, RedisStore(redis_server.url, deadline=5)) as predictor:
                for _ in range(4):
                    for number in range(20):
                        await predictor.predict(f"text {number}")
            report = predictor.report()
            assert report["pays"] is pays
            assert (report["saved_seconds"] > 0) is pays
            assert report["admission"]["auto_would"] == ("ask the store" if pays else "skip the store")
            assert report["hits"]["redis"] + report["hits"]["memory"] == 60
            assert report["requests"] == 80
            assert report["bytes"]["written"] > 0

    asyncio.run(run())


def test_admission_auto_skips_the_store_for_a_cheap_model(redis_server: RedisServer) -> None:
    """Once computing is measured to be cheaper than asking, Redis is asked only now and then; memory still serves."""

    async def run() -> None:
        memory = new_memory(max_entries=5000, max_bytes=2**24)
        store = RedisStore(redis_server.url, deadline=5)
        async with Predictor(Shouting(), store, memory=memory, admission="auto") as predictor:
            for number in range(1000):
                await predictor.predict(f"text {number}")
            assert (await predictor.predict("text 999")).tier == "memory"
            assert predictor.ledger.skipped > 900
            assert 10 <= predictor.ledger.lookup.calls < 100
        with redis_server.client() as client:
            assert client.dbsize() == predictor.ledger.write.items < 100

    asyncio.run(run())


def test_admission_auto_asks_the_store_for_a_dear_model(redis_server: RedisServer) -> None:
    """Where computing is dearer, auto is as always."""

    async def run() -> None:
        for _ in range(2):
            store = RedisStore(redis_server.url, deadline=5)
            async with Predictor(Dear(), store, admission="auto") as predictor:
                tiers = {(await predictor.predict(f"text {number}")).tier for number in range(5)}
        assert tiers == {"redis"}
        assert predictor.ledger.skipped == 0

    asyncio.run(run())
