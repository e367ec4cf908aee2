"""Recipe ``cascade``: recipes ``default`` and ``deep``, and a band of the fast one's log-odds where both are asked.

Both parts are first fitted without the rows of some clusters, and without some of our own texts. On those rows three
things are then fitted: the calibration of either part, the band, and the calibration of the whole. Then the parts are
fitted again, with nothing held back of what each learns from; their log-odds are calibrated, so that the band stays.

Where both are asked, their calibrated log-odds answer together, the deep part's with a share of `DEEP`. Weights fitted
on the rows held back would leave it next to nothing: the fast one is better on mail like that which it has learnt from,
and only there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fyke.model.calibration import Calibrated, calibrate
from fyke.model.cascade import Band, CascadeClassifier, CascadeWeights
from fyke.model.deep import DeepClassifier
from fyke.model.deep_recipe import MOST_HELD_BACK, DeepRecipe, some
from fyke.model.encoding import Encoder, shipped
from fyke.model.folding import normalise
from fyke.model.hashed import HashedClassifier
from fyke.model.hashed_recipe import HashedRecipe, enough, held_back, spared
from fyke.model.labels import PHISHING
from fyke.model.written import ours

LOST = 0.005  # of accuracy, and of recall at `RATES`, that the band may cost
RATES = (0.001, 0.005)
SURE = (0.99, 0.999, 0.9999)  # calibrated probabilities, of either label, from which the fast part may answer alone
DEEP = 0.3  # of what both say together
ALWAYS = Band(-np.inf, np.inf, 1 - DEEP, DEEP, 0.0)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Log-odds of both parts for the validation rows, (n,), and whether each row is phishing, (n,)."""

    fast: Floats
    deep: Floats
    phishing: NDArray[np.bool_]


class CascadeRecipe:
    """An unfitted model that `fit` makes a fitted one; then ``weights`` and ``calibrated`` are there.

    Raises:
        ModelError: there is no encoder given, and the extra is not installed.
    """

    def __init__(self, encoder: Encoder | None = None):
        self.encoder = encoder or shipped()
        self.weights: CascadeWeights
        self.calibrated: Calibrated | None = None

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> Self:
        """Learn from texts and their published labels.

        Raises:
            ValueError: only one label, or no text has a word.
        """
        phishing = np.array([label == PHISHING for label in labels])
        held = held_back([normalise(text) for text in texts])
        if not enough(phishing, held):
            self.weights = self._fitted(texts, labels, keep_out=False)
            return self
        rest = np.setdiff1d(np.arange(len(texts)), held).tolist()
        first = self._fitted([texts[row] for row in rest], [labels[row] for row in rest], keep_out=True)
        validation = some(held, MOST_HELD_BACK)
        scored = self._scored(first, [texts[row] for row in validation.tolist()], phishing[validation])
        others = [ours().texts[place] for place in spared().tolist()]
        honest = self._scored(first, others, np.zeros(len(others), np.bool_))
        band = fitted_band(scored)
        self.calibrated = calibrate(joined(band, scored), scored.phishing, joined(band, honest))
        final = self._fitted(texts, labels, keep_out=False)
        self.weights = replace(final, band=band, scale=self.calibrated.scale, shift=self.calibrated.shift)
        return self

    def predict_many(self, items: Sequence[str]) -> list[float]:
        """The probability of phishing for each text, in order."""
        return CascadeClassifier("unpacked", self.encoder, self.weights).predict_many(items)

    def _fitted(self, texts: Sequence[str], labels: Sequence[str], keep_out: bool) -> CascadeWeights:
        fast = HashedRecipe(keep_out=keep_out).fit(texts, labels).weights
        return CascadeWeights(fast, DeepRecipe(self.encoder, keep_out=keep_out).fit(texts, labels).head, ALWAYS)

    def _scored(self, weights: CascadeWeights, texts: Sequence[str], phishing: NDArray[np.bool_]) -> Scored:
        fast, deep = HashedClassifier("fast", weights.fast), DeepClassifier("deep", self.encoder, weights.deep)
        return Scored(
            np.array([fast.log_odds(fast.canonical(text)) for text in texts]),
            np.array([deep.log_odds(deep.canonical(text)) for text in texts]),
            phishing,
        )


def fitted_band(scored: Scored) -> Band:
    """Where the fast part is less sure than the first of `SURE` that loses no more than `LOST` against asking about
    every row, or against the deep part alone, whichever is better, by any of `figures`; everywhere, if none does."""
    fast, deep = (calibrate(part, scored.phishing) for part in (scored.fast, scored.deep))
    intercept = DEEP * (deep.shift - fast.shift) / fast.scale
    always = Band(-np.inf, np.inf, 1 - DEEP, DEEP * deep.scale / fast.scale, intercept)
    wanted = np.maximum(figures(joined(always, scored), scored.phishing), figures(scored.deep, scored.phishing)) - LOST
    for sure in SURE:
        far = math.log(sure / (1 - sure))
        band = replace(always, low=(-far - fast.shift) / fast.scale, high=(far - fast.shift) / fast.scale)
        if (figures(joined(band, scored), scored.phishing) >= wanted).all():
            return band
    return always


def asks(band: Band, scored: Scored) -> NDArray[np.bool_]:
    """Whether the deep part is asked about each row."""
    return np.asarray((band.low < scored.fast) & (scored.fast < band.high))


def joined(band: Band, scored: Scored) -> Floats:
    """The cascade's log-odds."""
    both = band.fast * scored.fast + band.deep * scored.deep + band.intercept
    return np.where(asks(band, scored), both, scored.fast)


def figures(log_odds: Floats, phishing: NDArray[np.bool_]) -> Floats:
    """Accuracy at log-odds of 0, and recall at each of `RATES` of false positives."""
    honest = np.sort(log_odds[~phishing])[::-1]
    recalls = [float((log_odds[phishing] > honest[int(rate * len(honest))]).mean()) for rate in RATES]
    return np.array([float(((log_odds > 0) == phishing).mean()), *recalls])
