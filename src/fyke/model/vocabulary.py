"""The known terms, found many at a time.

A dictionary of a hundred thousand terms costs a few cache misses for each token, one after the other. Here Python
hashes the tokens (64 bits, keyed for each process), and arrays find them all at once: each term is in the slot that
its hash names. Terms that share a slot, few since three of four slots stay empty, are found in a dictionary.

What is no term is taken for one only where all 64 bits agree: with 150,000 terms, one token in 10^14.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Vocabulary:
    """Terms by their index, (n,) strings; the first of equal ones counts."""

    def __init__(self, terms: Sequence[str]):
        count = len(terms)
        hashes = _hashed(terms)
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
        shared = np.flatnonzero(terms_in[own] > 1).tolist()
        self._shared = {terms[index]: index for index in reversed(shared)}

    def find(self, tokens: Sequence[str]) -> NDArray[np.int32]:
        """The indices of the tokens that are terms, ascending, each as often as it occurs."""
        hashes = _hashed(tokens)
        rows = self._index[hashes & self._mask]
        found: NDArray[np.int32] = rows[self._hashes[rows] == hashes]
        crowded = (rows > self._count).nonzero()[0]
        if len(crowded):
            known = [self._shared.get(tokens[place]) for place in crowded.tolist()]
            found = np.concatenate((found, np.array([one for one in known if one is not None], np.int32)))
        found.sort()
        return found


def _hashed(words: Sequence[str]) -> NDArray[np.int64]:
    return np.fromiter(map(hash, words), np.int64, len(words))
