"""The known terms, found many at a time.

A dictionary of a hundred thousand terms costs a few cache misses for each token, one after the other. Here Python
hashes the tokens (64 bits, keyed for each process), and arrays find them all at once: each term is in the slot that
its hash names. Terms that share a slot, few since three of four slots stay empty, are found by bisection. No term is
kept as a string.

What is no term is taken for one only where all 64 bits agree: with 150,000 terms, one token in 10^14.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray


class Vocabulary:
    """Terms by their index, (n,) strings."""

    def __init__(self, terms: Sequence[str]):
        count = len(terms)
        hashes = _hashed(terms, count)
        slots = 1 << max(4 * count, 4).bit_length()
        self._mask = slots - 1
        own = hashes & self._mask
        terms_in = np.bincount(own, minlength=slots)
        # Two rows more than there are terms: for empty slots, and for shared ones. Neither has a hash that leads to it.
        self._count = count
        self._index = np.full(slots, count, np.int32)
        self._index[own] = np.arange(count, dtype=np.int32)
        self._index[terms_in > 1] = count + 1
        self._hashes = np.empty(count + 2, np.int64)
        self._hashes[:count] = hashes
        self._hashes[count] = hashes[0] if count else -1
        self._hashes[count + 1] = np.flatnonzero(terms_in == 0)[0]
        shared = np.flatnonzero(terms_in[own] > 1)
        self._shared = shared[np.argsort(hashes[shared])].astype(np.int32)
        self._shared_hashes = hashes[self._shared]

    def find(self, tokens: Sequence[str]) -> NDArray[np.int32]:
        """The indices of the tokens that are terms, ascending, each as often as it occurs."""
        hashes = _hashed(tokens, len(tokens))
        rows = self._rows(hashes)
        found: NDArray[np.int32] = rows[self._hashes[rows] == hashes]
        found.sort()
        return found

    def find_many(self, texts: Sequence[Sequence[str]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The same for the tokens of each text: all indices, text after text, and where each text's end."""
        sizes = [len(tokens) for tokens in texts]
        hashes = _hashed(chain.from_iterable(texts), sum(sizes))
        rows = self._rows(hashes)
        known = self._hashes[rows] == hashes
        text_of = np.repeat(np.arange(len(texts), dtype=np.int64), sizes)[known]
        both = text_of << 32 | rows[known]
        both.sort()
        return both.astype(np.int32), np.bincount(text_of, minlength=len(texts)).cumsum()

    def index(self, tokens: Sequence[str]) -> NDArray[np.int32]:
        """The index of each token, in order; -1 for what is no term."""
        hashes = _hashed(tokens, len(tokens))
        rows = self._rows(hashes)
        return np.where(self._hashes[rows] == hashes, rows, np.int32(-1))

    def _rows(self, hashes: NDArray[np.int64]) -> NDArray[np.int32]:
        """The one row of `_hashes` in which each may be."""
        rows: NDArray[np.int32] = self._index[hashes & self._mask]
        crowded = (rows > self._count).nonzero()[0]
        if len(crowded):
            places = self._shared_hashes.searchsorted(hashes[crowded])
            rows[crowded] = self._shared.take(places, mode="clip")
        return rows


def _hashed(words: Iterable[str], count: int) -> NDArray[np.int64]:
    return np.fromiter(map(hash, words), np.int64, count)
