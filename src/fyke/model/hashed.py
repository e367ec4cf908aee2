"""The hashed classifier: features of bytes and words against one table of weights, without scikit-learn.

For each reading r of a normalised text (`fyke.model.hashing.readings`: the whole, and its beginnings) with its share
s_r, and the set U_r of the rows that it meets, each once however often it occurs,

    z = b + c * FEW / (FEW + |U|) + sum over r of s_r * (sum over U_r of v_u) / sqrt(|U_r|),    p = 1 / (1 + exp(-z))

where U is that of the whole: a text of few features has said little, and little mail is as short.

The normalised text is the canonical bytes, and the score is computed from it alone. The sums are linear in U, so each
part of a text has its exact share in z: see `HashedClassifier.explain`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fyke.model.classifier import Scores, expit, logit
from fyke.model.explanation import Explanation, shares
from fyke.model.folding import normalise, normalise_with_offsets
from fyke.model.hashing import features, index, parts, readings, shortness

Places = NDArray[np.int64]


@dataclass(frozen=True)
class HashedWeights:
    """The arrays of a model. ``table``: (2**bits,) float16, toward phishing; ``intercept``, ``brevity``: b and c."""

    table: NDArray[np.float16]
    intercept: float
    brevity: float = 0.0

    @property
    def bits(self) -> int:
        """The table has two to this many rows."""
        return len(self.table).bit_length() - 1


class HashedClassifier(Scores):
    """Scores texts for phishing; everything the prediction cache needs to know of a model.

    ``id`` names weights, preprocessing and the versions that computed them. Threads may share one.
    """

    quick = True
    tolerance = 1e-6

    def __init__(self, model_id: str, weights: HashedWeights):
        self.id = model_id
        self._table = weights.table
        self._bits = weights.bits
        self._intercept = weights.intercept
        self._brevity = weights.brevity

    def canonical(self, item: str) -> bytes:
        """What the model sees of a text: its words, normalised, at most `fyke.model.folding.LIMIT` bytes."""
        return normalise(item)

    def predict_many(self, items: Sequence[str]) -> list[float]:
        """The probability of phishing for each text, in order, each in [0, 1]."""
        return [expit(self.log_odds(normalise(item))) for item in items]

    def predict_canonical(self, items: Sequence[bytes]) -> list[float]:
        """The same from canonical bytes, so that a miss need not read its text again."""
        return [expit(self.log_odds(item)) for item in items]

    def log_odds(self, blob: bytes) -> float:
        """The z of canonical bytes: the logarithm of the odds of phishing."""
        return self._read(blob)[0]

    def _read(self, blob: bytes) -> tuple[float, float]:
        """The log-odds, and what of them is there before any feature."""
        met = [(*self._evidence(part), share) for part, share in readings(blob)] if blob else []
        base = self._intercept + self._brevity * shortness(met[0][1] if met else 0)
        return base + sum(share * evidence for evidence, _, share in met), base

    def _evidence(self, blob: bytes) -> tuple[float, int]:
        """The evidence of one reading, and of how many features."""
        rows = features(blob, self._bits).astype(np.int32)
        rows.sort()  # an array of the table's length would mark repeats in half the time, and is twice the table
        first = np.ones(len(rows), np.bool_)
        np.not_equal(rows[1:], rows[:-1], out=first[1:])
        once = rows[first]
        return float(self._table[once].sum(dtype=np.float64) / math.sqrt(len(once))), len(once)

    def explain(self, text: str) -> Explanation:
        """What each word of a text adds to the log-odds; with ``base`` they sum to them within 1e-6.

        A feature's weight is shared evenly by its occurrences, and an occurrence's by its letters.
        """
        blob, origin = normalise_with_offsets(text)
        if not blob:
            return Explanation(*self._read(blob), [])
        found = [self._occurrences(part, share) for part, share in readings(blob)]
        starts, ends, each = (np.concatenate(kind) for kind in zip(*found, strict=True))
        words = shares(blob, origin, starts, ends, each)
        return Explanation(*self._read(blob), words)

    def _occurrences(self, blob: bytes, share: float) -> tuple[Places, Places, NDArray[np.float64]]:
        """Where each occurrence of a feature in one reading begins and ends, and what it adds: (n,) each."""
        found = parts(blob)
        rows = index(np.concatenate([numbers for numbers, _, _ in found]), self._bits)
        _, which, counts = np.unique(rows, return_inverse=True, return_counts=True)
        each = share * self._table[rows].astype(np.float64) / counts[which] / math.sqrt(len(counts))
        starts, ends = (np.concatenate([part[side] for part in found]) for side in (1, 2))
        return starts, ends, each

    def words(self, text: str) -> tuple[list[str], NDArray[np.bool_]]:
        """The words of a text, normalised, (n,), and which of them meet a row with a weight, (n,).

        Words share rows with other features, so that some unknown ones pass for known.
        """
        blob = normalise(text)
        if not blob:
            return [], np.empty(0, np.bool_)
        _, (numbers, _, _), _ = parts(blob)
        return blob.decode(errors="replace").split(" "), self._table[index(numbers, self._bits)] != 0

    def at_prior(self, prior: float, trained_at: float) -> "HashedClassifier":
        """The same model where the share of phishing is ``prior`` and not ``trained_at``; both within (0, 1).

        Its id says so: a score under another prior is another prediction.
        """
        shifted = self._intercept + logit(prior) - logit(trained_at)
        other = HashedClassifier.__new__(HashedClassifier)
        other.__dict__.update(self.__dict__, id=f"{self.id}-prior-{prior!r}", _intercept=shifted)
        return other
