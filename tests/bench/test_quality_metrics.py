"""The figures of the quality protocol, held against scikit-learn and against values worked out by hand."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, brier_score_loss, f1_score, roc_auc_score

from bench.quality.calibration import brier, expected_error, platt, reliability
from bench.quality.metrics import average_precision, counts, recall_at, roc_auc, threshold_at

RANDOM = np.random.default_rng(1)
LABELS = RANDOM.integers(0, 2, 500)
SCORES = np.clip(np.round(RANDOM.normal(0.35 + 0.3 * LABELS, 0.2), 2), 0, 1)  # two digits, so that there are ties
WEIGHTS = RANDOM.integers(0, 4, 500).astype(float)


def test_the_verdicts_are_scikit_learns() -> None:
    """Accuracy and F1 at a threshold, weighted or not."""
    for weights in (None, WEIGHTS):
        at = counts(LABELS, SCORES, 0.5, weights)
        flagged = SCORES > 0.5
        assert at.accuracy == pytest.approx(accuracy_score(LABELS, flagged, sample_weight=weights))
        assert at.f1 == pytest.approx(f1_score(LABELS, flagged, sample_weight=weights))


def test_the_areas_are_scikit_learns() -> None:
    """ROC AUC and average precision, with ties, weighted or not."""
    for weights in (None, WEIGHTS):
        assert roc_auc(LABELS, SCORES, weights) == pytest.approx(roc_auc_score(LABELS, SCORES, sample_weight=weights))
        theirs = average_precision_score(LABELS, SCORES, sample_weight=weights)
        assert average_precision(LABELS, SCORES, weights) == pytest.approx(theirs)


def test_average_precision_at_a_prevalence_is_scikit_learns_on_reweighted_rows() -> None:
    """Honest rows weigh so much that phishing makes one in a hundred."""
    honest = (LABELS == 0).sum()
    weights = np.where(LABELS == 1, 0.01 / (LABELS == 1).sum(), 0.99 / honest)
    theirs = average_precision_score(LABELS, SCORES, sample_weight=weights)
    assert average_precision(LABELS, SCORES, prevalence=0.01) == pytest.approx(theirs)


def test_average_precision_at_a_prevalence_by_hand() -> None:
    """Phishing at .9 and .5, honest at .7 and .1: half the recall at precision 1, half at .01 / (.01 + .99 / 2)."""
    by_hand = 0.5 * 1 + 0.5 * 0.01 / (0.01 + 0.99 / 2)
    assert average_precision([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1], prevalence=0.01) == pytest.approx(by_hand)


def test_the_threshold_never_lets_more_through_than_asked() -> None:
    """Of ten honest scores, a rate of 0.1 allows one above, 0.19 still one, and 0.05 none."""
    honest = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
    assert threshold_at(honest, 0.1) == 0.9
    assert threshold_at(honest, 0.19) == 0.9
    assert threshold_at(honest, 0.2) == 0.8
    assert threshold_at(honest, 0.05) == 0.95
    assert threshold_at(honest, 1.0) == 0.1


def test_tied_honest_scores_all_stay_below() -> None:
    """Where two honest scores tie for the one place that is allowed, neither has it."""
    assert threshold_at([0.9, 0.9] + [0.1] * 8, 0.1) == 0.9
    assert recall_at([0] * 10 + [1, 1], [0.9, 0.9] + [0.1] * 8 + [0.9, 0.91], 0.1) == 0.5


@pytest.mark.parametrize("rate", [0.001, 0.005, 0.01, 0.05])
def test_recall_at_a_rate_is_the_best_that_any_threshold_has(rate: float) -> None:
    """No score as a threshold keeps the rate and finds more; nothing is interpolated."""
    for weights in (None, WEIGHTS):
        kept = [
            at.recall
            for threshold in np.append(np.unique(SCORES), 1.0)
            if (at := counts(LABELS, SCORES, threshold, weights)).false_positive_rate <= rate
        ]
        assert recall_at(LABELS, SCORES, rate, weights) == pytest.approx(max(kept))


def test_a_weight_of_two_is_a_row_twice() -> None:
    """Weighted figures are those of the rows written out."""
    times = WEIGHTS.astype(int)
    labels, scores = np.repeat(LABELS, times), np.repeat(SCORES, times)
    for figure in (roc_auc, average_precision, expected_error, brier):
        assert figure(LABELS, SCORES, WEIGHTS) == pytest.approx(figure(labels, scores))
    assert recall_at(LABELS, SCORES, 0.01, WEIGHTS) == pytest.approx(recall_at(labels, scores, 0.01))


def test_a_threshold_needs_honest_mail() -> None:
    """There is no rate of false positives without any."""
    with pytest.raises(ValueError, match="honest"):
        threshold_at([], 0.01)


def test_brier_is_scikit_learns() -> None:
    """Weighted or not."""
    for weights in (None, WEIGHTS):
        assert brier(LABELS, SCORES, weights) == pytest.approx(brier_score_loss(LABELS, SCORES, sample_weight=weights))


def test_the_calibration_error_by_hand() -> None:
    """Two bins: .2 and .4 with no phishing err by .3, .8 and 1.0 with one of two by .4; each holds half."""
    labels, scores = [0, 0, 1, 0], [0.2, 0.4, 0.8, 1.0]
    assert expected_error(labels, scores, bins=2) == pytest.approx(0.35)
    low, high = reliability(labels, scores, bins=2)
    assert (low.weight, low.score, low.share) == pytest.approx((2, 0.3, 0.0))
    assert (high.weight, high.score, high.share) == pytest.approx((2, 0.9, 0.5))


def test_the_edges_of_bins_belong_below() -> None:
    """0 and 0.5 fall into the first of two bins, 1 into the last."""
    assert [one.weight for one in reliability([0, 0, 1], [0.0, 0.5, 1.0], bins=2)] == [2, 1]


def test_platt_finds_a_distortion_again() -> None:
    """Scores whose log-odds were doubled come back to what the labels were drawn with."""
    random = np.random.default_rng(2)
    true = random.uniform(0.02, 0.98, 20_000)
    labels = random.random(20_000) < true
    odds = (true / (1 - true)) ** 2
    distorted = odds / (1 + odds)
    assert expected_error(labels, distorted) > 0.05
    assert expected_error(labels, platt(labels, distorted)(distorted)) < 0.015
