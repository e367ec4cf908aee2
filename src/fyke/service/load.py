"""Shedding: what would have to wait too long for the model is told so at once.

The rule is one of time: as many may wait as are answered within ``seconds`` at the pace of late. So a model that is
slow, or that shares its processor, has a short queue, and nobody has to count for it. A batch counts as the texts that
it has. Whoever comes when nobody waits is let in whatever the pace; what is in memory never waits and is not refused.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fyke.errors import Overloaded

_WINDOW = 0.05  # seconds at work after which the pace is reckoned anew
_WEIGHT = 0.3  # of the last window


class Load:
    """Who waits for an answer now: ``most`` at a time, and none who would for more than ``seconds``.

    ``monotonic`` in seconds.
    """

    def __init__(self, most: int, seconds: float, monotonic: Callable[[], float] = time.perf_counter):
        self._most = most
        self._seconds = seconds
        self._monotonic = monotonic
        self.waiting = 0
        self._texts = 0  # that they wait for
        self.shed = 0
        self._each = 0.0  # seconds at work for each text
        self._since = 0.0
        self._busy = 0.0
        self._answers = 0

    @property
    def full(self) -> bool:
        """Whether the next one would be refused."""
        return self.waiting > 0 and (self.waiting >= self._most or self._texts * self._each > self._seconds)

    @property
    def retry_after(self) -> int:
        """Seconds after which to come again, at least one."""
        return max(1, math.ceil(self._texts * self._each))

    def check(self) -> None:
        """Let one more in, or not, without counting it.

        Raises:
            Overloaded: it would wait too long.
        """
        if self.full:
            self.shed += 1
            raise Overloaded(self.retry_after)

    def begin(self, texts: int = 1) -> None:
        """One more waits, for so many answers, until `end`.

        Raises:
            Overloaded: it would wait too long, and is not counted.
        """
        self.check()
        if not self.waiting:
            self._since = self._monotonic()
        self.waiting += 1
        self._texts += texts

    def end(self, count: int = 1, texts: int | None = None) -> None:
        """So many of those who wait have their answers, or have gone; ``texts`` if not one for each."""
        done = count if texts is None else texts
        self.waiting -= count
        self._texts -= done
        self._answers += done
        now = self._monotonic()
        if not self.waiting or now - self._since > _WINDOW:
            self._busy += now - self._since
            self._since = now
            if self._busy > _WINDOW and self._answers:
                each = self._busy / self._answers
                self._each = each if not self._each else self._each + _WEIGHT * (each - self._each)
                self._busy, self._answers = 0.0, 0

    @contextmanager
    def admitted(self, texts: int = 1) -> Iterator[None]:
        """`begin`, and `end` afterwards."""
        self.begin(texts)
        try:
            yield
        finally:
            self.end(1, texts)
