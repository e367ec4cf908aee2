"""What the card says of a model over the whole range of its scores."""

import numpy as np

from fyke.model.curves import THRESHOLDS, at_thresholds, reliability
from fyke.model.evaluation import evaluate_scores, report_text
from fyke.model.labels import LABELS

SCORES = np.array([0.05, 0.15, 0.15, 0.55, 0.95, 1.0])
PHISHING = np.array([False, False, True, True, True, True])


def test_bins_tell_mean_score_and_share_of_phishing() -> None:
    """Each text is in one bin, a certain one in the last, and empty bins are left out."""
    bins = reliability(SCORES, PHISHING)
    assert [one["low"] for one in bins] == [0.0, 0.1, 0.5, 0.9]
    assert [one["rows"] for one in bins] == [1, 2, 1, 2]
    assert [one["share"] for one in bins] == [0.0, 0.5, 1.0, 1.0]
    np.testing.assert_allclose([one["mean"] for one in bins], [0.05, 0.15, 0.55, 0.975])


def test_a_threshold_flags_what_is_above_it() -> None:
    """Rates fall as the threshold rises; a kind that is absent has the rate 0."""
    points = at_thresholds(SCORES, PHISHING)
    assert [one["threshold"] for one in points] == list(THRESHOLDS)
    (half,) = [one for one in points if one["threshold"] == 0.5]
    assert (half["false_positive_rate"], half["recall"]) == (0.0, 0.75)
    for rate in ("false_positive_rate", "recall"):
        rates = [one[rate] for one in points]  # type: ignore[literal-required]
        assert rates == sorted(rates, reverse=True)
    assert {one["false_positive_rate"] for one in at_thresholds(SCORES[PHISHING], PHISHING[PHISHING])} == {0.0}


def test_a_label_with_few_rows_is_named() -> None:
    """Figures of mail that is nearly all of one label do not look better than they are."""
    scores, labels = [0.9] * 30 + [0.1] * 12, [LABELS[0]] * 30 + [LABELS[1]] * 12
    assert "little" not in report_text(evaluate_scores(scores, labels))
    assert "Safe Email: 3 rows." in report_text(evaluate_scores(scores[:33], labels[:33]))
    assert "Safe Email: 0 rows." in report_text(evaluate_scores(scores[:30], labels[:30]))
