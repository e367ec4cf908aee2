"""Policies are thresholds that keep their word on the rows they were chosen on; probabilities are calibrated."""

import numpy as np
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fyke.errors import SettingsError
from fyke.model.calibration import calibrate, expected_calibration_error
from fyke.model.directory import SHIPPED, load_model
from fyke.model.policies import at_most, policy_from, threshold
from tests.baseline import baseline
from tests.conftest import SAMPLE

TEXTS = polars.read_csv(SAMPLE)["Email Text"].fill_null("").to_list()
CHANCE = np.random.default_rng(11)


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.9]), min_size=1, max_size=50), st.sampled_from([0.001, 0.05, 0.5]))
def test_no_more_honest_rows_are_flagged_than_asked(scores: list[float], rate: float) -> None:
    """Ties or not, the share above the threshold is at most the rate."""
    values = np.array(scores)
    point = at_most(rate, values, np.zeros(len(values), np.bool_))
    assert (values > point.threshold).mean() <= rate


def test_a_threshold_is_the_least_that_keeps_its_word() -> None:
    """Both of the rows and of the other honest texts; a little lower, and one of them would be flagged too often."""
    rows, others, phishing = CHANCE.random(1000), CHANCE.random(300), CHANCE.random(1000) < 0.4
    for more in (None, others, np.array([])):
        point = at_most(0.05, rows, phishing, more)
        kinds = [rows[~phishing]] if more is None or not len(more) else [rows[~phishing], more]
        assert all((honest > point.threshold).mean() <= 0.05 for honest in kinds)
        assert any((honest > np.nextafter(point.threshold, 0)).mean() > 0.05 for honest in kinds)
    strict = calibrate(4 * rows - 2, phishing, 4 * others + 2)
    free = calibrate(4 * rows - 2, phishing)
    assert (strict.scale, strict.shift) == (free.scale, free.shift)
    for a, b in zip(strict.points, free.points, strict=True):
        assert a.threshold > b.threshold if a.policy.startswith("max-fpr") else a == b


def test_a_prior_moves_thresholds_of_false_positives_with_the_scores() -> None:
    """The same texts are flagged at any share of phishing.

    Half and the ratios of costs stay what they are, so that what they find and flag is no longer known.
    """
    model = load_model(SHIPPED)
    rare = model.at_prior(0.01)
    scores = [np.array(one.classifier.predict_many(TEXTS)) for one in (model, rare)]
    assert (scores[1] < scores[0]).any()
    known = [point for point in model.card.policies or () if point.policy.startswith("max-fpr")]
    for before, after in zip(known, rare.card.policies or (), strict=True):
        assert after.threshold < before.threshold
        assert ((scores[0] > before.threshold) == (scores[1] > after.threshold)).all()
    for name in ("balanced", "cost=10:1"):
        assert policy_from(name, rare.card.policies) == policy_from(name, model.card.policies)
    assert (scores[0] > policy_from("max-fpr=0.005", model.card.policies).threshold).any()


def test_calibration_turns_margins_into_probabilities() -> None:
    """Margins four times too sure and shifted come back as what they are, and the order stays."""
    true = CHANCE.normal(size=20_000)
    phishing = CHANCE.random(len(true)) < 1 / (1 + np.exp(-true))
    found = calibrate(4 * true + 3, phishing)
    assert found.scale == pytest.approx(1 / 4, rel=0.1)
    assert found.shift == pytest.approx(-3 / 4, rel=0.1)
    assert found.figures["ece"] < 0.02
    assert found.prior == pytest.approx(phishing.mean())


def test_few_rows_that_a_threshold_parts_make_nothing_certain() -> None:
    """Ten rows of each label, all told apart: one near the middle is unsure, and the furthest is not certain."""
    log_odds, phishing = np.linspace(-1, 1, 20), np.arange(20) >= 10
    found = calibrate(log_odds, phishing)
    scores = 1 / (1 + np.exp(-(found.scale * log_odds + found.shift)))
    assert 0.9 < scores[-1] < 0.99
    assert 0.5 < scores[10] < 0.6
    assert scores[phishing].min() > 0.5 > scores[~phishing].max()


def test_what_says_half_and_is_never_phishing_is_half_wrong() -> None:
    """The calibration error is the distance from the truth."""
    assert expected_calibration_error(np.full(10, 0.5), np.zeros(10, np.bool_)) == pytest.approx(0.5)


def test_policies_are_found_by_name() -> None:
    """The card's by name, any ratio of costs by its numbers, and others not at all."""
    assert threshold("max-fpr=0.01", [("max-fpr=0.01", 0.93)]) == 0.93
    assert threshold("balanced", []) == 0.5
    assert threshold("cost=3:1", []) == 0.75
    for wrong in ("max-fpr=0.3", "abstain", ""):
        with pytest.raises(SettingsError, match=r"balanced.*cost=A:B"):
            threshold(wrong, [])
    for wrong in ("cost=0:0", "cost=0:1", "cost=1:0", "cost=a:b"):
        with pytest.raises(SettingsError, match=r"A and B above 0"):
            threshold(wrong, [])


@pytest.mark.parametrize(("prior", "said"), [(0.0, "between 0 and 1"), (1.5, "between 0 and 1"), (0.1, "calibrated")])
def test_a_prior_that_cannot_be_is_refused(prior: float, said: str) -> None:
    """Out of range, or for a model that was never calibrated."""
    with pytest.raises(SettingsError, match=said):
        baseline().at_prior(prior)
