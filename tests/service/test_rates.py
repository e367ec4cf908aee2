"""Rate limits: each key has its own, wherever one Redis is shared, and it is said what happens without Redis."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from fyke.cache.rates import Rates
from fyke.cache.redis import RedisStore
from fyke.errors import SettingsError, StoreError
from fyke.service.app import Service, create_app
from fyke.settings import load
from tests.conftest import RedisServer
from tests.service.keyed import Keys, asking, keyed_app

TEXT = {"json": {"text": "you have won a prize"}}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A file with no key yet."""
    found = Keys(tmp_path / "keys.json")
    found.write()
    return found


def run(keys: Keys, ask: Callable[[httpx.AsyncClient], Awaitable[None]], **flags: object) -> None:
    """Ask a service with these keys."""

    async def inside() -> None:
        async with asking(keyed_app(keys, **flags)[0]) as client:
            await ask(client)

    asyncio.run(inside())


def test_a_key_has_its_rate_and_no_more(keys: Keys) -> None:
    """The third of two in a day is 429 with Retry-After; another key's, and one without a rate, go on."""
    few = keys.add("few", rate="2/day")
    many = keys.add("many")

    async def ask(client: httpx.AsyncClient) -> None:
        left = [await client.post("/predict", **TEXT, headers=few) for _ in range(3)]
        assert [answer.status_code for answer in left] == [200, 200, 429]
        assert [answer.headers["ratelimit"].split(";")[1] for answer in left] == ["r=1", "r=0", "r=0"]
        assert left[0].headers["ratelimit-policy"] == '"key";q=2;w=86400'
        assert int(left[2].headers["retry-after"]) >= 1
        assert "2/day" in left[2].json()["detail"]
        for _ in range(4):
            answer = await client.post("/predict", **TEXT, headers=many)
            assert answer.is_success
            assert "ratelimit" not in answer.headers

    run(keys, ask)


def test_a_batch_costs_as_much_as_its_texts(keys: Keys) -> None:
    """So that nobody gets round a rate with batches."""
    shown = keys.add("mail")

    async def ask(client: httpx.AsyncClient) -> None:
        first = await client.post("/predict/batch", json={"texts": ["a", "b", "c"]}, headers=shown)
        assert (first.status_code, first.headers["ratelimit"].split(";")[1]) == (200, "r=2")
        refused = await client.post("/predict/batch", json={"texts": ["a", "b", "c"]}, headers=shown)
        assert refused.status_code == 429
        assert "1 left" in refused.json()["detail"]
        assert (await client.post("/predict", **TEXT, headers=shown)).is_success

    run(keys, ask, rate_limit="5/day")


def test_it_holds_over_services_of_one_redis(keys: Keys, shared_redis: RedisServer) -> None:
    """Two services, one key: together they let in what it may have. Two tenants with one name are two."""
    shown = keys.add("shared-mail", rate="3/day", namespace="acme")

    async def both() -> None:
        flags = {"cache_url": shared_redis.url, "cache_secret": "s", "cache_deadline_ms": 10_000}
        one, other = (keyed_app(keys, **flags)[0] for _ in range(2))
        async with asking(one) as first, asking(other) as second:
            codes = [(await it.post("/predict", **TEXT, headers=shown)).status_code for it in (first, second) * 2]
        assert codes == [200, 200, 200, 429]

    asyncio.run(both())
    with shared_redis.client() as look:
        names = [name for name in look.keys("fyke:limits:*") if b"acme" in name]
        assert len(names) == 1
        assert all(0 < look.ttl(name) <= 2 * 86_400 for name in names)


@pytest.mark.parametrize("fails", ["open", "closed"])
def test_a_flood_of_one_key_gets_its_rate_and_harms_no_other(keys: Keys, shared_redis: RedisServer, fails: str) -> None:
    """400 requests at a time over two services, at the deadline that is set unless told: ten are let in.

    Meanwhile another tenant is answered, and Redis is asked little: what was refused is remembered.
    """
    name = f"flood-{fails}"
    shown = keys.add(name, rate="10/day", namespace="acme")
    other = keys.add(f"calm-{fails}", rate="100/day", namespace="other")

    async def inside() -> None:
        flags = {"cache_url": shared_redis.url, "cache_secret": "s", "rate_limit_fails": fails}
        one, two = (keyed_app(keys, **flags)[0] for _ in range(2))
        async with asking(one) as first, asking(two) as second:
            clients = [first, second] * 200
            flood = [asyncio.create_task(it.post("/predict", **TEXT, headers=shown)) for it in clients]
            calm = [asyncio.create_task(it.post("/predict", **TEXT, headers=other)) for it in (first, second) * 5]
            codes = Counter([answer.status_code for answer in await asyncio.gather(*flood)])
            assert codes == {200: 10, 429: 390}
            assert {answer.status_code for answer in await asyncio.gather(*calm)} == {200}
            assert (one.state.rates.failures, two.state.rates.failures) == (0, 0)

    asyncio.run(inside())


def test_what_is_shed_costs_nothing(keys: Keys) -> None:
    """Who is told to come again later still may."""
    shown = keys.add("mail", rate="1/day")

    async def inside() -> None:
        app, _ = keyed_app(keys, max_waiting=1)
        async with asking(app) as client:
            app.state.load.begin()
            assert (await client.post("/predict", **TEXT, headers=shown)).status_code == 503
            app.state.load.end()
            codes = [(await client.post("/predict", **TEXT, headers=shown)).status_code for _ in range(2)]
            assert codes == [200, 429]

    asyncio.run(inside())


@pytest.mark.parametrize(("fails", "statuses"), [("open", [200] * 2 + [429] * 6), ("closed", [503] * 8)])
def test_without_redis_it_is_as_the_setting_says(
    keys: Keys, fails: str, statuses: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """Open counts in the process alone, closed lets nobody in; the log says so once, and a counter how often."""
    shown = keys.add("mail", rate="2/day")
    read = keys.add("watch", "read")

    async def ask(client: httpx.AsyncClient) -> None:
        answers = [await client.post("/predict", **TEXT, headers=shown) for _ in range(8)]
        assert [answer.status_code for answer in answers] == statuses
        if fails == "closed":
            assert answers[-1].headers["retry-after"] == "1"
            assert "rate limit" in answers[-1].json()["detail"]
        told = (await client.get("/metrics", headers=read)).text
        assert "fyke_rate_limit_errors_total 8.0" in told

    run(keys, ask, cache_url="redis://127.0.0.1:1", cache_secret="s", rate_limit_fails=fails)
    assert len([line for line in caplog.messages if line.startswith("the store of rate limits does not answer")]) == 1


def questions(rates: Rates) -> list[object]:
    """What the store is asked from now on."""
    asked: list[object] = []
    hit = rates._limiter.hit

    async def counted(*arguments: object, **more: object) -> bool:
        asked.append(arguments)
        return await hit(*arguments, **more)  # type: ignore[arg-type]

    rates._limiter.hit = counted  # type: ignore[method-assign, assignment]
    return asked


def test_a_store_that_fails_is_not_asked_each_time() -> None:
    """After five failures nobody waits for it, until a second has passed."""

    async def inside() -> None:
        now = [0.0]
        store = RedisStore("redis://127.0.0.1:1")
        rates = Rates(store, 5.0, lambda: now[0])
        asked = questions(rates)
        for _ in range(9):
            with pytest.raises(StoreError):
                await rates.take("a", "1/day")
        assert len(asked) == 5
        now[0] = 1.0
        with pytest.raises(StoreError):
            await rates.take("a", "1/day")
        assert len(asked) == 6
        await store.close()

    asyncio.run(inside())


def test_what_was_refused_asks_nothing_for_a_second(shared_redis: RedisServer) -> None:
    """A batch that is too much says nothing of one text; when there is nothing left, nobody asks until a second on.

    Another rate of the same name is another.
    """

    async def inside() -> None:
        now = [0.0]
        store = RedisStore(shared_redis.url)
        rates = Rates(store, 10.0, lambda: now[0])
        asked = questions(rates)
        assert [(await rates.take("told", "9/day", cost)).allowed for cost in (64, 8, 2, 2, 1)] == [0, 1, 0, 0, 1]
        assert len(asked) == 4  # the second 2 was known to be too much
        assert not (await rates.take("told", "9/day")).allowed
        told = await rates.take("told", "9/day")
        assert (told.allowed, told.remaining) == (False, 0)
        assert len(asked) == 5
        now[0] = 1.0
        assert not (await rates.take("told", "9/day")).allowed
        assert len(asked) == 6
        assert (await rates.take("told", "10/day")).allowed
        await store.close()

    asyncio.run(inside())


def test_those_who_wait_are_asked_for_together(shared_redis: RedisServer) -> None:
    """First come first served, as far as the rate goes; one whose request has gone takes nothing."""

    async def inside() -> None:
        store = RedisStore(shared_redis.url)
        rates = Rates(store, 10.0)
        takes = [asyncio.create_task(rates.take("many", "9/day", cost)) for cost in (1, 3, 4, 2, 1, 1)]
        await asyncio.sleep(0)
        takes[1].cancel()
        found = await asyncio.gather(*takes, return_exceptions=True)
        assert isinstance(found[1], asyncio.CancelledError)
        allowed = [one.allowed for one in found if not isinstance(one, BaseException)]
        assert allowed == [True, True, True, True, True]
        assert (await rates.take("many", "9/day")).remaining == 0
        await store.close()

    asyncio.run(inside())


def test_a_rate_without_keys_is_refused() -> None:
    """It would be nobody's."""
    with pytest.raises(SettingsError, match="FYKE_KEYS_FILE"):
        create_app(load(cache_url="memory://", rate_limit="1/day"))
    with pytest.raises(SettingsError, match="FYKE_RATE_LIMIT"):
        load(rate_limit="many")
    assert Service
