"""Values in this process, bounded by number and by bytes, the least recently used leaving first."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")

OVERHEAD = 520  # bytes of a key, an entry and the map that holds them; a test measures them with tracemalloc


class Memory(Generic[Value]):
    """A bounded map with an expiry for each key.

    ``size`` gives a value's own bytes, to which `OVERHEAD` is added. ``clock`` gives milliseconds since the epoch.
    """

    def __init__(
        self,
        size: Callable[[Value], int],
        *,
        max_entries: int,
        max_bytes: int,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ):
        self._size = size
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[str, tuple[Value, int, int]] = OrderedDict()  # with expiry and bytes, oldest use first
        self.bytes = 0  # that the values are charged with

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str, now: int | None = None) -> Value | None:
        """The value under ``key`` if it is kept and has not expired by ``now``, milliseconds since the epoch."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept[1] <= (self._clock() if now is None else now):
            self.drop(key)
            return None
        self._kept.move_to_end(key)
        return kept[0]

    def put(self, key: str, value: Value, expires: int) -> None:
        """Keep a value until ``expires``, in milliseconds since the epoch; one larger than everything is not."""
        charged = self._size(value) + OVERHEAD
        if charged > self._max_bytes:
            return
        self.drop(key)
        self._kept[key] = (value, expires, charged)
        self.bytes += charged
        while self.bytes > self._max_bytes or len(self._kept) > self._max_entries:
            self.bytes -= self._kept.popitem(last=False)[1][2]

    def drop(self, key: str) -> None:
        """Forget one key, if it is kept."""
        gone = self._kept.pop(key, None)
        if gone is not None:
            self.bytes -= gone[2]

    def purge(self, prefix: str) -> int:
        """Forget every key that begins with ``prefix``; says how many there were."""
        doomed = [key for key in self._kept if key.startswith(prefix)]
        for key in doomed:
            self.drop(key)
        return len(doomed)
