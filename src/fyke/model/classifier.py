"""The classifier: TF-IDF and logistic regression answered from plain arrays, without scikit-learn.

For counts n_t of the known terms t of a text, the published pipeline computes (scikit-learn's
``TfidfTransformer`` with ``norm="l2"``, then ``LogisticRegression``)

    z = b + (sum_t n_t idf_t w_t) / sqrt(sum_t (n_t idf_t)^2),    p = 1 / (1 + exp(-z))

so the counts of known terms are all that it can see of a text. They are its canonical bytes, and the score
is computed from those bytes alone: equal bytes give equal scores by construction.
"""

import math
import re
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fyke.model.labels import PHISHING, SAFE

PAIR = np.dtype([("term", "<u4"), ("count", "<u4")])
THRESHOLD = 0.5
_SCORE = struct.Struct("<d")


@dataclass(frozen=True)
class Weights:
    """The arrays of a model.

    ``terms``: n strings in index order; ``idf``: (n,) float64; ``coefficients``: (n,) float64 toward
    phishing; ``intercept``: float.
    """

    terms: list[str]
    idf: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercept: float


class TfidfClassifier:
    """Scores texts for phishing; everything the prediction cache needs to know of a model.

    ``id`` names weights, preprocessing and the versions that computed them.
    """

    def __init__(self, model_id: str, weights: Weights, preprocessing: dict[str, Any]):
        self.id = model_id
        self._index = {term: index for index, term in enumerate(weights.terms)}
        self._tokens = re.compile(preprocessing["token_pattern"]).findall
        self._idf = weights.idf
        self._weighted = weights.idf * weights.coefficients
        self._intercept = weights.intercept

    def canonical(self, item: str) -> bytes:
        """What the model sees of a text: its known terms' indices and counts, ascending, 8 bytes a term."""
        index = self._index
        known = [index[token] for token in self._tokens(item.lower()) if token in index]
        counts = sorted(Counter(known).items())
        return np.array(counts, dtype=PAIR).tobytes()

    def predict_many(self, items: Sequence[str]) -> list[float]:
        """The probability of phishing for each text, in order, each in [0, 1]."""
        return self.predict_canonical([self.canonical(item) for item in items])

    def predict_canonical(self, items: Sequence[bytes]) -> list[float]:
        """The same from canonical bytes, so that a miss need not read its text again."""
        return [self._score(item) for item in items]

    def _score(self, canonical: bytes) -> float:
        pairs = np.frombuffer(canonical, dtype=PAIR)
        term, count = pairs["term"], pairs["count"].astype(np.float64)
        length = math.sqrt(float(np.square(count * self._idf[term]).sum()))
        z = self._intercept
        if length:
            z += float((count * self._weighted[term]).sum()) / length
        return expit(z)

    def encode(self, prediction: float) -> bytes:
        """A score as eight bytes, full precision."""
        return _SCORE.pack(prediction)

    def decode(self, payload: bytes) -> float:
        """The score from eight bytes.

        Raises:
            ValueError: these are not eight bytes of a number in [0, 1].
        """
        return decode(payload)

    def agrees(self, kept: float, computed: float) -> bool:
        """Whether two scores are one: processors may differ in the last digits of a sum."""
        return abs(kept - computed) <= 1e-9


def decode(payload: bytes) -> float:
    """The score that `TfidfClassifier.encode` made bytes of.

    Raises:
        ValueError: these are not eight bytes of a number in [0, 1].
    """
    try:
        (score,) = _SCORE.unpack(payload)
    except struct.error as error:
        raise ValueError("not a score") from error
    if not 0.0 <= score <= 1.0:
        raise ValueError("not a probability")
    return float(score)


def verdict(score: float) -> tuple[str, float]:
    """The label for a probability of phishing, and the probability of that label."""
    return (PHISHING, score) if score > THRESHOLD else (SAFE, 1.0 - score)


def expit(z: float) -> float:
    """The logistic function, without overflow at either end."""
    if z >= 0:
        return 1.0 / (1.0 + math.exp(-z))
    e = math.exp(z)
    return e / (1.0 + e)
