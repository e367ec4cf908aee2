"""Probabilities that mean something: Platt's scaling, the share of phishing, and thresholds by policy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from fyke.model.policies import FALSE_POSITIVE_RATES, Point, at_cost, at_most, balanced

COSTS = (1.0, 10.0, 100.0)  # what a false positive costs, where a missed phishing mail costs 1
BINS = 15


@dataclass(frozen=True)
class Calibrated:
    """Log-odds become ``scale`` times themselves plus ``shift``; the rest is what validation rows then say."""

    scale: float
    shift: float
    rows: int
    prior: float
    figures: dict[str, float]
    points: list[Point]


def calibrate(
    log_odds: NDArray[np.float64], phishing: NDArray[np.bool_], spared: NDArray[np.float64] | None = None
) -> Calibrated:
    """Fit Platt's scaling on validation rows: log-odds (n,), and whether each is phishing (n,), some and not all.

    ``spared`` are the log-odds of other honest texts, (m,): a ``max-fpr`` flags no greater share of them either.
    """
    scale, shift = platt(log_odds, phishing)
    scores = _probabilities(scale * log_odds + shift)
    others = None if spared is None else _probabilities(scale * spared + shift)
    points = [balanced(scores, phishing)]
    points += [at_most(rate, scores, phishing, others) for rate in FALSE_POSITIVE_RATES]
    points += [at_cost(cost, scores, phishing) for cost in COSTS]
    figures = {"ece": expected_calibration_error(scores, phishing), "brier": float(np.mean((scores - phishing) ** 2))}
    return Calibrated(scale, shift, len(scores), float(phishing.mean()), figures, points)


def platt(log_odds: NDArray[np.float64], phishing: NDArray[np.bool_], shifts: bool = True) -> tuple[float, float]:
    """Scale and shift, or a scale alone; 1 and 0 where the likeliest scale would turn the order round.

    Where a threshold (without a shift: log-odds of 0) parts the labels, the likeliest scale is without end; then a row
    counts (n + 1) / (n + 2) for its label, which n rows have, and the rest for the other, as in Platt (1999).
    """
    texts, labels, weights = log_odds, phishing, np.ones(len(phishing))
    least, most = log_odds[phishing].min(), log_odds[~phishing].max()
    if least > most and (shifts or least > 0 > most):
        many = np.where(phishing, phishing.sum(), (~phishing).sum())
        texts, labels = np.concatenate([log_odds, log_odds]), np.concatenate([phishing, ~phishing])
        weights = np.concatenate([(many + 1) / (many + 2), 1 / (many + 2)])
    fitted = LogisticRegression(C=1e6, fit_intercept=shifts).fit(texts[:, None], labels, sample_weight=weights)
    scale, shift = float(fitted.coef_[0, 0]), float(np.ravel(fitted.intercept_)[0])
    return (scale, shift) if scale > 0 else (1.0, 0.0)


def _probabilities(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -700, 700))))


def expected_calibration_error(scores: NDArray[np.float64], phishing: NDArray[np.bool_], bins: int = BINS) -> float:
    """The mean distance between probability and share of phishing over bins of equal width, weighted by rows."""
    which = np.minimum((scores * bins).astype(int), bins - 1)
    gaps = np.bincount(which, scores - phishing, bins)
    return float(np.abs(gaps).sum() / len(scores))
