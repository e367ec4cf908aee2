"""Values in this process, bounded by number and by bytes, the least recently used leaving first."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from cachetools import LRUCache

Value = TypeVar("Value")

OVERHEAD = 600  # bytes of a key, an entry and the cache's own nodes; a test measures them with tracemalloc


class Memory(Generic[Value]):
    """A bounded map with an expiry for each key.

    ``size`` gives a value's own bytes, to which `OVERHEAD` is added; every value is charged at least
    ``max_bytes / max_entries``, so one limit bounds both. ``clock`` gives milliseconds since the epoch.
    """

    def __init__(
        self,
        size: Callable[[Value], int],
        *,
        max_entries: int,
        max_bytes: int,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ):
        least = max_bytes / max_entries
        self._size = size
        self._clock = clock
        self._kept: LRUCache[str, tuple[Value, int]] = LRUCache(
            max_bytes, getsizeof=lambda kept: max(least, size(kept[0]) + OVERHEAD)
        )

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        """What the values are charged with, in bytes."""
        return int(self._kept.currsize)

    def get(self, key: str, now: int | None = None) -> Value | None:
        """The value under ``key`` if it is kept and has not expired by ``now``, milliseconds since the epoch."""
        try:
            kept = self._kept[key]
        except KeyError:
            return None
        if kept[1] <= (self._clock() if now is None else now):
            del self._kept[key]
            return None
        return kept[0]

    def put(self, key: str, value: Value, expires: int) -> None:
        """Keep a value until ``expires``, in milliseconds since the epoch; one larger than everything is not."""
        if self._size(value) + OVERHEAD <= self._kept.maxsize:
            self._kept[key] = (value, expires)

    def drop(self, key: str) -> None:
        """Forget one key, if it is kept."""
        self._kept.pop(key, None)

    def purge(self, prefix: str) -> int:
        """Forget every key that begins with ``prefix``; says how many there were."""
        doomed = [key for key in self._kept if key.startswith(prefix)]
        for key in doomed:
            del self._kept[key]
        return len(doomed)
