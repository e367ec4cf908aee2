"""Shedding: who would wait too long is told at once, whoever is let in is answered."""

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest

from fyke.errors import Overloaded
from fyke.predictor import Predictor
from fyke.service.app import Service, create_app
from fyke.service.load import Load
from fyke.settings import load as settings
from tests.predictor.test_tiers import memory
from tests.service.keyed import asking, shipped
from tests.waiting import until


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


def answered(load: Load, clock: Clock, number: int, seconds: float) -> None:
    """So many requests that wait together and are answered one after the other."""
    for _ in range(number):
        load.begin()
    for _ in range(number):
        clock.now += seconds
        load.end()


def test_as_many_wait_as_are_answered_in_time() -> None:
    """At 10 ms each and 105 ms to wait, the twelfth is refused; when one has its answer, the next is let in."""
    clock = Clock()
    load = Load(1000, 0.105, clock)
    answered(load, clock, 100, 0.01)
    for _ in range(11):
        load.begin()
    with pytest.raises(Overloaded) as refused:
        load.begin()
    assert refused.value.seconds == 1
    assert (load.waiting, load.shed) == (11, 1)
    clock.now += 0.01
    load.end()
    load.begin()


def test_the_pace_follows_the_model() -> None:
    """A model that becomes ten times slower has a queue a tenth as long, and the other way round."""
    clock = Clock()
    load = Load(1000, 0.1, clock)

    def room(pace: float) -> int:
        while not load.full:
            load.begin()
        waited = load.waiting
        for _ in range(waited):
            clock.now += pace
            load.end()
        return waited

    for pace, least, most in ((0.001, 95, 105), (0.01, 9, 13), (0.0001, 900, 1000)):
        end = clock.now + 3
        while clock.now < end:
            found = room(pace)
        assert least <= found <= most


def test_a_batch_counts_as_its_texts() -> None:
    """At 10 ms a text and 105 ms to wait, nobody is let in behind ten texts and one, whoever brought them."""
    clock = Clock()
    load = Load(1000, 0.105, clock)
    answered(load, clock, 100, 0.01)
    with load.admitted(10):
        load.check()
        load.begin()
        with pytest.raises(Overloaded):
            load.begin()
        load.end()
        clock.now += 0.1
    load.begin()


def test_whoever_comes_first_is_let_in() -> None:
    """However slow it was: else nobody would ever find out that it is fast again."""
    clock = Clock()
    load = Load(10, 0.1, clock)
    answered(load, clock, 1, 1000.0)
    load.begin()
    with pytest.raises(Overloaded) as refused:
        load.begin()
    assert refused.value.seconds == 1000


def test_the_number_is_bounded_too() -> None:
    """Where there is no pace yet."""
    load = Load(3, 60)
    for _ in range(3):
        load.begin()
    with pytest.raises(Overloaded):
        load.begin()


class Held:
    """A model that waits until it is told to go on."""

    id = "held"

    def __init__(self) -> None:
        import threading

        self.go = threading.Event()

    def canonical(self, item: str) -> bytes:
        return item.encode()

    def predict_many(self, items: list[str]) -> list[float]:
        self.go.wait(60)
        return [0.9 for _ in items]


def run(check: Callable[[Service, httpx.AsyncClient, Held], object], **flags: object) -> None:
    """A service over a model that waits, which lets two wait."""

    async def inside() -> None:
        app = create_app(settings(**{"cache_url": "memory://", "max_waiting": 2} | flags), shipped())
        assert isinstance(app, Service)
        async with asking(app) as client:
            model = Held()
            first, app.state.predictor = app.state.predictor, Predictor(model, memory=memory(), verify=0)
            await check(app, client, model)  # type: ignore[misc]
            model.go.set()
            await app.state.predictor.close()
            app.state.predictor = first

    asyncio.run(inside())


def test_both_lanes_and_batches_refuse_what_must_wait() -> None:
    """503 with Retry-After, alike in both lanes; what is in memory is answered all the same."""

    async def check(app: Service, client: httpx.AsyncClient, model: Held) -> None:
        model.go.set()
        assert (await client.post("/predict", json={"text": "known"})).is_success
        model.go.clear()
        waits = [asyncio.create_task(client.post("/predict", json={"text": f"waits {n}"})) for n in range(2)]
        await until(lambda: app.state.load.waiting == 2)
        fast = await client.post("/predict", json={"text": "one more"})
        assert (fast.status_code, fast.headers["retry-after"]) == (503, "1")
        slow = await client.post("/predict", json={"text": "one more"}, headers={"x-more": "1"})
        alike = [(one.status_code, one.content, {**one.headers, "x-request-id": "its own"}) for one in (fast, slow)]
        assert alike[0] == alike[1]
        assert (await client.post("/predict/batch", json={"texts": ["a"]})).status_code == 503
        message = {"content-type": "message/rfc822"}
        assert (await client.post("/predict/message", content=b"Subject: a\n\nb", headers=message)).status_code == 503
        assert (await client.post("/predict", json={"text": "known"})).headers["cache-status"].endswith("memory")
        assert (await client.get("/readyz")).is_success
        model.go.set()
        assert [answer.status_code for answer in await asyncio.gather(*waits)] == [200, 200]
        assert app.state.load.waiting == 0
        assert (await client.post("/predict", json={"text": "one more"})).is_success

    run(check)


def test_what_fails_waits_no_longer() -> None:
    """Errors, bad requests and clients that leave are counted out."""

    async def check(app: Service, client: httpx.AsyncClient, model: Held) -> None:
        gone = asyncio.create_task(client.post("/predict", json={"text": "gone"}, headers={"x-more": "1"}))
        await until(lambda: app.state.load.waiting == 1)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        model.go.set()
        await until(lambda: app.state.load.waiting == 0)
        for body in (b"{}", b"x", json.dumps({"text": 1}).encode()):
            answer = await client.post("/predict", content=body, headers={"content-type": "application/json"})
            assert 400 <= answer.status_code < 500
        model.predict_many = lambda items: []  # type: ignore[method-assign, assignment]
        with pytest.raises(ValueError, match="predictions"):
            await client.post("/predict", json={"text": "fails"})
        assert app.state.load.waiting == 0

    run(check)


def test_a_text_that_is_too_long_is_named() -> None:
    """The field and the limit, alike in both lanes; in a batch, which one."""

    async def check(app: Service, client: httpx.AsyncClient, model: Held) -> None:
        model.go.set()
        for more in ({}, {"x-more": "1"}):
            refused = await client.post("/predict", json={"text": "a" * 101}, headers=more)
            assert refused.status_code == 413
            assert refused.json()["detail"] == "text: 101 characters; send at most 100."
            assert (await client.post("/predict", json={"text": "a" * 100}, headers=more)).is_success
        refused = await client.post("/predict/batch", json={"texts": ["a", "a" * 101]})
        assert (refused.status_code, refused.json()["detail"][:8]) == (413, "texts.1:")

    run(check, max_text_chars=100)
