"""A cached answer is never wrong."""

import asyncio
import logging
import random

import pytest

from fyke.cache.opening import new_memory
from fyke.cache.redis import RedisStore
from fyke.predictor import Predictor
from tests.conftest import RedisServer
from tests.predictor.models import Shouting, unverified
from tests.waiting import until


def test_two_models_never_answer_for_each_other(redis_server: RedisServer) -> None:
    """The same input under two models, two namespaces and two secrets has an entry for each."""

    async def run() -> None:
        for model_id in ("one", "two"):
            for namespace in ("a", "b"):
                for secret in (b"s", b"t"):
                    model = Shouting(model_id)
                    store = RedisStore(redis_server.url, deadline=5)
                    async with unverified(model, store, namespace=namespace, secret=secret) as predictor:
                        answer = await predictor.predict("text")
                    assert (answer.tier, answer.prediction) == ("model", f"TEXT says {model_id}")
        with redis_server.client() as client:
            assert client.dbsize() == 8

    asyncio.run(run())


def test_a_model_swap_under_load_gives_no_answer_of_the_wrong_model(redis_server: RedisServer) -> None:
    """Of 100,000 requests while two models take turns at random, each answer is its own model's."""

    async def run() -> None:
        shared = new_memory(max_entries=500, max_bytes=2**20)
        models = [Shouting("old"), Shouting("new")]
        predictors = [
            Predictor(model, RedisStore(redis_server.url, deadline=5), memory=shared, verify=0) for model in models
        ]
        now = predictors[0]
        done = 0

        async def client(seed: int) -> None:
            nonlocal done, now
            rng = random.Random(seed)
            for _ in range(100):
                texts = [f"text {rng.randrange(2000)}" for _ in range(50)]
                serving, model = now, models[predictors.index(now)]
                for text, answer in zip(texts, await serving.predict_many(texts), strict=True):
                    assert answer.prediction == model.answer(text)
                    done += 1
                now = rng.choice(predictors)  # the swap, while nineteen other clients wait for answers

        async with predictors[0], predictors[1]:
            await asyncio.gather(*(client(seed) for seed in range(20)))
        assert done == 100_000
        for predictor in predictors:
            assert predictor.ledger.memory_hits > 100
            assert predictor.ledger.redis_hits > 100
            assert predictor.ledger.misses > 100

    asyncio.run(run())


def test_every_altered_byte_of_an_entry_is_a_miss(redis_server: RedisServer) -> None:
    """With any one byte of the stored value changed, or any part cut off, the model answers and it is counted."""

    async def run() -> None:
        model = Shouting()
        async with unverified(model, RedisStore(redis_server.url, deadline=5)) as predictor:
            await predictor.predict("text")
        with redis_server.client() as client:
            (key,) = client.scan_iter("fyke:*")
            good = client.get(key)
            altered = [good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :] for at in range(len(good))]
            for number, value in enumerate([*altered, *(good[:length] for length in range(len(good))), good + b"x"]):
                client.set(key, value)
                store = RedisStore(redis_server.url, deadline=5)
                async with unverified(model, store, lease_seconds=None) as predictor:
                    answer = await predictor.predict("text")
                    assert (answer.tier, answer.prediction) == ("model", model.answer("text")), number
                    assert predictor.ledger.rejected == 1

    asyncio.run(run())


def test_an_entry_copied_from_another_key_is_a_miss(redis_server: RedisServer) -> None:
    """Who can write to Redis but lacks the secret cannot give one text the verdict of another."""

    async def run() -> None:
        model = Shouting()
        async with unverified(model, RedisStore(redis_server.url, deadline=5), secret=b"s") as predictor:
            await predictor.predict_many(["one", "two"])
        with redis_server.client() as client:
            first, second = client.scan_iter("fyke:*")
            client.set(first, client.get(second))
        async with unverified(model, RedisStore(redis_server.url, deadline=5), secret=b"s") as predictor:
            answers = await predictor.predict_many(["one", "two"])
            assert sorted(answer.tier for answer in answers) == ["model", "redis"]
            assert [answer.prediction for answer in answers] == [model.answer("one"), model.answer("two")]

    asyncio.run(run())


def test_a_hit_that_the_model_disagrees_with_is_an_alarm(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A verified hit that differs is counted, logged without the text, and put right."""

    class Changed(Shouting):
        """Has another answer under the same id: what must not be."""

        def answer(self, item: str) -> str:
            return "another"

    async def run() -> None:
        store = RedisStore(redis_server.url, deadline=5)
        async with unverified(Shouting(), store, verify=1.0) as predictor:
            await predictor.predict("canary")
        async with unverified(Shouting(), RedisStore(redis_server.url, deadline=5), verify=1.0) as predictor:
            assert (await predictor.predict("canary")).tier == "redis"
            await until(lambda: not predictor._kept.waiting)
        assert (predictor.ledger.verified, predictor.ledger.mismatches) == (1, 0)
        async with unverified(Changed(), RedisStore(redis_server.url, deadline=5), verify=1.0) as predictor:
            await predictor.predict("canary")
            await until(lambda: not predictor._kept.waiting)
        assert (predictor.ledger.verified, predictor.ledger.mismatches) == (1, 1)
        async with unverified(Changed(), RedisStore(redis_server.url, deadline=5), verify=0) as predictor:
            answer = await predictor.predict("canary")
            assert (answer.tier, answer.prediction) == ("redis", "another")

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert "differs from the model's" in caplog.text
    assert "canary" not in caplog.text


def test_a_share_of_hits_is_verified() -> None:
    """With a share of one in ten, about a tenth of 2,000 hits are computed again."""

    async def run() -> None:
        model = Shouting()
        memory = new_memory(max_entries=10, max_bytes=2**20)
        async with unverified(model, memory=memory, verify=0.1, rng=random.Random(1)) as predictor:
            for _ in range(2001):
                await predictor.predict("text")
            await until(lambda: not predictor._kept.waiting)
        assert 150 < predictor.ledger.verified < 250
        assert predictor.ledger.mismatches == 0

    asyncio.run(run())
