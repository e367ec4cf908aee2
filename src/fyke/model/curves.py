"""What a score is worth over its whole range: how true its probabilities are, and what each threshold costs."""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

BINS = 10
THRESHOLDS = (0.01, 0.02, 0.05, *(tenth / 10 for tenth in range(1, 10)), 0.95, 0.98, 0.99, 0.995, 0.999)


class Bin(TypedDict):
    """Texts whose score lies from ``low`` to below ``high``: how many, their mean score, their share of phishing."""

    low: float
    high: float
    rows: int
    mean: float
    share: float


class AtThreshold(TypedDict):
    """What calling phishing whatever scores above ``threshold`` flags of the honest and of the phishing texts."""

    threshold: float
    false_positive_rate: float
    recall: float


def reliability(scores: NDArray[np.float64], phishing: NDArray[np.bool_], bins: int = BINS) -> list[Bin]:
    """Scores (n,) in bins of equal width, those that hold none left out."""
    which = np.minimum((scores * bins).astype(int), bins - 1)
    found: list[Bin] = []
    for one in np.unique(which).tolist():
        rows = which == one
        mean, share = float(scores[rows].mean()), float(phishing[rows].mean())
        found.append(
            {"low": one / bins, "high": (one + 1) / bins, "rows": int(rows.sum()), "mean": mean, "share": share}
        )
    return found


def at_thresholds(scores: NDArray[np.float64], phishing: NDArray[np.bool_]) -> list[AtThreshold]:
    """Rates at thresholds spread over the range; 0.0 where there is none of a kind."""
    honest, wanted = scores[~phishing], scores[phishing]

    def above(kind: NDArray[np.float64], threshold: float) -> float:
        return float((kind > threshold).mean()) if len(kind) else 0.0

    return [
        {"threshold": one, "false_positive_rate": above(honest, one), "recall": above(wanted, one)}
        for one in THRESHOLDS
    ]
