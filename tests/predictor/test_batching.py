"""Everything is a batch."""

import asyncio
from collections.abc import Iterator

import pytest
import redis

from fyke.cache.redis import RedisStore
from tests.conftest import RedisServer
from tests.predictor.models import Gated, Shouting, unverified


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A client that looks at the server from outside."""
    with redis_server.client() as outside:
        yield outside


def calls(client: redis.Redis, command: str) -> int:
    """How often the server has run a command."""
    return int(client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"])


def test_requests_of_one_turn_share_a_lookup_a_pass_and_a_write(redis_server: RedisServer, client: redis.Redis) -> None:
    """Sixteen requests at once are one MGET, one predict_many and one round of SETs with a TTL."""

    async def run() -> None:
        model = Shouting()
        async with unverified(model, RedisStore(redis_server.url, deadline=5), lease_seconds=None) as predictor:
            texts = [f"text {number}" for number in range(16)]
            answers = await asyncio.gather(*(predictor.predict(text) for text in texts))
            assert [answer.prediction for answer in answers] == [model.answer(text) for text in texts]
        assert len(model.calls) == 1
        assert predictor.ledger.write.calls == 1

    asyncio.run(run())
    assert calls(client, "mget") == 1
    assert calls(client, "set") == 16
    assert all(3_200_000 < client.pttl(key) <= 3_600_000 for key in client.scan_iter("fyke:*"))


def test_a_batch_computes_only_what_is_missing(redis_server: RedisServer) -> None:
    """Nine hits and one miss compute one; duplicates, even those that only the model cannot tell apart, one too."""

    async def run() -> None:
        model = Shouting()
        known = [f"known {number}" for number in range(9)]
        async with unverified(model, RedisStore(redis_server.url, deadline=5)) as predictor:
            await predictor.predict_many(known)
        async with unverified(model, RedisStore(redis_server.url, deadline=5)) as predictor:
            before = model.computed
            answers = await predictor.predict_many([*known, "new"])
            assert [answer.tier for answer in answers] == ["redis"] * 9 + ["model"]
            assert model.computed == before + 1
            answers = await predictor.predict_many(["twice", " twice ", "twice"])
            assert model.computed == before + 2
            assert [answer.shared for answer in answers] == [False, True, True]
            assert len({answer.prediction for answer in answers}) == 1

    asyncio.run(run())


def test_with_sixteen_in_flight_lookups_are_far_fewer_than_requests(
    redis_server: RedisServer, client: redis.Redis
) -> None:
    """Sixteen clients that ask one after another need less than a third as many MGETs as requests."""

    async def run() -> None:
        async with unverified(Shouting(), RedisStore(redis_server.url, deadline=5)) as predictor:

            async def one_client(name: int) -> None:
                for number in range(50):
                    await predictor.predict(f"text {(name * 7 + number) % 40}")

            await asyncio.gather(*(one_client(name) for name in range(16)))

    asyncio.run(run())
    assert calls(client, "mget") < 16 * 50 / 3


def test_a_long_computation_leaves_the_event_loop_free(redis_server: RedisServer) -> None:
    """While the model computes one item, another is answered from the store."""

    async def run() -> None:
        model = Gated()
        async with unverified(Shouting(model.id), RedisStore(redis_server.url, deadline=5)) as predictor:
            await predictor.predict("known")
        async with unverified(model, RedisStore(redis_server.url, deadline=5), lease_seconds=None) as predictor:
            slow = asyncio.create_task(predictor.predict("slow"))
            await asyncio.to_thread(model.begun.wait, 20)
            assert (await predictor.predict("known")).tier == "redis"
            assert not slow.done()
            model.gate.set()
            assert (await slow).prediction == model.answer("slow")

    asyncio.run(run())


def test_an_item_that_the_model_refuses_fails_alone() -> None:
    """Of a batch with a poisonous item, the others are answered; the error is not kept."""

    async def run() -> None:
        model = Shouting()
        async with unverified(model) as predictor:
            good, bad, other = await asyncio.gather(
                *(predictor.predict(text) for text in ("good", "poison", "other")), return_exceptions=True
            )
            assert isinstance(bad, ValueError)
            assert [good.prediction, other.prediction] == [model.answer("good"), model.answer("other")]
            with pytest.raises(ValueError, match="poison"):
                await predictor.predict("poison")

    asyncio.run(run())


def test_a_prediction_that_cannot_be_kept_is_answered(redis_server: RedisServer) -> None:
    """A model whose predictions have no JSON is served all the same, only not cached."""

    class Odd(Shouting):
        def predict_many(self, items):  # type: ignore[no-untyped-def]
            return [object() for _ in items]

    async def run() -> None:
        async with unverified(Odd(), RedisStore(redis_server.url, deadline=5)) as predictor:
            answers = [await predictor.predict("a") for _ in range(2)]
            assert [(answer.tier, answer.ttl) for answer in answers] == [("model", None)] * 2

    asyncio.run(run())
