"""Features of a normalised text as rows of one table: its runs of bytes and its words, hashed by NumPy at once.

A feature is a run of `RUNS` bytes (a space before the first word and after the last), a word, or two neighbouring
words. Each has a 64-bit number, and `index` makes of a number the top bits of a mixed product:

- run of n bytes:   the bytes as a little-endian integer, exclusive-or n * 2^56
- word or pair s:   sum of s[i] * P^i modulo 2^64, exclusive-or (number of words) * 2^56 + 255

The sums of all words come from one running sum over the text: P is odd, so that P^i has an inverse modulo 2^64.

A text is read more than once: as a whole, and its first bytes alone (`readings`). What stands on top is what a person
reads first, and what is appended to outweigh it moves the beginning's share of the score not at all. Which expert is
asked (`fyke.model.hashed`) the beginnings alone tell.
"""

import numpy as np
from numpy.typing import NDArray

from fyke.model.folding import LIMIT

RUNS = (5,)  # bytes, at most 7
READINGS = ((LIMIT, 0.36, 0.0), (700, 0.32, 0.5), (300, 0.32, 0.5))  # bytes, and shares in the score and the gate
FEW = 30  # features; a text of as many is half as short as can be
_P = 0x100000001B3
_MIX = 0x9E3779B97F4A7C15
_SHIFT = np.uint64(29)
_SPACE = 32

Indices = NDArray[np.uint64]


def _powers(base: int) -> Indices:
    powers = np.full(LIMIT + 3, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers, dtype=np.uint64)


_UP, _DOWN = _powers(_P), _powers(pow(_P, -1, 1 << 64))


def index(numbers: Indices, bits: int) -> NDArray[np.int64]:
    """Rows of a table of ``2**bits`` for features' numbers; the numbers are spent."""
    mix = np.uint64(_MIX)
    numbers *= mix
    numbers ^= numbers >> _SHIFT
    numbers *= mix
    numbers >>= np.uint64(64 - bits)
    return numbers.view(np.int64)


def readings(blob: bytes) -> list[tuple[bytes, float, float]]:
    """What is read of a normalised text, the whole of it first, each with its shares in the score and in the gate.

    Either shares sum to 1. The whole has those of the beginnings that are as long as it. A text without a word is not
    read.
    """
    if not blob:
        return []
    covered = [(in_score, in_gate) for length, in_score, in_gate in READINGS if length >= len(blob)]
    in_score, in_gate = (sum(kind) for kind in zip(*covered, strict=True))
    return [
        (blob, in_score, in_gate),
        *((_beginning(blob, most), score, gate) for most, score, gate in READINGS if most < len(blob)),
    ]


def _beginning(blob: bytes, length: int) -> bytes:
    """The words that lie within the first bytes; where the first word does not, the bytes."""
    end = blob.rfind(b" ", 0, length + 1)
    return blob[: end if end > 0 else length]


def shortness(many: int) -> float:
    """How short a text of so many different features is: 1 without any, near 0 for a letter."""
    return FEW / (FEW + many)


def features(blob: bytes, bits: int) -> NDArray[np.int64]:
    """The rows of every feature of a normalised text as often as it occurs: runs first, then words, then pairs."""
    return index(np.concatenate([numbers for numbers, _, _ in parts(blob)]), bits)


def features_read(blob: bytes, bits: int) -> list[tuple[NDArray[np.int64], float, float]]:
    """The same of each of the `readings`, with its shares in the score and in the gate.

    A beginning that ends with a word has the first of the whole text's features of each kind.
    """
    kinds = parts(blob)
    rows = index(np.concatenate([numbers for numbers, _, _ in kinds]), bits)
    ends = [ends for _, _, ends in kinds]
    starts = np.cumsum([0, *(len(each) for each in ends[:-1])])
    found = []
    for part, in_score, in_gate in readings(blob):
        if part is blob:
            first = rows
        elif blob[len(part)] == _SPACE:
            many = [int(np.searchsorted(each, len(part) + 2, side="right")) for each in ends]
            first = np.concatenate([rows[at : at + some] for at, some in zip(starts.tolist(), many, strict=True)])
        else:  # within a word
            first = features(part, bits)
        found.append((first, in_score, in_gate))
    return found


def parts(blob: bytes) -> list[tuple[Indices, NDArray[np.int64], NDArray[np.int64]]]:
    """For each kind of feature: numbers, and where each begins and ends in the text with a space at either end."""
    edged = b" %b " % blob
    found = [_runs(edged, size) for size in RUNS]
    letters = np.frombuffer(edged, np.uint8)
    sums = np.zeros(len(edged) + 1, np.uint64)
    np.cumsum(letters * _UP[: len(edged)], dtype=np.uint64, out=sums[1:])
    spaces = np.flatnonzero(letters == _SPACE) if blob else np.empty(0, np.int64)
    return [*found, *(_words(sums, spaces, many) for many in (1, 2))]


def _runs(edged: bytes, size: int) -> tuple[Indices, NDArray[np.int64], NDArray[np.int64]]:
    count = max(len(edged) - size + 1, 0)
    windows = np.ndarray((count,), "<u8", edged + bytes(8), strides=(1,))
    starts = np.arange(count)
    return (windows & np.uint64((1 << 8 * size) - 1)) ^ np.uint64(size << 56), starts, starts + size


def _words(sums: Indices, spaces: NDArray[np.int64], many: int) -> tuple[Indices, NDArray[np.int64], NDArray[np.int64]]:
    starts, ends = spaces[:-many] + 1, spaces[many:]
    numbers = (sums[ends] - sums[starts]) * _DOWN[starts]
    numbers ^= np.uint64(many << 56 | 255)
    return numbers, starts, ends
