"""What one reading notes on its way: what it mended, what it cut, how long it may go on."""

import itertools
import re
import time
from collections import Counter
from collections.abc import Callable

from fyke.mail.limits import Limits

SOURCE_BYTES = 1_000_000
"""of text parts that one message may have read, transfer encoding included: time is bounded by it, whatever the size"""
LINK_CHARS = 30_000
"""of the texts and targets of links, where they are beyond ASCII"""
HIDDEN_CHARS = 50_000
"""of hidden text that are kept"""
HEADER_BYTES = 1_000_000
"""of headers that one message may have read, those of its parts included"""
HALF = 0.5
"""of the work may go into finding the parts, so that some is left to read them"""
HEADER_LINES = 20_000
"""of headers likewise"""

WORK = 26_500
"""microseconds that all kinds of work in ``COSTS`` may take together, so that limits used up in turn do not add up"""
FLOOR = 0.05
"""of each limit that is left whatever the others took, so that no junk keeps what comes after it from being read"""
COSTS = {
    "parts": 16.0,
    "header lines": 1.7,
    "header bytes": 0.028,
    "bytes searched again": 0.002,
    "source bytes": 0.009,
    "uuencoded lines": 1.6,
    "base64 lines": 1.6,
    "calendar lines": 0.9,
    "HTML parts": 40.0,
    "HTML characters": 0.017,
    "tokens": 0.5,
    "tags": 2.8,
    "attributes": 0.2,
    "braces": 5.0,
    "rules": 8.0,
    "tries": 4.0,
    "looks": 19.0,
    "links": 4.0,
    "characters of links": 0.25,
    "characters beyond ASCII": 0.12,
    "characters beyond Latin": 0.3,
}
"""Microseconds that one of a kind takes at most, measured with messages of that kind alone (``make mail``).

Counted, not timed: a text must not depend on the speed of the machine that reads it.
"""

# But for punctuation and signs; and the micro sign, which becomes Greek.
_NOT_LATIN = re.compile("[\u00b5\u0250-\u1fff\u2c00-\U0010ffff]")


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
        self._work = 0.0
        self.spent: Counter[str] = Counter()
        """of limits that hold for the whole message, by what they are of: so many parts cannot multiply the work"""

    def repair(self, name: str) -> None:
        """Something was mended; the vocabulary is in ``docs/mail.md``."""
        self._repairs.add(name)

    def cut(self, what: str) -> None:
        """A limit cut something; said once."""
        self._cut[what] = None

    def left(self, kind: str, limit: int, share: float = 1.0) -> int:
        """How many of a kind may still be read: of their limit, and of ``WORK`` or a share of it."""
        spent = self.spent[kind]
        allowed = max(int((WORK * share - self._work) / COSTS[kind]), int(limit * FLOOR) - spent)
        return max(0, min(limit - spent, allowed))

    def spend(self, kind: str, count: int) -> None:
        """So many of a kind are read."""
        self.spent[kind] += count
        self._work += COSTS[kind] * count

    def over(self, kind: str, limit: int, what: str) -> None:
        """A kind is used up: by itself, which ``what`` names, or because of all the others."""
        self.cut(what if self.spent[kind] >= limit else "work over what one message may take")

    def source(self, wanted: int) -> int:
        """How many of these bytes of text may still be read, whatever other work was done: plain text costs little."""
        granted = min(wanted, SOURCE_BYTES - self.spent["source bytes"])
        self.spend("source bytes", granted)
        if granted < wanted:
            self.cut(f"text parts over {SOURCE_BYTES:,} bytes")
        return granted

    def headers(self, wanted: int) -> tuple[int, int]:
        """How many of these bytes of headers may still be read, and how many lines."""
        granted = min(wanted, self.left("header bytes", HEADER_BYTES, HALF))
        self.spend("header bytes", granted)
        if granted < wanted:
            self.over("header bytes", HEADER_BYTES, f"headers of all parts over {HEADER_BYTES:,} bytes")
        return granted, self.left("header lines", HEADER_LINES, HALF)

    def header_lines(self, count: int) -> None:
        """So many lines of headers were read."""
        self.spend("header lines", count)
        if not self.left("header lines", HEADER_LINES, HALF):
            self.over("header lines", HEADER_LINES, f"headers of all parts over {HEADER_LINES:,} lines")

    def takes_text(self, text: str) -> str:
        """As much of a text as may still be spelt; only what is beyond ASCII costs time."""
        if text.isascii():
            return text
        many = next(itertools.islice(_NOT_LATIN.finditer(text), len(text) // 50, None), None)
        kind = "characters beyond Latin" if many else "characters beyond ASCII"
        limit = self.limits.text_chars + HIDDEN_CHARS
        left = self.left(kind, limit)
        if len(text) > left:
            self.over(kind, limit, f"text over {self.limits.text_chars:,} characters")
            text = text[:left]
        self.spend(kind, len(text))
        return text

    def takes_link(self, text: str) -> bool:
        """Whether such a text or target of a link may still be read; only those beyond ASCII cost time."""
        if text.isascii():
            return True
        if len(text) <= self.left("characters of links", LINK_CHARS):
            self.spend("characters of links", len(text))
            return True
        self.over("characters of links", LINK_CHARS, f"links over {LINK_CHARS:,} characters beyond ASCII")
        return False

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
