"""What one reading notes on its way: what it mended, what it cut, how long it may go on."""

import time
from collections.abc import Callable

from fyke.mail.limits import Limits

SOURCE_BYTES = 1_000_000
"""of text parts that one message may have read, transfer encoding included: time is bounded by it, whatever the size"""


class Notes:
    """Repairs and cuts of one message, and its deadline.

    The deadline counts processor time, not time on the wall: a busy or paused machine must not change the text.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.thread_time) -> None:
        """``clock`` gives seconds."""
        self.limits = limits
        self._clock = clock
        self._end = clock() + limits.seconds
        self._repairs: set[str] = set()
        self._cut: dict[str, None] = {}
        self._source = SOURCE_BYTES

    def repair(self, name: str) -> None:
        """Something was mended; the vocabulary is in ``docs/mail.md``."""
        self._repairs.add(name)

    def cut(self, what: str) -> None:
        """A limit cut something; said once."""
        self._cut[what] = None

    def source(self, wanted: int) -> int:
        """How many of these bytes of text may still be read."""
        granted = min(wanted, self._source)
        self._source -= granted
        if granted < wanted:
            self.cut(f"text parts over {SOURCE_BYTES:,} bytes")
        return granted

    def late(self) -> bool:
        """Whether the time is up, which is noted."""
        if self._clock() < self._end:
            return False
        self.cut(f"reading over {self.limits.seconds:g} s")
        return True

    @property
    def repairs(self) -> tuple[str, ...]:
        """Names, sorted."""
        return tuple(sorted(self._repairs))

    @property
    def cuts(self) -> tuple[str, ...]:
        """In the order in which they came."""
        return tuple(self._cut)
