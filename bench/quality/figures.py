"""The figures of one test: every metric by name, the main ones with their intervals over clusters."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.quality.bootstrap import interval
from bench.quality.calibration import brier, expected_error
from bench.quality.corpora import Mail, Rows
from bench.quality.fitting import Floats
from bench.quality.metrics import (
    BALANCED,
    PREVALENCE,
    RATES,
    average_precision,
    counts,
    recall_at,
    roc_auc,
)

Figure = Callable[..., float]

SEPARATION: dict[str, Figure] = {
    **{f"recall at {rate:.1%}": lambda y, s, w=None, rate=rate: recall_at(y, s, rate, w) for rate in RATES},
    "pr auc at 1%": lambda y, s, w=None: average_precision(y, s, w, PREVALENCE),
    "auc": roc_auc,
}
VERDICTS: dict[str, Figure] = {
    "accuracy": lambda y, s, w=None: counts(y, s, BALANCED, w).accuracy,
    "f1": lambda y, s, w=None: counts(y, s, BALANCED, w).f1,
}
CALIBRATION: dict[str, Figure] = {"ece": expected_error, "brier": brier}


def both(mail: Mail, rows: Rows, scores: Floats) -> dict[str, Any]:
    """Figures of rows of both labels: how well they are told apart, the verdicts at 0.5, and calibration."""
    labels = mail.label[rows]
    found: dict[str, Any] = {"rows": len(rows), "phishing": int(labels.sum()), "clusters": _clusters(mail, rows)}
    for name, figure in (SEPARATION | VERDICTS | CALIBRATION).items():
        found[name] = figure(labels, scores)
        if name not in CALIBRATION:
            found[f"{name}, interval"] = interval(lambda w, f=figure: f(labels, scores, w), mail.cluster[rows])  # type: ignore[misc]
    return found


def flagged(mail: Mail, rows: Rows, scores: Floats, threshold: float) -> dict[str, Any]:
    """The share of rows above a threshold, with its interval: recall of phishing, false positives of honest mail."""
    above = (scores > threshold).astype(np.float64)
    share = interval(lambda weights: float(np.average(above, weights=weights)), mail.cluster[rows])
    return {
        "rows": len(rows),
        "clusters": _clusters(mail, rows),
        "flagged": int(above.sum()),
        "share": float(above.mean()),
        "share, interval": share,
    }


def _clusters(mail: Mail, rows: Rows) -> int:
    return len(np.unique(mail.cluster[rows]))
