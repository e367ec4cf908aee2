"""Rate limits that hold wherever one store is shared: a window that slides, kept by the library ``limits``.

Two counters for each name, the window that is running and the one before, which counts for the share of it that is
still within reach. They are kept under ``fyke:limits:`` by scripts that the server runs whole.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from fyke.cache.breaker import Breaker
from fyke.cache.store import Store
from fyke.errors import StoreError

PREFIX = "fyke:limits"


class Taken(NamedTuple):
    """Whether there was room; how many of ``limit`` in ``window`` seconds are left; seconds until there are more."""

    allowed: bool
    limit: int
    window: int
    remaining: int
    reset: float


class _Shared(RedisStorage):
    """Over a client that there is already, of one server or a cluster."""

    STORAGE_SCHEME = None  # type: ignore[assignment]  # not to be had by a URL

    def __init__(self, client: Any):
        self._client = client
        super().__init__("redis://", implementation="redispy", key_prefix=PREFIX)

    def configure_bridge(self) -> None:
        bridge: Any = self.bridge
        bridge.storage = self._client
        bridge.connection_getter = lambda readonly: self._client


class Rates:
    """Limits by name, in ``store`` or, without one that is shared, in this process.

    ``deadline`` bounds each question in seconds. While the store does not answer it is asked once a second.
    """

    def __init__(self, store: Store | None, deadline: float, monotonic: Callable[[], float] = time.monotonic):
        client = getattr(store, "client", None)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage() if client is None else _Shared(client))
        self._deadline = deadline
        self._breaker = Breaker(monotonic)
        self._items: dict[str, RateLimitItem] = {}

    async def take(self, name: str, rate: str, cost: int = 1) -> Taken:
        """Take ``cost`` from what ``rate`` (like ``100/minute``) lets a name have; all of it, or nothing.

        Raises:
            StoreError: the store does not answer.
        """
        item = self._items.setdefault(rate, parse(rate))
        if not self._breaker.allow():
            raise StoreError("the store of rate limits does not answer")
        try:
            async with asyncio.timeout(self._deadline):
                allowed = await self._limiter.hit(item, name, cost=cost)
                reset, remaining = await self._limiter.get_window_stats(item, name)
        except Exception as error:
            self._breaker.failed()
            raise StoreError(f"the store of rate limits does not answer ({error or type(error).__name__})") from error
        except BaseException:
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        left = max(0.0, reset - time.time())
        return Taken(bool(allowed), item.amount, item.get_expiry(), max(0, remaining), left)
