"""Recipe ``deep``: a linear head on the encoder that comes with Fyke, calibrated on rows that it was not fitted on.

Only the head is learnt here; the encoder stays as it is (`bench/encoder` tells how it was made). Reading a text takes
it some 15 ms, so the head learns from a few thousand rows, as many of either label as there are, and from the mail of
our own (`fyke.model.written`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from fyke.model.calibration import Calibrated, calibrate
from fyke.model.deep import DeepClassifier, Head
from fyke.model.encoding import WIDTH, Encoder, shipped
from fyke.model.folding import normalise
from fyke.model.hashed_fitting import SEED
from fyke.model.hashed_recipe import enough, held_back, ours_held_back, spared
from fyke.model.labels import PHISHING
from fyke.model.written import BACKGROUND, EVERYDAY, WRITTEN, ours

MOST_FITTED, MOST_HELD_BACK = 3000, 1000  # rows
STRENGTH = 0.001  # scikit-learn's C, on vectors of length `SCALE` in the mean
SCALE = 8.0
OURS = {WRITTEN: 1.0, BACKGROUND: 1.0, EVERYDAY: 1.0}  # how often one of our texts counts, beside a row given

Rows = NDArray[np.int64]
Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """Vectors (texts, 384), which of the texts are phishing (texts,), and how often each counts (texts,)."""

    vectors: Vectors
    phishing: NDArray[np.bool_]
    counts: NDArray[np.float64]

    def __getitem__(self, kept: NDArray[np.bool_] | Rows) -> "Labelled":
        return Labelled(self.vectors[kept], self.phishing[kept], self.counts[kept])

    def __add__(self, other: "Labelled") -> "Labelled":
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Labelled(*(np.concatenate(pair) for pair in pairs))


class DeepRecipe:
    """An unfitted model that `fit` makes a fitted one; then ``head`` and ``calibrated`` are there.

    With ``keep_out`` it never sees the texts of our own that are `fyke.model.hashed_recipe.ours_held_back`.

    Raises:
        ModelError: there is no encoder given, and the extra is not installed.
    """

    def __init__(self, encoder: Encoder | None = None, keep_out: bool = False):
        self.encoder = encoder or shipped()
        self.keep_out = keep_out
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
        held, more = held_back(blobs), our_vectors(self.encoder)
        known = np.ones(len(more.counts), np.bool_)
        known[ours_held_back()] = False
        rows = np.arange(len(texts))
        calibrating = enough(phishing, held)
        learnt = balanced(phishing, np.setdiff1d(rows, held) if calibrating else rows, MOST_FITTED)
        given = self._labelled(texts, phishing, learnt)
        if calibrating:
            first = regress(given + more[known])
            validation = self._labelled(texts, phishing, some(held, MOST_HELD_BACK))
            self.calibrated = calibrate(
                log_odds(first, validation.vectors), validation.phishing, log_odds(first, more[spared()].vectors)
            )
        final = regress(given + (more[known] if self.keep_out else more))
        scale, shift = (self.calibrated.scale, self.calibrated.shift) if self.calibrated else (1.0, 0.0)
        self.head = Head(scale * final.coefficients, scale * final.intercept + shift)
        return self

    def predict_many(self, items: Sequence[str]) -> list[float]:
        """The probability of phishing for each text, in order."""
        return DeepClassifier("unpacked", self.encoder, self.head).predict_many(items)

    def _labelled(self, texts: Sequence[str], phishing: NDArray[np.bool_], rows: Rows) -> Labelled:
        found = vectors(self.encoder, [texts[row] for row in rows.tolist()])
        return Labelled(found, phishing[rows], np.ones(len(rows)))


@cache
def our_vectors(encoder: Encoder) -> Labelled:
    """The mail of our own as the encoder sees it, read once."""
    found = ours()
    return Labelled(vectors(encoder, found.texts), found.phishing, found.counts(OURS))


def vectors(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    """(texts, 384): the encoder's vectors."""
    found = [encoder.vector(encoder.canonical(text)) for text in texts]
    return np.array(found, np.float64).reshape(-1, WIDTH)


def log_odds(head: Head, given: Vectors) -> NDArray[np.float64]:
    """Of vectors (texts, 384), by a head: (texts,)."""
    return np.asarray(given @ head.coefficients + head.intercept)


def regress(texts: Labelled) -> Head:
    """Logistic regression of phishing on vectors."""
    scale = SCALE / np.linalg.norm(texts.vectors, axis=1).mean()
    machine = LogisticRegression(C=STRENGTH, max_iter=1000)
    machine.fit(scale * texts.vectors, texts.phishing, sample_weight=texts.counts)
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
