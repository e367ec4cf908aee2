"""POST /explain and policies: why a verdict, and how a label is read from a score that is kept."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from fyke.cache.redis import RedisStore
from fyke.errors import SettingsError
from fyke.service.app import create_app
from fyke.settings import load
from tests.conftest import RedisServer
from tests.service.test_message import MESSAGE, READ, RFC822

TEXT = "Click to verify your account. Thanks for the meeting"


@asynccontextmanager
async def asking(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with these settings; not of the wire's, but of both lanes."""
    app = create_app(load(**{"cache_url": "memory://", "cache_verify": 0.0, **settings}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield client


def test_an_explanation_is_a_prediction_with_its_parts() -> None:
    """The same verdict as /predict; parts are places in the text; the second time it is a hit."""

    async def run() -> None:
        async with asking() as client:
            predicted = await client.post("/predict", json={"text": TEXT})
            first, second = [await client.post("/explain", json={"text": TEXT}) for _ in range(2)]
            told = first.json()
            assert predicted.json().items() <= told.items()
            assert all(TEXT[part["start"] : part["end"]] == part["word"] for part in told["parts"])
            total = told["base"] + told["rest"] + sum(part["contribution"] for part in told["parts"])
            assert total == pytest.approx(told["log_odds"], abs=1e-6)
            assert len(told["reasons"]) == 2
            assert second.json() == told
            assert "fwd=miss; stored" in first.headers["cache-status"]
            assert "fyke; hit" in second.headers["cache-status"]

    asyncio.run(run())


def test_a_message_is_explained_with_the_text_that_was_read() -> None:
    """The fields of /predict/message, the text, and parts that are places in it."""

    async def run() -> None:
        async with asking() as client:
            told = (await client.post("/explain/message", content=MESSAGE % 1, headers=RFC822)).json()
            assert {*READ, "text", "parts", "reasons"} <= told.keys()
            assert "congratulations" in told["text"]
            assert all(told["text"][part["start"] : part["end"]] == part["word"] for part in told["parts"])
            assert (await client.post("/explain/message", content=b"", headers=RFC822)).status_code == 422
            assert (await client.post("/explain/message", json={})).status_code == 415

    asyncio.run(run())


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"text": 1}', b'{"text": "a", "text": null}'])
def test_bad_requests_are_told_as_predict_tells_them(body: bytes) -> None:
    """The same status and the same words."""

    async def run() -> None:
        async with asking() as client:
            answers = [
                await client.post(path, content=body, headers={"content-type": "application/json"})
                for path in ("/predict", "/explain")
            ]
            assert answers[0].status_code == answers[1].status_code >= 400
            assert answers[0].json() == answers[1].json()

    asyncio.run(run())


def test_explanations_go_the_way_of_predictions(redis_server: RedisServer) -> None:
    """They are in Redis, sealed and without a word of the text; only-if-cached and purges hold for them."""

    async def run() -> None:
        async with asking(cache_url=redis_server.url) as client:
            only = {"cache-control": "only-if-cached"}
            assert (await client.post("/explain", json={"text": TEXT}, headers=only)).status_code == 504
            await client.post("/explain", json={"text": TEXT})
        async with asking(cache_url=redis_server.url) as client:
            again = await client.post("/explain", json={"text": TEXT}, headers=only)
            assert "detail=redis" in again.headers["cache-status"]
        with redis_server.client() as redis:
            kept = [redis.get(key) for key in redis.scan_iter("*-reasons:*")]
        assert len(kept) == 1
        assert all(word.encode() not in kept[0].lower() for word in TEXT.lower().split())
        async with asking(cache_url=redis_server.url) as client:
            store = RedisStore(redis_server.url, deadline=5)
            await client.post("/explain", json={"text": TEXT})
            assert await store.purge("fyke:1:default:") == 1
            await store.close()
            with redis_server.client() as redis:
                assert redis.dbsize() == 0

    asyncio.run(run())


def test_another_policy_needs_no_other_entries(redis_server: RedisServer) -> None:
    """What was kept under one policy is a hit under the next, in both lanes and in batches, with its label."""

    async def run() -> None:
        labels = []
        for policy in ("cost=1:99", "balanced", "cost=99:1"):
            async with asking(cache_url=redis_server.url, policy=policy) as client:
                plain = await client.post("/predict", json={"text": TEXT})
                slow = await client.post("/predict", json={"text": TEXT}, headers={"x-more": "1"})
                batch = await client.post("/predict/batch", json={"texts": [TEXT]})
                assert plain.json() == slow.json() == batch.json()["predictions"][0]
                labels.append((plain.json()["prediction"], "hit" in plain.headers["cache-status"]))
                assert list(plain.json()) == ["prediction", "probability"]
        assert labels[0] == ("Phishing Email", False)
        assert [hit for _, hit in labels[1:]] == [True, True]
        assert labels[2][0] == "Safe Email"

    asyncio.run(run())


def test_uncertain_verdicts_are_said_where_that_is_asked() -> None:
    """Within the band and without, in both lanes; the probability is the label's."""

    async def run() -> None:
        async with asking(abstain=0.5, policy="cost=99:1") as wide, asking(abstain=0.001) as narrow:
            told = [
                (await client.post("/predict", content=json.dumps({"text": TEXT}), headers=headers)).json()
                for client in (wide, narrow)
                for headers in ({"content-type": "application/json"}, {"content-type": "application/json; x=y"})
            ]
        assert told[0] == told[1]
        assert told[2] == told[3]
        assert [one["uncertain"] for one in told] == [True, True, False, False]
        assert told[0]["probability"] == pytest.approx(1 - told[2]["probability"])

    asyncio.run(run())


def test_a_policy_that_cannot_be_is_refused_at_the_start() -> None:
    """With the names of those that can."""
    with pytest.raises(SettingsError, match=r"FYKE_POLICY.*balanced.*cost=A:B"):
        create_app(load(policy="strict"))
