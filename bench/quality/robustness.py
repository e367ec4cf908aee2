"""Part 6: what the attacks cost, in recall of modern English phishing at thresholds that do not move."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.quality.attacks import ATTACKS, Attack
from bench.quality.attacks_html import HTML_ATTACKS, plain
from bench.quality.bootstrap import interval
from bench.quality.corpora import Rows
from bench.quality.fitted import Fitted
from bench.quality.fitting import Floats, scores_of

MOST = 500  # texts, each of a cluster of its own
SHORTEST = 40  # characters, so that there is something to attack
HONEST_TEXTS = 200
SEED = 6


def robustness(fitted: Fitted, test: str, thresholds: dict[str, float]) -> dict[str, Any]:
    """Recall as it is and under each attack, and what is lost, at each named threshold."""
    rows = _sample(fitted, fitted.split.tests[test])
    texts, honest = fitted.texts(rows), _honest(fitted)
    clean = scores_of(fitted.scorer, texts)
    clean_html = scores_of(fitted.scorer, attacked(texts, plain, honest))
    found: dict[str, Any] = {"texts": len(texts), "thresholds": thresholds, "attacks": {}}
    for before, attacks in ((clean, ATTACKS), (clean_html, HTML_ATTACKS)):
        for name, attack in attacks.items():
            after = scores_of(fitted.scorer, attacked(texts, attack, honest))
            found["attacks"][name] = {
                policy: _lost(before, after, threshold) for policy, threshold in thresholds.items()
            }
    for policy in thresholds:
        lost = [max(0.0, one[policy]["lost"]) for one in found["attacks"].values()]  # a gain makes up for nothing
        found.setdefault("mean lost", {})[policy] = float(np.mean(lost))
        found.setdefault("most lost", {})[policy] = float(np.max(lost))
    return found


def attacked(texts: Sequence[str], attack: Attack, honest: Sequence[str]) -> list[str]:
    """Every text attacked with a randomness of its own, so that no text changes what happens to another."""
    return [attack(text, random.Random(f"{SEED} {at}"), honest) for at, text in enumerate(texts)]  # noqa: S311


def _lost(before: Floats, after: Floats, threshold: float) -> dict[str, Any]:
    gone = (before > threshold).astype(np.float64) - (after > threshold)
    return {
        "recall before": float((before > threshold).mean()),
        "recall": float((after > threshold).mean()),
        "lost": float(gone.mean()),
        "lost, interval": interval(lambda weights: float(np.average(gone, weights=weights)), np.arange(len(gone))),
    }


def _sample(fitted: Fitted, rows: Rows) -> Rows:
    """The first row of each cluster, at most `MOST` of them drawn at random."""
    _, first = np.unique(fitted.mail.cluster[rows], return_index=True)
    rows = rows[np.sort(first)]
    rows = rows[[len(text) >= SHORTEST for text in fitted.texts(rows)]]
    return np.sort(np.random.default_rng(SEED).permutation(rows)[:MOST])


def _honest(fitted: Fitted) -> list[str]:
    """Honest mail that the model was fitted on: the evader's best guess at good words."""
    rows = fitted.split.fit[fitted.mail.label[fitted.split.fit] == 0]
    drawn = np.random.default_rng(SEED).permutation(rows)[: HONEST_TEXTS * 2]
    return [text for text in fitted.texts(drawn) if len(text) >= SHORTEST][:HONEST_TEXTS]
