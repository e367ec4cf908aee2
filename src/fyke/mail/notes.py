"""What one reading notes on its way: what it mended, what it cut, how long it may go on."""

import time
from collections import Counter
from collections.abc import Callable

from fyke.mail.limits import Limits

SOURCE_BYTES = 1_000_000
"""of text parts that one message may have read, transfer encoding included: time is bounded by it, whatever the size"""

HIDDEN_CHARS = 50_000
"""of hidden text that are kept"""
HEADER_BYTES = 1_000_000
"""of headers that one message may have read, those of its parts included"""
HEADER_LINES = 20_000
"""of headers likewise"""


class Notes:
    """Repairs and cuts of one message, and its deadline.

    The deadline counts processor time, not time on the wall: a busy or paused machine must not change the text.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.thread_time) -> None:
        """``clock`` gives seconds."""
        self.limits = limits
        self._clock = clock
        self._begin = clock()
        self._repairs: set[str] = set()
        self._cut: dict[str, None] = {}
        self._source = SOURCE_BYTES
        self._header_bytes = HEADER_BYTES
        self._header_lines = HEADER_LINES
        self.spent: Counter[str] = Counter()
        """of limits that hold for the whole message, by what they are of: so many parts cannot multiply the work"""

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

    def headers(self, wanted: int) -> tuple[int, int]:
        """How many of these bytes of headers may still be read, and how many lines."""
        granted = min(wanted, self._header_bytes)
        self._header_bytes -= granted
        if granted < wanted:
            self.cut(f"headers of all parts over {HEADER_BYTES:,} bytes")
        return granted, self._header_lines

    def header_lines(self, count: int) -> None:
        """So many lines of headers were read."""
        self._header_lines -= count
        if self._header_lines <= 0:
            self.cut(f"headers of all parts over {HEADER_LINES:,} lines")

    def late(self, share: float = 1.0) -> bool:
        """Whether the time, or this share of it, is up, which is noted."""
        if self._clock() < self._begin + self.limits.seconds * share:
            return False
        self.cut(f"reading over {self.limits.seconds:g} s")
        return True

    @property
    def text_left(self) -> int:
        """How many characters of text may still be read."""
        return max(0, self.limits.text_chars - self.spent["text"])

    @property
    def hidden_left(self) -> int:
        """How many characters of hidden text may still be kept."""
        return max(0, min(HIDDEN_CHARS, self.limits.text_chars) - self.spent["hidden"])

    @property
    def repairs(self) -> tuple[str, ...]:
        """Names, sorted."""
        return tuple(sorted(self._repairs))

    @property
    def cuts(self) -> tuple[str, ...]:
        """In the order in which they came."""
        return tuple(self._cut)
