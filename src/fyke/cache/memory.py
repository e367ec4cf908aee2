"""Entries in this process, bounded by number and by bytes, the least recently used leaving first."""

import time
from collections.abc import AsyncIterator, Callable, Sequence

from cachetools import LRUCache

from fyke.cache.store import Write

_OVERHEAD = 350  # bytes of a key, a tuple and the cache's own nodes, measured with tracemalloc


class MemoryStore:
    """A `fyke.cache.store.Store` that lives and dies with the process.

    ``clock`` gives milliseconds since the epoch. Each entry is charged at least
    ``max_bytes / max_entries``, so one limit bounds both.
    """

    name = "memory"

    def __init__(
        self,
        *,
        max_entries: int = 100_000,
        max_bytes: int = 64 * 2**20,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ):
        least = max_bytes / max_entries
        self._clock = clock
        self._entries: LRUCache[str, tuple[bytes, int]] = LRUCache(
            max_bytes, getsizeof=lambda kept: max(least, len(kept[0]) + _OVERHEAD)
        )

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> bytes | None:
        """The value under ``key`` if it is kept and has not expired."""
        kept = self._entries.get(key)
        if kept is None:
            return None
        if kept[1] <= self._clock():
            del self._entries[key]
            return None
        return kept[0]

    def put(self, key: str, value: bytes, ttl_ms: int) -> None:
        """Keep a value for ``ttl_ms`` milliseconds, unless it is larger than the whole store."""
        if len(value) + _OVERHEAD <= self._entries.maxsize:
            self._entries[key] = (value, self._clock() + ttl_ms)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """`get` for each key."""
        return [self.get(key) for key in keys]

    async def set_many(self, writes: Sequence[Write]) -> None:
        """`put` for each write."""
        for write in writes:
            self.put(write.key, write.value, write.ttl_ms)

    async def scan(self, prefix: str) -> AsyncIterator[list[tuple[str, bytes]]]:
        """Everything under ``prefix`` that has not expired, in one batch."""
        now = self._clock()
        yield [(k, v) for k, (v, expires) in self._entries.items() if k.startswith(prefix) and expires > now]

    async def purge(self, prefix: str) -> int:
        """Forget every key under ``prefix``."""
        doomed = [key for key in self._entries if key.startswith(prefix)]
        for key in doomed:
            del self._entries[key]
        return len(doomed)

    async def ping(self) -> None:
        """Memory always answers."""

    async def close(self) -> None:
        """Forget everything."""
        self._entries.clear()
