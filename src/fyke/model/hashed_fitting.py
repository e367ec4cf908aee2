"""Linear machines over hashed features, for recipe ``default``: texts as a matrix, and what is fitted to it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from fyke.model.hashing import features_read, shortness

LEAST_TEXTS = 2  # a feature of fewer texts says nothing
STRENGTH = 3.0  # liblinear's C
SHORTNESS = 10.0  # what it is multiplied by, so that its weight is as good as free
SEED = 6

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class Fit:
    """Weights of a table's rows and of shortness, (2**bits + 1,) float64, and the intercept."""

    coefficients: NDArray[np.float64]
    intercept: float

    def __call__(self, matrix: Any) -> NDArray[np.float64]:
        """What it says of texts, (texts,)."""
        return np.asarray(matrix @ self.coefficients + self.intercept)

    def scaled(self, scale: float, shift: float) -> "Fit":
        """Times ``scale``, plus ``shift``."""
        return Fit(scale * self.coefficients, scale * self.intercept + shift)


def occurrences(blobs: Sequence[bytes], bits: int) -> tuple[Any, Any]:
    """Two matrices of (texts, 2**bits + 1), as the experts read texts and as the gate does; CSR, float32.

    Wherever a text has a feature: the sum of share / sqrt(features) over the readings that have it, with their shares
    in the score, or in the gate. The last column is the texts' shortness.
    """
    read = [
        [(np.unique(rows).astype(np.int32), in_score, in_gate) for rows, in_score, in_gate in features_read(blob, bits)]
        for blob in blobs
    ]
    of_experts = _matrix([_met([(rows, share) for rows, share, _ in one], bits) for one in read], bits)
    return of_experts, _matrix([_met([(rows, share) for rows, _, share in one], bits) for one in read], bits)


def _met(read: Sequence[tuple[Rows, float]], bits: int) -> tuple[Rows, NDArray[np.float32]]:
    """Rows that the readings of a text meet, each once a reading, and the values that they have there."""
    values = [np.full(len(rows), share / math.sqrt(len(rows)), np.float32) for rows, share in read if share]
    short = SHORTNESS * shortness(len(read[0][0]) if read else 0)
    return (
        np.concatenate([*(rows for rows, share in read if share), np.array([1 << bits], np.int32)]),
        np.concatenate([*values, np.array([short], np.float32)]),
    )


def _matrix(met: Sequence[tuple[Rows, NDArray[np.float32]]], bits: int) -> Any:
    starts = np.cumsum([0, *(len(rows) for rows, _ in met)])
    rows, values = (np.concatenate(kind) for kind in zip(*met, strict=True))
    matrix = sparse.csr_matrix((values, rows, starts), shape=(len(met), (1 << bits) + 1))
    matrix.sum_duplicates()
    return matrix


def often(matrix: Any) -> NDArray[np.int64]:
    """The columns that enough texts have."""
    return np.flatnonzero(_frequency(matrix) >= LEAST_TEXTS)


def _frequency(matrix: Any) -> NDArray[np.int64]:
    """How many texts have each column."""
    return np.bincount(matrix.indices, minlength=matrix.shape[1])


def regress(matrix: Any, positive: NDArray[np.bool_], weight: NDArray[np.float64]) -> Fit:
    """The mean of two machines that tell texts that are positive from the others, by the features that `often` occur.

    One scales each feature by its rarity, the other also by how unevenly the labels have it (as in NB-SVM).
    """
    kept = often(matrix)
    rarity = np.log((1 + matrix.shape[0]) / (1 + _frequency(matrix)[kept])) + 1
    uneven = np.sqrt(np.abs(_log_ratio(matrix, positive)[kept]))
    uneven[-1] = 1.0  # every text is more or less short
    return mean([(0.5, _machine(matrix, kept, scale, positive, weight)) for scale in (rarity, rarity * uneven)])


def mean(fits: Sequence[tuple[float, Fit]]) -> Fit:
    """Of fits with their shares."""
    coefficients = reduce(np.add, (share * one.coefficients for share, one in fits))
    return Fit(coefficients, sum(share * one.intercept for share, one in fits))


def _log_ratio(matrix: Any, positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each column the logarithm of how much more often positive texts have it than the others, (2**bits + 1,).

    Every text counts once here: with the background counted ten times, the protocol's figures got worse.
    """
    of_row = np.repeat(positive, np.diff(matrix.indptr))
    shares = []
    for label in (True, False):
        having = np.bincount(matrix.indices[of_row == label], minlength=matrix.shape[1])
        shares.append((having + 1) / np.count_nonzero(positive == label))
    return np.asarray(np.log(shares[0] / shares[1]))


def _machine(
    matrix: Any,
    kept: NDArray[np.int64],
    scale: NDArray[np.float64],
    positive: NDArray[np.bool_],
    weight: NDArray[np.float64],
) -> Fit:
    """Squared hinge loss on columns, each multiplied by its scale, which is first brought to one in the mean."""
    frequency = _frequency(matrix)[kept]
    square = (frequency * scale**2).sum() / frequency.sum()
    scale = scale / math.sqrt(square) if square > 0 else np.ones(len(kept))
    machine = LinearSVC(C=STRENGTH, loss="squared_hinge", dual=True, tol=1e-2, max_iter=300, random_state=SEED)
    with threadpool_limits(1), catch_warnings():  # one thread: no order of summation depends on the machine
        simplefilter("ignore", ConvergenceWarning)  # as near as those rounds get is near enough
        machine.fit(_columns(matrix, kept, scale), positive, sample_weight=weight)
    coefficients = np.zeros(matrix.shape[1])
    coefficients[kept] = machine.coef_[0] * scale
    return Fit(coefficients, float(machine.intercept_[0]))


def _columns(matrix: Any, kept: NDArray[np.int64], scale: NDArray[np.float64]) -> Any:
    """Those columns, each multiplied by its scale; scikit-learn's way copies far more."""
    place = np.full(matrix.shape[1], -1, np.int32)
    place[kept] = np.arange(len(kept))
    columns = place[matrix.indices]
    known = columns >= 0
    data = (matrix.data[known] * scale[columns[known]]).astype(np.float32)
    starts = np.concatenate([[0], np.cumsum(known)])[matrix.indptr]
    return sparse.csr_matrix((data, columns[known], starts), shape=(matrix.shape[0], len(kept)))
