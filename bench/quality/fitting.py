"""What is measured: a way to fit a model from texts and labels, and the scorer that comes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.quality.vectors import remembering
from fyke.model.card import OperatingPoint
from fyke.model.cascade_recipe import CascadeRecipe
from fyke.model.deep_recipe import DeepRecipe
from fyke.model.directory import Model, load_model
from fyke.model.labels import PHISHING
from fyke.model.recipes import build

Floats = NDArray[np.float64]


class Scorer(Protocol):
    """A fitted model: for each text the probability of phishing, in [0, 1], in order."""

    def predict_many(self, items: Sequence[str], /) -> Sequence[float]:
        """Score texts."""
        ...


Fit = Callable[[Sequence[str], Sequence[str]], Scorer]


class Pipeline:
    """A fitted scikit-learn pipeline as a scorer."""

    def __init__(self, pipeline: Any):
        self._pipeline = pipeline
        self._column = list(pipeline.classes_).index(PHISHING)

    def predict_many(self, items: Sequence[str], /) -> Sequence[float]:
        """Score texts."""
        scores: list[float] = self._pipeline.predict_proba(list(items))[:, self._column].tolist()
        return scores


def recipe(name: str) -> Fit:
    """The fit of a recipe by name.

    Raises:
        SettingsError: there is no such recipe.
        ModelError: the recipe needs the extra ``deep``, which is not installed.
    """
    build(name)
    encoder = remembering() if name in ("deep", "cascade") else None

    def unfitted() -> Any:
        if encoder is None:
            return build(name)
        return DeepRecipe(encoder) if name == "deep" else CascadeRecipe(encoder)

    def fit(texts: Sequence[str], labels: Sequence[str]) -> Scorer:
        fitted = unfitted().fit(list(texts), list(labels))
        return fitted if hasattr(fitted, "predict_many") else Pipeline(fitted)

    return fit


@dataclass(frozen=True)
class Loaded:
    """The model of a directory as a scorer, with the operating points of its card."""

    model: Model

    @property
    def policies(self) -> Sequence[OperatingPoint]:
        """The card's operating points, if it has any."""
        return self.model.card.policies or ()

    def predict_many(self, items: Sequence[str], /) -> Sequence[float]:
        """Score texts."""
        return self.model.classifier.predict_many(items)


def thresholds(scorer: Scorer) -> dict[str, float]:
    """A scorer's own operating points by name, fitted by its recipe; none where the recipe fits none."""
    calibrated = getattr(scorer, "calibrated", None)
    points = calibrated.points if calibrated else getattr(scorer, "policies", ())
    return {point.policy: float(point.threshold) for point in points}


def fixed(directory: Path) -> Fit:
    """A model directory as a "fit" that learns nothing: its figures hold only for mail that it was not trained on.

    Raises:
        ModelError: the directory is not a model's.
    """
    scorer = Loaded(load_model(directory))
    return lambda texts, labels: scorer


def scores_of(scorer: Scorer, texts: Sequence[str]) -> Floats:
    """Scores as an array; of no texts too."""
    return np.asarray(scorer.predict_many(texts) if texts else [], dtype=np.float64)
