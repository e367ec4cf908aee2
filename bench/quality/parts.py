"""The parts of the protocol: each takes fitted models and gives its figures as plain values."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.quality.calibration import brier, expected_error, reliability
from bench.quality.corpora import Rows
from bench.quality.figures import both, flagged
from bench.quality.fitted import Fitted
from bench.quality.fitting import Floats
from bench.quality.metrics import BALANCED, RATES, counts, threshold_at

POLICY = 0.005  # the share of false positives that the fixed threshold is chosen for
HONEST = ("political", "rlists", "transactional")
PHISHING = (
    "phishing_pot, English",
    "phishing_pot, other languages",
    "phishing_pot, unknown language",
    "nazario 2020-2022",
)
ENGLISH = PHISHING[0]


def published(fitted: Fitted) -> dict[str, Any]:
    """Parts 1 and 2: the published split, as it is and without near-duplicates of training rows."""
    return {test: both(fitted.mail, fitted.split.tests[test], fitted.scores(test)) for test in fitted.split.tests}


def left_out(fitted: Mapping[str, Fitted]) -> dict[str, Any]:
    """Part 3: every corpus tested by a model that has seen the others only, and the means over corpora."""
    found: dict[str, Any] = {}
    for name, one in fitted.items():
        rows, scores = one.split.tests[name], one.scores(name)
        found[name] = both(one.mail, rows, scores) | {
            "dropped": one.split.dropped[name],
            "at the fixed threshold": _at(one, rows, scores, one.threshold(POLICY)),
        }
    means = {key: float(np.mean([one[key] for one in found.values()])) for key in ("f1", "accuracy", "auc", "ece")}
    return {"corpora": found, "mean": means}


def temporal(fitted: Fitted) -> dict[str, Any]:
    """Part 4: modern phishing against modern honest mail, and at the threshold fixed on the validation rows."""
    honest_rows, honest = fitted.joined(*HONEST)
    found: dict[str, Any] = {"fit": len(fitted.split.fit), "dropped": dict(fitted.split.dropped), "against": {}}
    for test in PHISHING:
        if test in fitted.split.tests:
            rows, scores = np.append(fitted.split.tests[test], honest_rows), np.append(fitted.scores(test), honest)
            found["against"][test] = both(fitted.mail, rows, scores)
    found["in every corpus"] = {f"{rate:.1%}": _in_every_corpus(fitted, rate) for rate in RATES}
    found["fixed"] = {
        f"{rate:.1%}": _at(fitted, *_with(fitted, ENGLISH, honest_rows, honest), fitted.threshold(rate))
        for rate in RATES
    }
    return found


def honest(fitted: Fitted) -> dict[str, Any]:
    """Part 5: false positives on modern honest mail alone, at the policies' thresholds."""
    thresholds = {"balanced": BALANCED} | {f"max-fpr={rate:g}": fitted.threshold(rate) for rate in RATES}
    found: dict[str, Any] = {"thresholds": thresholds}
    for test in HONEST:
        if test in fitted.split.tests:
            rows, scores = fitted.split.tests[test], fitted.scores(test)
            found[test] = {name: flagged(fitted.mail, rows, scores, at) for name, at in thresholds.items()}
    return found


def calibration(in_domain: Fitted, across: Mapping[str, Fitted]) -> dict[str, Any]:
    """Part 7: whether probabilities mean what they say, as given and under Platt's scaling of the validation rows."""
    found: dict[str, Any] = {"in domain": _calibrated(in_domain, "in domain")}
    corpora = {name: _calibrated(one, name) for name, one in across.items()}
    means = {
        how: {key: float(np.mean([one[how][key] for one in corpora.values()])) for key in ("ece", "brier")}
        for how in ("as given", "scaled")
    }
    return found | {"across corpora": corpora, "mean across corpora": means}


def _calibrated(fitted: Fitted, test: str) -> dict[str, Any]:
    labels, scores = fitted.mail.label[fitted.split.tests[test]], fitted.scores(test)
    found = {}
    for how, given in {"as given": scores, "scaled": fitted.calibrated(scores)}.items():
        found[how] = {
            "ece": expected_error(labels, given),
            "brier": brier(labels, given),
            "bins": [one.figures() for one in reliability(labels, given)],
        }
    return found


def _with(fitted: Fitted, test: str, rows: Rows, scores: Floats) -> tuple[Rows, Floats]:
    return np.append(fitted.split.tests[test], rows), np.append(fitted.scores(test), scores)


def _in_every_corpus(fitted: Fitted, rate: float) -> float:
    """Recall of English phishing at the threshold that keeps every honest corpus below the rate, not their sum."""
    honest = [fitted.scores(test) for test in HONEST if test in fitted.split.tests]
    threshold = max(threshold_at(scores, rate) for scores in honest)
    return float((fitted.scores(ENGLISH) > threshold).mean())


def _at(fitted: Fitted, rows: Rows, scores: Floats, threshold: float) -> dict[str, float]:
    at = counts(fitted.mail.label[rows], scores, threshold)
    return {"threshold": threshold, "recall": at.recall, "false positive rate": at.false_positive_rate, "f1": at.f1}
