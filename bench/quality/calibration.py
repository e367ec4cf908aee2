"""Whether probabilities mean what they say: reliability bins, expected calibration error, Brier, Platt's scaling."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]

BINS = 15
_EDGE = 1e-6


@dataclass(frozen=True)
class Bin:
    """Scores in (low, high] (the first bin has 0 too): their weight, their mean, and the share that is phishing."""

    low: float
    high: float
    weight: float
    score: float
    share: float

    def figures(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def reliability(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None, bins: int = BINS) -> list[Bin]:
    """The bins of equal width over [0, 1] that hold something."""
    positive, scored, weighed = _arrays(labels, scores, weights)
    places = _places(scored, bins)
    held = np.bincount(places, weighed, bins)
    means = np.bincount(places, weighed * scored, bins)
    shares = np.bincount(places, weighed * positive, bins)
    return [
        Bin(at / bins, (at + 1) / bins, float(held[at]), float(means[at] / held[at]), float(shares[at] / held[at]))
        for at in np.flatnonzero(held)
    ]


def expected_error(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None, bins: int = BINS) -> float:
    """ECE: over the bins, the mean distance of the score from the share of phishing, weighted by what a bin holds."""
    positive, scored, weighed = _arrays(labels, scores, weights)
    gaps = np.bincount(_places(scored, bins), weighed * (scored - positive), bins)
    return float(np.abs(gaps).sum() / weighed.sum())


def brier(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The mean square of the distance of score and label."""
    positive, scored, weighed = _arrays(labels, scores, weights)
    return float(np.average((scored - positive) ** 2, weights=weighed))


def platt(labels: ArrayLike, scores: ArrayLike) -> Callable[[ArrayLike], Floats]:
    """Platt's scaling fitted on these rows: a logistic regression on the log-odds; gives probabilities for scores."""
    positive, scored, _ = _arrays(labels, scores, None)
    regression = LogisticRegression(C=1e6, max_iter=1000).fit(log_odds(scored)[:, None], positive)

    def calibrated(others: ArrayLike) -> Floats:
        return np.asarray(regression.predict_proba(log_odds(others)[:, None])[:, 1], dtype=np.float64)

    return calibrated


def log_odds(scores: ArrayLike) -> Floats:
    """The logarithm of the odds, kept finite."""
    inside = np.clip(np.asarray(scores, dtype=np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float64)


def _places(scores: Floats, bins: int) -> NDArray[np.int64]:
    return np.asarray(np.clip(np.ceil(scores * bins) - 1, 0, bins - 1), dtype=np.int64)


def _arrays(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    positive = np.asarray(labels, dtype=np.float64)
    scored = np.asarray(scores, dtype=np.float64)
    weighed = np.ones(len(scored)) if weights is None else np.asarray(weights, dtype=np.float64)
    return positive, scored, weighed
