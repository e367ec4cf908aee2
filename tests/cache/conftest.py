"""Listeners that end with the test."""

from collections.abc import AsyncIterator, Callable

import pytest

from fyke.cache.redis import RedisStore
from tests.cache.stores import Heard


@pytest.fixture
async def listening() -> AsyncIterator[Callable[[RedisStore], Heard]]:
    """Start listeners, and stop them after the test."""
    heard: list[Heard] = []

    def start(store: RedisStore) -> Heard:
        heard.append(Heard(store))
        return heard[-1]

    yield start
    for one in heard:
        await one.stop()
