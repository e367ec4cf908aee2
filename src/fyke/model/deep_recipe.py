"""Recipe ``deep``: a linear head on the encoder that comes with Fyke, calibrated on rows that it was not fitted on.

Only the head is learnt here; the encoder stays as it is (`bench/encoder` tells how it was made). Reading a text takes
it some 15 ms, so the head learns from a few thousand rows, as many of either label as there are, and from the honest
mail of `fyke.model.hashed_recipe.BACKGROUND`.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from fyke.model.calibration import Calibrated, calibrate
from fyke.model.deep import DeepClassifier, Head
from fyke.model.encoding import WIDTH, Encoder, shipped
from fyke.model.folding import normalise
from fyke.model.hashed_recipe import BACKGROUND, SEED, held_back
from fyke.model.labels import PHISHING

MOST_FITTED, MOST_HELD_BACK = 3000, 1000  # rows
STRENGTH = 0.001  # scikit-learn's C, on vectors of length `SCALE` in the mean
SCALE = 8.0
BACKGROUND_WEIGHT = 3.0

Rows = NDArray[np.int64]
Vectors = NDArray[np.float64]


class DeepRecipe:
    """An unfitted model that `fit` makes a fitted one; then ``head`` and ``calibrated`` are there.

    Raises:
        ModelError: there is no encoder given, and the extra is not installed.
    """

    def __init__(self, encoder: Encoder | None = None, background: Path | None = BACKGROUND):
        self.encoder = encoder or shipped()
        self.background = background
        self.head: Head
        self.calibrated: Calibrated | None = None

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> Self:
        """Learn from texts and their published labels.

        Raises:
            ValueError: only one label, or no text has a word.
        """
        phishing = np.array([label == PHISHING for label in labels])
        blobs = [normalise(text) for text in texts]
        if not any(blobs) or len(set(phishing)) < 2:
            raise ValueError("no words, or only one label")
        validation = held_back(blobs)
        fitted = balanced(phishing, np.setdiff1d(np.arange(len(texts)), validation), MOST_FITTED)
        validation = some(validation, MOST_HELD_BACK)
        extra = background_vectors(self.encoder, self.background)
        if enough(phishing, validation, fitted):
            first = regress(self.vectors(texts, fitted), phishing[fitted], extra)
            held = self.vectors(texts, validation) @ first.coefficients + first.intercept
            self.calibrated = calibrate(held, phishing[validation])
        chosen = fitted if self.calibrated else balanced(phishing, np.arange(len(texts)), MOST_FITTED)
        final = regress(self.vectors(texts, chosen), phishing[chosen], extra)
        scale, shift = (self.calibrated.scale, self.calibrated.shift) if self.calibrated else (1.0, 0.0)
        self.head = Head(scale * final.coefficients, scale * final.intercept + shift)
        return self

    def predict_many(self, items: Sequence[str]) -> list[float]:
        """The probability of phishing for each text, in order."""
        return DeepClassifier("unpacked", self.encoder, self.head).predict_many(items)

    def vectors(self, texts: Sequence[str], rows: Rows) -> Vectors:
        """(rows, 384): the encoder's vectors of some texts."""
        return vectors(self.encoder, [texts[row] for row in rows.tolist()])


@cache
def background_vectors(encoder: Encoder, path: Path | None) -> Vectors:
    """The vectors of the honest mail that is learnt from beside the rows, read once."""
    return vectors(encoder, pl.read_csv(path)["Email Text"].to_list() if path else [])


def vectors(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    """(texts, 384): the encoder's vectors."""
    found = [encoder.vector(encoder.canonical(text)) for text in texts]
    return np.array(found, np.float64).reshape(-1, WIDTH)


def regress(rows: Vectors, phishing: NDArray[np.bool_], background: Vectors) -> Head:
    """Logistic regression of phishing on vectors, with honest background that counts `BACKGROUND_WEIGHT` times."""
    every = np.concatenate([rows, background])
    scale = SCALE / np.linalg.norm(every, axis=1).mean()
    weight = np.concatenate([np.ones(len(rows)), np.full(len(background), BACKGROUND_WEIGHT)])
    said = np.concatenate([phishing, np.zeros(len(background), np.bool_)])
    machine = LogisticRegression(C=STRENGTH, max_iter=1000).fit(scale * every, said, sample_weight=weight)
    return Head(scale * machine.coef_[0].astype(np.float64), float(machine.intercept_[0]))


def balanced(phishing: NDArray[np.bool_], rows: Rows, most: int) -> Rows:
    """At most so many of the rows, drawn alike each time: half of either label, or more where one has fewer."""
    kinds = [rows[phishing[rows]], rows[~phishing[rows]]]
    fewest = min(len(kind) for kind in kinds)
    share = max(most // 2, most - fewest)
    return np.sort(np.concatenate([some(kind, share) for kind in kinds]))


def some(rows: Rows, most: int) -> Rows:
    """At most so many of the rows, drawn alike each time, in their order."""
    return np.sort(np.random.default_rng(SEED).permutation(rows)[:most])


def enough(phishing: NDArray[np.bool_], *parts: Rows) -> bool:
    """Whether each part has ten rows of either label: with fewer, a calibration would be noise."""
    return all(min(phishing[part].sum(), (~phishing[part]).sum()) >= 10 for part in parts)
