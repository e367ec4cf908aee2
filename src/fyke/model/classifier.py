"""The classifier: TF-IDF and logistic regression answered from plain arrays, without scikit-learn.

For counts n_t of the known terms t of a text, the published pipeline computes (scikit-learn's
``TfidfTransformer`` with ``norm="l2"``, then ``LogisticRegression``)

    z = b + (sum_t n_t idf_t w_t) / sqrt(sum_t (n_t idf_t)^2),    p = 1 / (1 + exp(-z))

so the known terms, each as often as it occurs, are all that it can see of a text. In ascending order they are its
canonical bytes, and the score is computed from those bytes alone: equal bytes give equal scores by construction.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fyke.model.explanation import Explanation, Part
from fyke.model.labels import PHISHING, SAFE
from fyke.model.tokens import spans, tokenizer
from fyke.model.vocabulary import Vocabulary

THRESHOLD = 0.5
AT_ONCE = 4096  # texts whose terms lie in memory together
READ_AT_ONCE = 32 * 1024  # characters of texts whose words do, or one text
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


class Classifier(Protocol):
    """A model of mail as the rest of Fyke knows it: probabilities of phishing, and what the cache needs."""

    id: str
    quick: bool

    def canonical(self, item: str, /) -> bytes:
        """Everything that the model can see of a text."""
        ...

    def predict_many(self, items: Sequence[str], /) -> list[float]:
        """The probability of phishing for each text, in order, each in [0, 1]."""
        ...

    def predict_canonical(self, items: Sequence[bytes], /) -> list[float]:
        """The same from canonical bytes."""
        ...

    def explain(self, text: str, /) -> Explanation:
        """What each part of a text adds to the log-odds."""
        ...

    def encode(self, prediction: float, /) -> bytes:
        """A score as bytes."""
        ...

    def decode(self, payload: bytes, /) -> float:
        """The score from bytes; raises ValueError where they are none."""
        ...

    def agrees(self, kept: float, computed: float, /) -> bool:
        """Whether two scores are one."""
        ...


class Scores:
    """What all our classifiers share: a prediction is a probability of phishing, kept as eight bytes."""

    tolerance = 1e-9  # processors may differ in the last digits of a sum

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
        """Whether two scores are one but for `tolerance`."""
        return abs(kept - computed) <= self.tolerance


class TfidfClassifier(Scores):
    """Scores texts for phishing; everything the prediction cache needs to know of a model.

    ``id`` names weights, preprocessing and the versions that computed them.
    """

    quick = True

    def __init__(self, model_id: str, weights: Weights, token_pattern: str):
        self.id = model_id
        self._vocabulary = Vocabulary(weights.terms)
        self._pattern = token_pattern
        self._tokens = tokenizer(token_pattern)
        self._idf = weights.idf
        self._weighted = weights.idf * weights.coefficients
        self._intercept = weights.intercept

    def canonical(self, item: str) -> bytes:
        """What the model sees of a text: the indices of its known terms, ascending, 4 bytes each, little-endian."""
        return self._vocabulary.find(self._tokens(item)).astype("<u4", copy=False).tobytes()

    def canonical_many(self, items: Sequence[str]) -> list[bytes]:
        """The same of each text, for less than one after the other."""
        read: list[bytes] = []
        for together in _in_pieces(items):
            found, ends = self._vocabulary.find_many([self._tokens(item) for item in together])
            blob = found.astype("<u4", copy=False).tobytes()
            edges = [0, *(4 * ends).tolist()]
            read += [blob[start:end] for start, end in pairwise(edges)]
        return read

    def predict_many(self, items: Sequence[str]) -> list[float]:
        """The probability of phishing for each text, in order, each in [0, 1]."""
        return self.predict_canonical(self.canonical_many(items))

    def predict_canonical(self, items: Sequence[bytes]) -> list[float]:
        """The same from canonical bytes, so that a miss need not read its text again."""
        together = (items[at : at + AT_ONCE] for at in range(0, len(items), AT_ONCE))
        return [expit(log_odds) for some in together for log_odds in self._log_odds(some)]

    def explain(self, text: str) -> Explanation:
        """What each known word adds to the log-odds: ``idf_t w_t / sqrt(sum_t (n_t idf_t)^2)``, wherever it stands.

        With ``base``, the intercept, they sum to the log-odds within 1e-9.
        """
        words = spans(self._pattern, text)
        index = self._vocabulary.index([word for word, _, _ in words])
        known = index[index >= 0]
        if not len(known):
            return Explanation(self._intercept, self._intercept, [])
        terms, counts = np.unique(known, return_counts=True)
        length = math.sqrt(np.square(counts * self._idf[terms]).sum())
        (log_odds,) = self._log_odds([np.sort(known).astype("<u4").tobytes()])  # to the last digit the score's
        each = (self._weighted[index] / length).tolist()
        parts = [
            Part(start, end, share)
            for (_, start, end), term, share in zip(words, index.tolist(), each, strict=True)
            if term >= 0 and share
        ]
        return Explanation(log_odds, self._intercept, parts)

    def words(self, text: str) -> tuple[list[str], NDArray[np.bool_]]:
        """The words of a text, (n,), and which of them are terms, (n,)."""
        found = [word for word, _, _ in spans(self._pattern, text)]
        return found, self._vocabulary.index(found) >= 0

    def _log_odds(self, items: Sequence[bytes]) -> list[float]:
        """All sums at once; each is over one text's terms only, so that the batch makes no difference."""
        filled = [item for item in items if item]
        if not filled:
            return [self._intercept] * len(items)
        indices = np.frombuffer(b"".join(filled), "<u4")
        starts = np.array([0, *accumulate(map(len, filled[:-1]))]) // 4
        new = np.empty(len(indices), np.bool_)  # where another term begins
        np.not_equal(indices[1:], indices[:-1], out=new[1:])
        new[starts] = True
        first = new.nonzero()[0]
        counts = np.empty(len(first))
        counts[:-1] = first[1:] - first[:-1]
        counts[-1] = len(indices) - first[-1]
        terms = indices[first]
        texts = first.searchsorted(starts)
        lengths = np.sqrt(np.add.reduceat(np.square(counts * self._idf[terms]), texts))
        sums = np.add.reduceat(counts * self._weighted[terms], texts) / lengths
        log_odds = iter((self._intercept + sums).tolist())
        return [next(log_odds) if item else self._intercept for item in items]


def _in_pieces(items: Sequence[str]) -> Iterator[list[str]]:
    """Texts of no more than `READ_AT_ONCE` characters, or one longer one."""
    piece: list[str] = []
    size = 0
    for item in items:
        if piece and size + len(item) > READ_AT_ONCE:
            yield piece
            piece, size = [], 0
        piece.append(item)
        size += len(item)
    if piece:
        yield piece


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


def logit(p: float) -> float:
    """The logarithm of the odds of a probability within (0, 1)."""
    return math.log(p) - math.log1p(-p)
