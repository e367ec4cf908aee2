"""Policies are thresholds that keep their word on the rows they were chosen on; probabilities are calibrated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fyke.errors import SettingsError
from fyke.model.calibration import calibrate, expected_calibration_error
from fyke.model.policies import at_most, threshold
from tests.baseline import baseline

CHANCE = np.random.default_rng(11)


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.9]), min_size=1, max_size=50), st.sampled_from([0.001, 0.05, 0.5]))
def test_no_more_honest_rows_are_flagged_than_asked(scores: list[float], rate: float) -> None:
    """Ties or not, the share above the threshold is at most the rate."""
    values = np.array(scores)
    point = at_most(rate, values, np.zeros(len(values), np.bool_))
    assert (values > point.threshold).mean() <= rate


def test_calibration_turns_margins_into_probabilities() -> None:
    """Margins four times too sure and shifted come back as what they are, and the order stays."""
    true = CHANCE.normal(size=20_000)
    phishing = CHANCE.random(len(true)) < 1 / (1 + np.exp(-true))
    found = calibrate(4 * true + 3, phishing)
    assert found.scale == pytest.approx(1 / 4, rel=0.1)
    assert found.shift == pytest.approx(-3 / 4, rel=0.1)
    assert found.figures["ece"] < 0.02
    assert found.prior == pytest.approx(phishing.mean())


def test_what_says_half_and_is_never_phishing_is_half_wrong() -> None:
    """The calibration error is the distance from the truth."""
    assert expected_calibration_error(np.full(10, 0.5), np.zeros(10, np.bool_)) == pytest.approx(0.5)


def test_policies_are_found_by_name() -> None:
    """The card's by name, any ratio of costs by its numbers, and others not at all."""
    assert threshold("max-fpr=0.01", [("max-fpr=0.01", 0.93)]) == 0.93
    assert threshold("balanced", []) == 0.5
    assert threshold("cost=3:1", []) == 0.75
    for wrong in ("max-fpr=0.3", "cost=0:0", "cost=a:b", ""):
        with pytest.raises(SettingsError, match=r"balanced.*cost=A:B"):
            threshold(wrong, [])


@pytest.mark.parametrize(("prior", "said"), [(0.0, "between 0 and 1"), (1.5, "between 0 and 1"), (0.1, "calibrated")])
def test_a_prior_that_cannot_be_is_refused(prior: float, said: str) -> None:
    """Out of range, or for a model that was never calibrated."""
    with pytest.raises(SettingsError, match=said):
        baseline().at_prior(prior)
