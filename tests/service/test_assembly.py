"""Every setting of the cache reaches what it sets."""

import asyncio
import logging

import pytest

from fyke.model.directory import SHIPPED, load_model
from fyke.service.assembly import announce, open_from, predictor_from
from fyke.settings import load
from tests.conftest import RedisServer


def test_settings_reach_the_predictor(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secret, namespace, lifetimes, lease, admission, verification, memory and deadline."""
    for name, value in {
        "URL": redis_server.url,
        "SECRET": "sesame",
        "NAMESPACE": "tenant",
        "TTL": "77",
        "JITTER": "0.5",
        "MAX_AGE": "88",
        "LEASE_MS": "1500",
        "ADMISSION": "auto",
        "VERIFY": "0.25",
        "MEMORY_ENTRIES": "10",
        "MEMORY_BYTES": "9000",
        "DEADLINE_MS": "4321",
    }.items():
        monkeypatch.setenv(f"FYKE_CACHE_{name}", value)
    settings = load()
    classifier = load_model(SHIPPED).classifier

    async def run() -> None:
        cache = await open_from(settings)
        assert cache.secret == b"sesame"
        assert cache.warnings == ()
        async with predictor_from(settings, classifier, cache) as predictor:
            await predictor.predict("you have won a prize")
            tiers = predictor.tiers
            assert (tiers._lifetimes.ttl, tiers._lifetimes.jitter, tiers._lifetimes.max_age) == (77_000, 0.5, 88_000)
            assert predictor._leases._threshold == 1.5
            assert (predictor.admission, predictor._verify_share) == ("auto", 0.25)
            assert tiers.memory is not None
            assert tiers.memory._max_bytes == 9000
            assert tiers.store._reach._deadline == pytest.approx(4.321)  # type: ignore[union-attr]
            key = predictor._keyring.key(b"")
        with redis_server.client() as client:
            (kept,) = client.keys()
            assert kept.startswith(f"fyke:1:tenant:{classifier.id}:".encode())
            assert client.ttl(kept) <= 77
        monkeypatch.setenv("FYKE_CACHE_SECRET", "another")
        other = await open_from(load())
        async with predictor_from(load(), classifier, other) as predictor:
            assert predictor._keyring.key(b"") != key
            assert (await predictor.predict("you have won a prize")).tier == "model"

    asyncio.run(run())


def test_none_turns_leases_and_memory_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """`none` and 0 as documented."""
    for name, value in {"URL": "memory://", "LEASE_MS": "none", "MAX_AGE": "none", "MEMORY_ENTRIES": "0"}.items():
        monkeypatch.setenv(f"FYKE_CACHE_{name}", value)

    async def run() -> None:
        async with predictor_from(load(), load_model(SHIPPED).classifier, await open_from(load())) as predictor:
            assert predictor._leases._threshold is None
            assert predictor.tiers.memory is None
            assert predictor.tiers._lifetimes.max_age is None

    asyncio.run(run())


def test_a_shared_redis_without_a_secret_is_said(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """What it costs, in one warning."""

    async def run() -> None:
        cache = await open_from(load(cache_url=redis_server.url))
        announce(cache, "m")
        assert cache.store is not None
        await cache.store.close()

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "FYKE_CACHE_SECRET" in caplog.messages[0]
