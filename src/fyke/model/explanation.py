"""Reasons: the words of a text with their exact shares in the log-odds."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SPACE = 32


class Part(NamedTuple):
    """Characters ``start`` to ``end`` of the original text, and what they add to the log-odds (+ is phishing)."""

    start: int
    end: int
    contribution: float


@dataclass(frozen=True)
class Explanation:
    """``log_odds`` is the sum of ``base``, of all contributions and of ``rest``, which is what no part has.

    ``parts`` are the words, in the text's order, none of them twice: words out of one character are one part.
    """

    log_odds: float
    base: float
    parts: list[Part]
    rest: float = 0.0

    def strongest(self, most: int) -> list[Part]:
        """The parts that moved the score most, in whichever direction, the strongest first."""
        return sorted(self.parts, key=lambda part: (-abs(part.contribution), part.start))[:most]

    def shortened(self, most: int) -> "Explanation":
        """The same with the strongest parts alone."""
        if len(self.parts) <= most:
            return self
        kept = sorted(self.strongest(most))
        rest = self.log_odds - self.base - math.fsum(part.contribution for part in kept)
        return Explanation(self.log_odds, self.base, kept, rest)


def shares(
    blob: bytes,
    origin: list[int],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    each: NDArray[np.float64],
) -> list[Part]:
    """Occurrences' weights, shared evenly by the letters that they cover and summed over each word.

    ``starts`` and ``ends`` (n,) count bytes of the blob with a space at either end; ``origin[i]`` is the character that
    byte i of the blob came from; ``each`` (n,) are the weights.
    """
    letters = np.frombuffer(b" %b " % blob, np.uint8) != _SPACE
    before = np.concatenate([[0], np.cumsum(letters)])
    portion = each / (before[ends] - before[starts])
    steps = np.bincount(starts, portion, len(before)) - np.bincount(ends, portion, len(before))
    of_letter = np.cumsum(steps)[:-1] * letters
    edges = np.flatnonzero(~letters)
    sums = np.add.reduceat(of_letter, edges[:-1])
    parts: list[Part] = []
    for first, last, share in zip(edges[:-1].tolist(), (edges[1:] - 2).tolist(), sums.tolist(), strict=True):
        start, together = origin[first], share
        if parts and start < parts[-1].end:  # words out of one character, as those of a fraction
            start, _, earlier = parts.pop()
            together += earlier
        parts.append(Part(start, origin[last] + 1, together))
    return parts
