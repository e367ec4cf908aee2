"""Near-duplicates: MinHash finds texts that may be alike, the sets of their shingles say whether they are.

A text is its words (lower case, each digit 0, so that numbers do not tell copies apart); a shingle is three words in a
row. Two texts are near-duplicates where the Jaccard index of their shingles is at least `ALIKE`, and a cluster is what
such pairs connect. Pairs come from `BANDS` bands of `ROWS` minima each: one with index 0.5 is looked at with
probability 1 - (1 - 0.5^3)^42 = 0.996.
"""

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

ALIKE = 0.5
BANDS, ROWS = 42, 3
MOST_WORDS = 4000  # of a text; longer ones are told apart by their beginnings
MOST_COMPARED = 60  # texts of a bucket that a newcomer is held against
_words = re.compile(r"\w+").findall
_digits = re.compile(r"\d")


def clusters(texts: Sequence[str]) -> NDArray[np.int64]:
    """For each text the number of its cluster: the row of the cluster's first text."""
    shingled = [shingles(text) for text in texts]
    first_of: dict[bytes, int] = {}
    parents = np.arange(len(texts))
    for row, one in enumerate(shingled):
        parents[row] = first_of.setdefault(one.tobytes(), row)  # the same words: no need of MinHash
    alone = sorted(set(first_of.values()))
    minima = np.stack([minhash(shingled[row]) for row in alone]) if alone else np.empty((0, BANDS * ROWS), np.uint64)
    for band in range(BANDS):
        _unite(minima[:, band * ROWS : (band + 1) * ROWS], alone, shingled, parents)
    return np.array([_root(parents, row) for row in range(len(texts))], dtype=np.int64)


def shingles(text: str) -> Hashes:
    """The distinct hashes, ascending, of every three words in a row; of all words where there are fewer."""
    words = _words(_digits.sub("0", text.lower()))[:MOST_WORDS]
    codes = np.array([zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words], dtype=np.uint64)
    if len(codes) < 3:
        codes = np.concatenate([codes, np.zeros(3 - len(codes), np.uint64)])
    odd = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
    return np.unique(_mixed(codes[:-2] * odd[0] + codes[1:-1] * odd[1] + codes[2:] * odd[2]))


def minhash(hashes: Hashes) -> Hashes:
    """The least of the hashes under each of `BANDS` * `ROWS` functions (multiply, add)."""
    least = np.full(len(_FACTORS), np.iinfo(np.uint64).max)
    for at in range(0, len(hashes), 1024):
        part = hashes[at : at + 1024]
        np.minimum(least, (part[:, None] * _FACTORS + _TERMS).min(axis=0), out=least)
    return least


def jaccard(one: Hashes, other: Hashes) -> float:
    """The share of two sets' union that both have; both hold distinct hashes, ascending."""
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)


def _unite(band: Hashes, rows: Sequence[int], shingled: Sequence[Hashes], parents: NDArray[np.int64]) -> None:
    """Connect the texts that share this band's minima and are alike."""
    order = np.lexsort(band.T[::-1])
    changes = np.flatnonzero((band[order][1:] != band[order][:-1]).any(axis=1)) + 1
    for bucket in np.split(order, changes):
        if len(bucket) < 2:
            continue
        members = [rows[at] for at in sorted(bucket)]
        for place, row in enumerate(members):
            for other in members[: min(place, MOST_COMPARED)]:
                here, there = _root(parents, row), _root(parents, other)
                if here != there and _may_be_alike(shingled[row], shingled[other]):
                    parents[max(here, there)] = min(here, there)


def _may_be_alike(one: Hashes, other: Hashes) -> bool:
    shorter, longer = sorted((len(one), len(other)))
    return shorter >= ALIKE * longer and jaccard(one, other) >= ALIKE


def _root(parents: NDArray[np.int64], row: int) -> int:
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = int(parents[row])
    return row


def _mixed(values: Hashes) -> Hashes:
    """The finaliser of SplitMix64: every bit of the outcome depends on every bit of the value."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


_RANDOM = np.random.default_rng(6)
_FACTORS = _RANDOM.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_TERMS = _RANDOM.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64)
