"""Tenants: what one has sent is new when another sends it, and a purge ends at its namespace."""

import asyncio
from pathlib import Path

import pytest

from fyke.service.app import Service
from tests.predictor.test_tiers import memory
from tests.service.keyed import Keys, asking, keyed_app, look_now


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A key for each of two tenants."""
    found = Keys(tmp_path / "keys.json")
    found.add("ann", "predict", "read", namespace="ann")
    found.add("bob", "predict", "read", namespace="bob")
    return found


def test_no_entry_is_shared(keys: Keys) -> None:
    """In both lanes and in batches: what Ann has asked is computed for Bob, and counted as his."""

    async def run() -> None:
        app, _ = keyed_app(keys)
        async with asking(app) as client:

            async def ask(who: str, path: str, body: dict[str, object], **more: str) -> str:
                return (await client.post(path, json=body, headers=keys.shows(who) | more)).headers["cache-status"]

            for path, body, more in (
                ("/predict", {"text": "a prize"}, {}),
                ("/predict", {"text": "the fee"}, {"x-more": "1"}),
                ("/predict/batch", {"texts": ["an account"]}, {}),
            ):
                for who in ("ann", "bob"):
                    assert "fwd=miss" in await ask(who, path, body, **more)
                    assert "fyke; hit" in await ask(who, path, body, **more)
            counts = [(await client.get("/cache", headers=keys.shows(who))).json() for who in ("ann", "bob")]
            assert [one["namespace"] for one in counts] == ["ann", "bob"]
            assert [(one["hits"]["memory"], one["misses"]) for one in counts] == [(3, 3), (3, 3)], counts

    asyncio.run(run())


class Slow:
    """A model whose predictions wait."""

    id = "slow"

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def canonical(self, item: str) -> bytes:
        return item.encode()

    def predict_many(self, items: list[str]) -> list[float]:
        self.seen.append(list(items))
        return [0.9 for _ in items]


def test_no_computation_is_shared() -> None:
    """Two tenants who ask the same at once have it computed twice; one tenant who asks twice, once."""
    from fyke.predictor import Predictor

    async def run() -> None:
        model = Slow()
        base = Predictor(model, memory=memory(), verify=0)
        ann, bob = base.sibling("ann"), base.sibling("bob")
        answers = await asyncio.gather(*(one.predict("a prize") for one in (ann, ann, bob, bob, base)))
        assert [answer.shared for answer in answers] == [False, True, False, True, False]
        assert sum(map(len, model.seen)) == 3
        assert len({answer.key for answer in answers}) == 3
        await base.close()

    asyncio.run(run())


def test_a_purge_ends_at_its_namespace() -> None:
    """Of the memory that they share, only the tenant's own entries go."""
    from fyke.predictor import Predictor

    async def run() -> None:
        base = Predictor(Slow(), memory=memory(), verify=0)
        ann, bob = base.sibling("ann"), base.sibling("bob")
        for one in (ann, bob, base):
            await one.predict("a prize")
        assert await ann.purge() == 1
        assert [(await one.predict("a prize")).tier for one in (ann, bob, base)] == ["model", "memory", "memory"]
        assert await base.purge(everything=True) == 3
        assert [(await one.predict("a prize")).tier for one in (ann, bob, base)] == ["model"] * 3
        await base.close()

    asyncio.run(run())


def test_tenants_share_one_bound(keys: Keys) -> None:
    """Of memory, and of the bodies that the fast lane knows."""

    async def run() -> None:
        app, _ = keyed_app(keys, cache_memory_entries=3)
        async with asking(app) as client:
            for who in ("ann", "bob"):
                for text in "abc":
                    await client.post("/predict", json={"text": text * 9}, headers=keys.shows(who))
            predictors = [app.state.tenants.predictor(who) for who in ("ann", "bob", "default")]
            assert len({id(one.tiers.memory) for one in predictors}) == 1
            assert len({id(one._engine.thread) for one in predictors}) == 1
            assert len(app.state.predictor.tiers.memory) <= 3
            assert len({id(lane._keys) for lane in app.lane._lanes.values()}) == 1
            assert len(app.lane._keys) == 6

    asyncio.run(run())


def test_a_tenant_without_keys_is_forgotten(keys: Keys) -> None:
    """Its predictor and its lane go with its last key."""

    async def run() -> None:
        app, _ = keyed_app(keys)
        async with asking(app) as client:
            for who in ("ann", "bob"):
                await client.post("/predict", json={"text": "a"}, headers=keys.shows(who))
            keys.revoke("ann")
            look_now(app)
            assert (await client.post("/predict", json={"text": "a"}, headers=keys.shows("ann"))).status_code == 401
            assert set(app.lane._lanes) == {"bob"}
            assert set(app.state.tenants._siblings) == {"bob"}
            assert (await client.post("/predict", json={"text": "a"}, headers=keys.shows("bob"))).is_success

    asyncio.run(run())


def test_another_model_is_every_tenants(keys: Keys) -> None:
    """When the service's predictor is changed, so are those of the tenants."""
    from fyke.predictor import Predictor

    async def run(app: Service) -> None:
        async with asking(app) as client:
            shown = keys.shows("ann")
            before = (await client.post("/predict", json={"text": "a"}, headers=shown)).json()
            first = app.state.predictor
            app.state.predictor = Predictor(Slow(), memory=memory())
            after = (await client.post("/predict", json={"text": "a"}, headers=shown)).json()
            assert before["probability"] != 0.9
            assert after["probability"] == 0.9
            await app.state.predictor.close()
            app.state.predictor = first

    asyncio.run(run(keyed_app(keys)[0]))


def test_a_tenant_purges_its_own_over_http(keys: Keys) -> None:
    """With an admin key of its namespace; one without the scope is refused."""
    keys.add("ann-admin", "admin", namespace="ann")

    async def run() -> None:
        app, _ = keyed_app(keys)
        async with asking(app) as client:

            async def asked(who: str) -> str:
                answer = await client.post("/predict", json={"text": "a prize"}, headers=keys.shows(who))
                return answer.headers["cache-status"].rpartition("=")[2]

            assert [await asked(who) for who in ("ann", "bob")] == ["model", "model"]
            assert (await client.post("/cache/purge", json={}, headers=keys.shows("ann"))).status_code == 403
            purged = await client.post("/cache/purge", json={}, headers=keys.shows("ann-admin"))
            assert (purged.status_code, purged.json()) == (200, {"forgotten": 1})
            assert [await asked(who) for who in ("ann", "bob")] == ["model", "memory"]

    asyncio.run(run())
