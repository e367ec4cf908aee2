"""Policies: thresholds chosen by name. A text is phishing where its score is above the threshold.

- ``balanced``: 0.5, the published behaviour
- ``max-fpr=0.005``: of the honest validation rows at most that share is flagged
- ``cost=10:1``: a false positive costs ten times what a missed phishing mail costs
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fyke.errors import SettingsError
from fyke.model.labels import PHISHING, SAFE

if TYPE_CHECKING:
    from fyke.model.card import OperatingPoint

THRESHOLD = 0.5  # the published one
FALSE_POSITIVE_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)


class Verdict(NamedTuple):
    """A label and the probability of that label; ``uncertain`` is None where nobody asks."""

    prediction: str
    probability: float
    uncertain: bool | None = None

    def fields(self) -> dict[str, Any]:
        """What a response says of it."""
        if self.uncertain is None:
            return {"prediction": self.prediction, "probability": self.probability}
        return {"prediction": self.prediction, "probability": self.probability, "uncertain": self.uncertain}


@dataclass(frozen=True, slots=True)
class Policy:
    """How a label is read from a probability of phishing: it is phishing above the ``threshold``.

    Within ``abstain`` of it, if that is above 0, a verdict is uncertain.
    """

    name: str = "balanced"
    threshold: float = THRESHOLD
    abstain: float = 0.0

    def of(self, key: str) -> "Policy":
        """The policy for an answer of this key: this one for all."""
        return self

    def read(self, score: float) -> Verdict:
        """The verdict. The probability is the label's, which is below one half where the threshold is not one half."""
        label, probability = (PHISHING, score) if score > self.threshold else (SAFE, 1.0 - score)
        return Verdict(label, probability, abs(score - self.threshold) < self.abstain if self.abstain else None)


BALANCED = Policy()


def policy_from(name: str, points: "Iterable[OperatingPoint] | None", abstain: float = 0.0) -> Policy:
    """The policy of a name, with the thresholds of a model's card.

    Raises:
        SettingsError: the card has no such policy, and it is no ratio of costs.
    """
    return Policy(name, threshold(name, ((point.policy, point.threshold) for point in points or ())), abstain)


def threshold(policy: str, known: Iterable[tuple[str, float]]) -> float:
    """The threshold of a policy: by its name among the ``known`` ones of the card, or by the ratio of a ``cost``.

    Raises:
        SettingsError: the policy is neither known nor a ratio of costs.
    """
    thresholds = {"balanced": THRESHOLD} | dict(known)
    if policy in thresholds:
        return thresholds[policy]
    ratio = re.fullmatch(r"cost=(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", policy)
    if ratio and float(ratio[1]) > 0 and float(ratio[2]) > 0:
        return float(ratio[1]) / (float(ratio[1]) + float(ratio[2]))
    if policy.startswith("cost="):
        raise SettingsError(f"--policy (FYKE_POLICY) {policy!r}: say cost=A:B with A and B above 0, like cost=10:1.")
    raise SettingsError(
        f"--policy (FYKE_POLICY): the model's card has no policy {policy!r}; it has {', '.join(thresholds)}, or say "
        "cost=A:B."
    )


class Point(NamedTuple):
    """A policy's threshold, and its false-positive rate and recall on the validation rows."""

    policy: str
    threshold: float
    false_positive_rate: float
    recall: float


def balanced(scores: NDArray[np.float64], phishing: NDArray[np.bool_]) -> Point:
    """The published threshold."""
    return _point("balanced", 0.5, scores, phishing)


def at_most(
    rate: float, scores: NDArray[np.float64], phishing: NDArray[np.bool_], others: NDArray[np.float64] | None = None
) -> Point:
    """The least threshold that flags at most this share of the honest rows, and of the honest ``others``, if any."""
    kinds = [scores[~phishing]] if others is None or not len(others) else [scores[~phishing], others]
    at = max(float(np.sort(honest)[::-1][int(rate * len(honest))]) for honest in kinds)
    return _point(f"max-fpr={rate:g}", at, scores, phishing)


def at_cost(cost: float, scores: NDArray[np.float64], phishing: NDArray[np.bool_]) -> Point:
    """Where the expected costs of flagging and of passing a text are equal, if its score is its probability."""
    return _point(f"cost={cost:g}:1", cost / (1 + cost), scores, phishing)


def _point(policy: str, at: float, scores: NDArray[np.float64], phishing: NDArray[np.bool_]) -> Point:
    flagged = scores > at
    rates = [float(flagged[kind].mean()) if kind.any() else 0.0 for kind in (~phishing, phishing)]
    return Point(policy, at, *rates)
