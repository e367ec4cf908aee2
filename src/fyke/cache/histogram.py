"""Counts by size, cheap enough for every request."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """How many values were at most each of ``bounds``, which rise; the last count is of what is beyond them.

    An observation costs a bisection and two additions: no lock, so one thread adds at a time.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]):
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value
