"""Recipe ``default``: a linear model over hashed features, calibrated on rows that it was not fitted on.

Beside the rows it is given it learns from mail that we wrote ourselves (`fyke.model.written`). It is the mean of two
experts: one takes the rows for what they are, one leans on the mail of our own, which is of today. Each is sure of what
is like its own mail and unsure of the rest, so that their mean follows whichever knows. Each reading of a text is the
set of its features, scaled to length one, each feature by its rarity.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from fyke.model.calibration import Calibrated, calibrate
from fyke.model.folding import normalise
from fyke.model.hashed import HashedClassifier, HashedWeights
from fyke.model.hashing import features, parts, readings, shortness
from fyke.model.labels import PHISHING
from fyke.model.written import BACKGROUND, EVERYDAY, WRITTEN, ours

BITS = 22
LEAST_TEXTS = 2  # a feature of fewer texts says nothing
STRENGTH = 3.0  # liblinear's C
HELD_BACK, OURS_HELD_BACK = 0.15, 1 / 3  # of the clusters, for calibration; half a per cent of few texts says little
SHORTNESS = 10.0  # what it is multiplied by, so that its weight is as good as free
SEED = 6


@dataclass(frozen=True)
class Expert:
    """Its share in the model, how often a row given counts for it, and a text of each of our tables."""

    share: float
    rows: float
    ours: Mapping[Path, float]


EXPERTS = (
    Expert(0.4, 1.0, {BACKGROUND: 10.0}),
    Expert(0.6, 0.3, {WRITTEN: 1.0, BACKGROUND: 3.0, EVERYDAY: 15.0}),
)


@dataclass(frozen=True)
class Fit:
    """Weights over a table's rows and of shortness, (2**bits + 1,) float64, and the intercept."""

    table: NDArray[np.float64]
    intercept: float


@dataclass(frozen=True)
class Texts:
    """What is learnt from: features (texts, 2**bits + 1), labels (texts,), and for each expert its share in the model
    and what each text counts."""

    matrix: Any
    phishing: NDArray[np.bool_]
    experts: list[tuple[float, NDArray[np.float64]]]

    def fit(self, without: NDArray[np.int64]) -> Fit:
        """The mean of the experts, who have not seen the texts ``without``."""
        fits = []
        for share, counts in self.experts:
            seen = np.setdiff1d(np.flatnonzero(counts), without)
            fits.append((share, _regress(self.matrix[seen], self.phishing[seen], counts[seen])))
        return _mean(fits)


class HashedRecipe:
    """An unfitted model that `fit` makes a fitted one; then ``weights`` and ``calibrated`` are there.

    With ``keep_out`` it never sees the texts of our own that are `ours_held_back`, and of all of them only a random
    ``share_of_ours``.
    """

    def __init__(
        self,
        bits: int = BITS,
        experts: Sequence[Expert] = EXPERTS,
        keep_out: bool = False,
        share_of_ours: float = 1.0,
    ):
        self.bits = bits
        self.experts = experts
        self.keep_out = keep_out
        self.share_of_ours = share_of_ours
        self.weights: HashedWeights
        self.calibrated: Calibrated | None = None

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> Self:
        """Learn from texts and their published labels.

        Raises:
            ValueError: only one label, or no text has a word.
        """
        given = np.array([label == PHISHING for label in labels])
        blobs = [normalise(text) for text in texts]
        if not any(blobs) or len(set(given)) < 2:
            raise ValueError("no words, or only one label")
        every = self._texts(blobs, given)
        validation, out = held_back(blobs), len(blobs) + ours_held_back()
        if enough(given, validation):
            first = every.fit(np.concatenate([validation, out]))
            honest = every.matrix[len(blobs) + spared()]
            self.calibrated = calibrate(
                _log_odds(first, every.matrix[validation]), given[validation], _log_odds(first, honest)
            )
        final = every.fit(out if self.keep_out else out[:0])
        scale, shift = (self.calibrated.scale, self.calibrated.shift) if self.calibrated else (1.0, 0.0)
        table, brevity = (scale * final.table[:-1]).astype(np.float16), scale * SHORTNESS * float(final.table[-1])
        self.weights = HashedWeights(table, scale * final.intercept + shift, brevity)
        self._classifier = HashedClassifier("unpacked", self.weights)
        return self

    def predict_many(self, items: Sequence[str]) -> list[float]:
        """The probability of phishing for each text, in order."""
        return self._classifier.predict_many(items)

    def _texts(self, blobs: Sequence[bytes], phishing: NDArray[np.bool_]) -> Texts:
        """The rows given, then the mail of our own."""
        more = ours()
        chosen = np.random.default_rng(SEED).random(len(more.texts)) < self.share_of_ours
        counts = [
            np.concatenate([np.full(len(blobs), one.rows), chosen * more.counts(one.ours)]) for one in self.experts
        ]
        shares = [one.share for one in self.experts]
        matrix = occurrences([*blobs, *map(normalise, more.texts)], self.bits)
        return Texts(matrix, np.concatenate([phishing, more.phishing]), list(zip(shares, counts, strict=True)))


def enough(phishing: NDArray[np.bool_], validation: NDArray[np.int64]) -> bool:
    """Whether validation rows and the others have ten of either label: with fewer, a calibration would be noise."""
    held = np.zeros(len(phishing), np.bool_)
    held[validation] = True
    return all(np.count_nonzero(part & kind) >= 10 for part in (held, ~held) for kind in (phishing, ~phishing))


@cache
def ours_held_back() -> NDArray[np.int64]:
    """The places of some of the texts of `fyke.model.written.ours`: all of some clusters."""
    return held_back([normalise(text) for text in ours().texts], OURS_HELD_BACK)


@cache
def spared() -> NDArray[np.int64]:
    """Of these the honest ones that were written singly, which no policy ``max-fpr`` may flag more often than it says.

    Texts made from patterns have siblings among those learnt from, and would make a threshold too low.
    """
    return np.array([at for at in ours_held_back() if ours().tables[at] == WRITTEN and not ours().phishing[at]])


def occurrences(blobs: Sequence[bytes], bits: int) -> Any:
    """A matrix of (texts, 2**bits + 1); CSR, float32.

    Wherever a text has a feature: the sum of share / sqrt(features) over the readings that have it. The last column is
    the texts' shortness.
    """
    found = [_met(blob, bits) for blob in blobs]
    starts = np.cumsum([0, *(len(rows) for rows, _ in found)])
    rows, values = (np.concatenate(kind) for kind in zip(*found, strict=True))
    matrix = sparse.csr_matrix((values, rows, starts), shape=(len(blobs), (1 << bits) + 1))
    matrix.sum_duplicates()
    return matrix


def _met(blob: bytes, bits: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Rows that the readings of a text meet, each once a reading, and the values that they have there."""
    read = readings(blob) if blob else []
    each = [(np.unique(features(part, bits)).astype(np.int32), share) for part, share in read]
    values = [np.full(len(rows), share / math.sqrt(len(rows)), np.float32) for rows, share in each]
    short = SHORTNESS * shortness(len(each[0][0]) if each else 0)
    return (
        np.concatenate([*(rows for rows, _ in each), np.array([1 << bits], np.int32)]),
        np.concatenate([*values, np.array([short], np.float32)]),
    )


def held_back(blobs: Sequence[bytes], share: float = HELD_BACK) -> NDArray[np.int64]:
    """Rows for validation: all texts of a share of the clusters. Texts with the same least pair of words are one."""
    clusters = np.array([_least_pair(blob) for blob in blobs], np.uint64)
    known = np.unique(clusters)
    chosen = np.random.default_rng(SEED).permutation(known)[: round(len(known) * share)]
    return np.flatnonzero(np.isin(clusters, chosen))


def _least_pair(blob: bytes) -> int:
    numbers = parts(blob)[-1][0]
    if not len(numbers):
        return int.from_bytes(hashlib.blake2b(blob, digest_size=8).digest(), "little")
    return int((numbers * np.uint64(0x9E3779B97F4A7C15)).min())


def _log_odds(fit: Fit, matrix: Any) -> NDArray[np.float64]:
    return np.asarray(matrix @ fit.table + fit.intercept)


def _regress(matrix: Any, phishing: NDArray[np.bool_], weight: NDArray[np.float64]) -> Fit:
    """The mean of two machines on the features that enough texts have.

    One scales each feature by its rarity, the other also by how unevenly the labels have it (as in NB-SVM).
    """
    frequency = np.bincount(matrix.indices, minlength=matrix.shape[1])
    kept = np.flatnonzero(frequency >= LEAST_TEXTS)
    rarity = np.log((1 + matrix.shape[0]) / (1 + frequency[kept])) + 1
    uneven = np.sqrt(np.abs(_log_ratio(matrix, phishing)[kept]))
    uneven[-1] = 1.0  # every text is more or less short
    return _mean([(0.5, _machine(matrix, kept, scale, phishing, weight)) for scale in (rarity, rarity * uneven)])


def _mean(fits: Sequence[tuple[float, Fit]]) -> Fit:
    """Of fits with their shares."""
    table = reduce(np.add, (share * one.table for share, one in fits))
    return Fit(table, sum(share * one.intercept for share, one in fits))


def _log_ratio(matrix: Any, phishing: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each column the logarithm of how much more often phishing has it than honest mail, (2**bits,).

    Every text counts once here: with the background counted ten times, the protocol's figures got worse.
    """
    of_row = np.repeat(phishing, np.diff(matrix.indptr))
    shares = []
    for label in (True, False):
        having = np.bincount(matrix.indices[of_row == label], minlength=matrix.shape[1])
        shares.append((having + 1) / np.count_nonzero(phishing == label))
    return np.asarray(np.log(shares[0] / shares[1]))


def _machine(
    matrix: Any,
    kept: NDArray[np.int64],
    scale: NDArray[np.float64],
    phishing: NDArray[np.bool_],
    weight: NDArray[np.float64],
) -> Fit:
    """Squared hinge loss on columns, each multiplied by its scale, which is first brought to one in the mean."""
    frequency = np.bincount(matrix.indices, minlength=matrix.shape[1])[kept]
    square = (frequency * scale**2).sum() / frequency.sum()
    scale = scale / math.sqrt(square) if square > 0 else np.ones(len(kept))
    machine = LinearSVC(C=STRENGTH, loss="squared_hinge", dual=True, tol=1e-2, max_iter=300, random_state=SEED)
    with threadpool_limits(1):  # so that no order of summation depends on the machine
        machine.fit(_columns(matrix, kept, scale), phishing, sample_weight=weight)
    table = np.zeros(matrix.shape[1])
    table[kept] = machine.coef_[0] * scale
    return Fit(table, float(machine.intercept_[0]))


def _columns(matrix: Any, kept: NDArray[np.int64], scale: NDArray[np.float64]) -> Any:
    """Those columns, each multiplied by its scale; scikit-learn's way copies far more."""
    place = np.full(matrix.shape[1], -1, np.int32)
    place[kept] = np.arange(len(kept))
    columns = place[matrix.indices]
    known = columns >= 0
    data = (matrix.data[known] * scale[columns[known]]).astype(np.float32)
    starts = np.concatenate([[0], np.cumsum(known)])[matrix.indptr]
    return sparse.csr_matrix((data, columns[known], starts), shape=(matrix.shape[0], len(kept)))
