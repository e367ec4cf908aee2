"""The fast lane of POST /predict answers as the FastAPI route does."""

import asyncio
import json
from collections.abc import Callable, Iterator

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from fyke.service.app import Service, create_app
from fyke.settings import load
from tests.service.answers import told

JSON = {"content-type": "application/json"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
TEXTS = st.text() | st.sampled_from(["you have won a prize", "\ud800", "\0", "", "a" * 5000])
BODIES = st.one_of(
    st.fixed_dictionaries({"text": TEXTS}, optional={"more": VALUES}).map(lambda body: json.dumps(body).encode()),
    st.fixed_dictionaries({"text": st.text()})
    .map(lambda body: json.dumps(body, ensure_ascii=False))
    .map(lambda body: body.encode("utf-8", "replace")),
    VALUES.map(lambda value: json.dumps({"text": value}).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=40),
    st.sampled_from(
        [
            b'{"text": "a", "text": "b"}',
            b'{"text": "a"} x',
            b'\xef\xbb\xbf{"text": "a"}',
            '{"text": "a"}'.encode("utf-16"),
            b'{"text": "\\u00e9\\ud83d\\ude00"}',
            b'{"text": "a", "n": NaN}',
            b'{"text": "a\nb"}',
            b' {"text":"a"} ',
            b"[" * 2000,
        ]
    ),
)
HEADERS = st.sampled_from(
    [
        JSON,
        {"content-type": "application/json; charset=utf-8"},
        {"content-type": "text/plain"},
        {"content-type": "application/problem+json"},
        {},
        JSON | {"cache-control": "no-store"},
        JSON | {"cache-control": "only-if-cached"},
        JSON | {"x-more": "1"},
    ]
)
Ask = Callable[[bytes, dict[str, str]], list[httpx.Response]]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Ask both lanes of one service without a cache: the fast one first, then the route alone."""
    app = create_app(load(cache_url="none://"))

    async def through(lane: Callable[..., object], body: bytes, headers: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(lane)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://it") as client:
            return await client.post("/predict", content=body, headers=headers)

    async def both(body: bytes, headers: dict[str, str]) -> list[httpx.Response]:
        return [
            await through(app, body, headers),
            await through(lambda *asgi: FastAPI.__call__(app, *asgi), body, headers),
        ]

    with asyncio.Runner() as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        yield lambda body, headers: runner.run(both(body, headers))
        runner.run(lifespan.__aexit__(None, None, None))


@settings(max_examples=300, deadline=None)
@given(BODIES, HEADERS)
def test_both_lanes_answer_alike(ask: Ask, body: bytes, headers: dict[str, str]) -> None:
    """Whatever the body and the headers: the same status, the same bytes, the same headers."""
    fast, slow = ask(body, headers)
    assert (fast.status_code, fast.content) == (slow.status_code, slow.content)
    assert told(fast) == told(slow)


def test_plain_requests_take_the_fast_lane() -> None:
    """A plain body never reaches the framework; one with a directive does."""
    app = create_app(load(cache_url="memory://"))
    passed: list[str] = []
    beyond = app.lane._app

    async def count(scope, receive, send):  # type: ignore[no-untyped-def]
        passed.append(scope["path"])
        await beyond(scope, receive, send)

    app.lane._app = count

    async def run() -> None:
        transport = httpx.ASGITransport(app)
        async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://it") as it:
            tiers = [(await it.post("/predict", json={"text": "a prize"})).headers["cache-status"] for _ in range(3)]
            assert [status.rpartition("=")[2] for status in tiers] == ["model", "memory", "memory"]
            assert passed == []
            await it.post("/predict", json={"text": "a prize"}, headers={"cache-control": "no-cache"})
            assert passed == ["/predict"]

    asyncio.run(run())


def test_a_body_is_remembered_for_one_model_only() -> None:
    """After the model is swapped, a body seen before is answered by the new one."""
    from fyke.predictor import Predictor
    from tests.predictor.test_tiers import memory

    class Constant:
        """Gives every text one score."""

        def __init__(self, score: float):
            self.id = f"constant-{score}"
            self.score = score

        def canonical(self, item: str) -> bytes:
            return item.encode()

        def predict_many(self, items: list[str]) -> list[float]:
            return [self.score for _ in items]

    async def run(app: Service) -> None:
        transport = httpx.ASGITransport(app)
        async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://it") as it:
            for score, label in ((0.9, "Phishing Email"), (0.1, "Safe Email"), (0.9, "Phishing Email")):
                app.state.predictor = Predictor(Constant(score), memory=memory())
                for _ in range(2):
                    assert (await it.post("/predict", json={"text": "a"})).json()["prediction"] == label

    asyncio.run(run(create_app(load(cache_url="memory://"))))
