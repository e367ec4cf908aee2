"""Figures of scores against labels. Rows may be weighted, which is how the bootstrap draws them again.

The convention of thresholds is strict: a text counts as phishing where its score is greater than the threshold, and the
threshold for a share of false positives is the least score at which the honest texts above it are at most that share.
Ties all stay below. Nothing is interpolated, so that every figure is one that a deployed threshold would have had.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

RATES = (0.001, 0.005, 0.01)
PREVALENCE = 0.01
BALANCED = 0.5


@dataclass(frozen=True)
class Counts:
    """Weights of the four outcomes at a threshold."""

    found: float
    missed: float
    false: float
    passed: float

    @property
    def recall(self) -> float:
        """The share of phishing that is found."""
        return _share(self.found, self.missed)

    @property
    def false_positive_rate(self) -> float:
        """The share of honest mail that is flagged."""
        return _share(self.false, self.passed)

    @property
    def precision(self) -> float:
        """The share of flagged mail that is phishing; 0 where nothing is flagged."""
        return self.found / (self.found + self.false) if self.found + self.false else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall, of phishing."""
        both = 2 * self.found + self.missed + self.false
        return 2 * self.found / both if both else 0.0

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return _share(self.found + self.passed, self.missed + self.false)


def counts(labels: ArrayLike, scores: ArrayLike, threshold: float, weights: ArrayLike | None = None) -> Counts:
    """Outcomes for (n,) labels (1 phishing, 0 honest) and (n,) scores."""
    positive, scored, weighed = _arrays(labels, scores, weights)
    flagged = scored > threshold
    return Counts(
        found=float(weighed[flagged & positive].sum()),
        missed=float(weighed[~flagged & positive].sum()),
        false=float(weighed[flagged & ~positive].sum()),
        passed=float(weighed[~flagged & ~positive].sum()),
    )


def threshold_at(honest: ArrayLike, rate: float, weights: ArrayLike | None = None) -> float:
    """The least of the honest scores such that at most ``rate`` of the honest weight scores higher.

    Raises:
        ValueError: there is no honest score.
    """
    scores = np.asarray(honest, dtype=np.float64)
    weighed = np.ones(len(scores)) if weights is None else np.asarray(weights, dtype=np.float64)
    scores, weighed = scores[weighed > 0], weighed[weighed > 0]
    if not len(scores):
        raise ValueError("a threshold for a rate of false positives needs honest mail")
    order = np.argsort(-scores, kind="stable")
    scores, weighed = scores[order], weighed[order]
    above = np.cumsum(weighed) - weighed  # of those before it in the order, so of those above but for ties
    ties = np.searchsorted(-scores, -scores, side="left")  # the first with the same score
    allowed = above[ties] <= rate * weighed.sum() + 1e-9
    return float(scores[np.flatnonzero(allowed)[-1]])


def recall_at(labels: ArrayLike, scores: ArrayLike, rate: float, weights: ArrayLike | None = None) -> float:
    """Recall of phishing at the threshold that lets ``rate`` of these honest texts be flagged, by the convention."""
    positive, scored, weighed = _arrays(labels, scores, weights)
    threshold = threshold_at(scored[~positive], rate, weighed[~positive])
    return counts(positive, scored, threshold, weighed).recall


def average_precision(
    labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None, prevalence: float | None = None
) -> float:
    """Area under precision and recall by steps: the sum over thresholds of precision times the gain in recall.

    With ``prevalence``, honest and phishing weight are first brought to that share of phishing.
    """
    positive, scored, weighed = _arrays(labels, scores, weights)
    if prevalence is not None:
        weighed = _at_prevalence(positive, weighed, prevalence)
    order = np.argsort(-scored, kind="stable")
    last = np.append(scored[order][1:] != scored[order][:-1], True)  # the last of each run of equal scores
    found = np.cumsum(np.where(positive, weighed, 0.0)[order])[last]
    false = np.cumsum(np.where(positive, 0.0, weighed)[order])[last]
    gained = np.diff(np.concatenate([[0.0], found])) / found[-1]
    flagged = found + false
    return float(np.sum(gained * np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)))


def roc_auc(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The chance that a phishing text scores higher than an honest one, ties counting half."""
    positive, scored, weighed = _arrays(labels, scores, weights)
    order = np.argsort(scored[~positive], kind="stable")
    honest = scored[~positive][order]
    below = np.concatenate([[0.0], np.cumsum(weighed[~positive][order])])
    lower, upper = (np.searchsorted(honest, scored[positive], side=side) for side in ("left", "right"))
    wins = (below[lower] + below[upper]) / 2
    return float(np.average(wins, weights=weighed[positive]) / below[-1])


def _at_prevalence(positive: NDArray[np.bool_], weighed: Floats, prevalence: float) -> Floats:
    phishing, honest = weighed[positive].sum(), weighed[~positive].sum()
    factors = np.where(positive, prevalence / phishing, (1 - prevalence) / honest)
    return np.asarray(weighed * factors, dtype=np.float64)


def _arrays(
    labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    positive = np.asarray(labels).astype(bool)
    scored = np.asarray(scores, dtype=np.float64)
    weighed = np.ones(len(scored)) if weights is None else np.asarray(weights, dtype=np.float64)
    return positive, scored, weighed


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest else float("nan")
