"""Recipe ``default``: two experts and a gate over hashed features, calibrated on mail that they have not learnt from.

Beside the rows it is given it learns from mail that we wrote ourselves (`fyke.model.written`). One expert takes the
rows for what they are. The other, broad, leans on the mail of our own. The gate has learnt to tell the rows from ours:
see `fyke.model.hashed`. Each reading of a text is the set of its features, scaled to length one, each feature by its
rarity.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fyke.model.calibration import Calibrated, calibrate, platt
from fyke.model.classifier import logit
from fyke.model.folding import normalise
from fyke.model.hashed import GATE, HashedClassifier, HashedWeights
from fyke.model.hashed_fitting import SEED, SHORTNESS, Fit, mean, occurrences, often, regress
from fyke.model.hashing import parts
from fyke.model.labels import PHISHING
from fyke.model.written import BACKGROUND, EVERYDAY, WRITTEN, ours

BITS = 21
HELD_BACK, OURS_HELD_BACK = 0.15, 1 / 3  # of the clusters, for calibration; half a per cent of few texts says little
SHUT = -100.0  # a gate that has seen no mail of our own asks the familiar expert alone
STEEPNESS, LEANING = 2.0, 0.5  # of the gate: what it is multiplied by, and its lean toward the broad expert
TINY = np.finfo(np.float16).smallest_subnormal  # so that no feature that training has met has the weight 0 there


@dataclass(frozen=True)
class Lesson:
    """What one fit learns from, and its share in an expert: how often a row given counts, and a text of our tables."""

    share: float
    rows: float
    ours: Mapping[Path, float]


LESSONS = (
    (Lesson(1.0, 1.0, {}),),
    (
        Lesson(0.5, 1.0, {BACKGROUND: 10.0, EVERYDAY: 0.1}),
        Lesson(0.5, 0.3, {WRITTEN: 1.0, BACKGROUND: 3.0, EVERYDAY: 15.0}),
    ),
)


@dataclass(frozen=True)
class Mixture:
    """The experts, in the order of `LESSONS`, the gate, and which features two texts of training had, (2**bits,)."""

    experts: tuple[Fit, Fit]
    gate: Fit
    met: NDArray[np.bool_]

    def calibrated(self, scales: Sequence[tuple[float, float]]) -> "Mixture":
        """With each expert's log-odds times a scale, plus a shift."""
        familiar, broad = (one.scaled(*how) for one, how in zip(self.experts, scales, strict=True))
        return replace(self, experts=(familiar, broad))

    @property
    def weights(self) -> HashedWeights:
        """What serving takes."""
        every = (*self.experts, self.gate.scaled(STEEPNESS, LEANING))
        tables = np.array([one.coefficients[:-1] for one in every]).astype(np.float16)
        tables[GATE, self.met & (tables[GATE] == 0)] = TINY
        brevities = np.array([SHORTNESS * one.coefficients[-1] for one in every])
        intercepts = np.array([one.intercept for one in every])
        return HashedWeights(tables + np.float16(0), intercepts, brevities)  # no -0, which has bits


@dataclass(frozen=True)
class Texts:
    """What is learnt from, the rows given and then ours: features as the experts and as the gate read them, (texts,
    2**bits + 1) each, which texts are phishing and which are there, (texts,), and how many of them are rows."""

    matrix: Any
    beginnings: Any
    phishing: NDArray[np.bool_]
    there: NDArray[np.bool_]
    rows: int

    def fit(self, without: NDArray[np.int64]) -> Mixture:
        """The experts and the gate, who have not seen the texts ``without``."""
        there = self.there.copy()
        there[without] = False
        familiar, broad = (
            mean([(one.share, _regress(self.matrix, self.phishing, there * self._counts(one))) for one in lessons])
            for lessons in LESSONS
        )
        of_ours = np.arange(len(there)) >= self.rows
        gate = Fit(np.zeros(self.matrix.shape[1]), SHUT)
        if there[of_ours].any():
            gate = _regress(self.beginnings, of_ours, there.astype(np.float64))
        met = np.zeros(self.matrix.shape[1], np.bool_)
        met[often(self.matrix[there])] = True
        return Mixture((familiar, broad), gate, met[:-1])

    def _counts(self, lesson: Lesson) -> NDArray[np.float64]:
        return np.concatenate([np.full(self.rows, lesson.rows), ours().counts(lesson.ours)])


def _regress(matrix: Any, positive: NDArray[np.bool_], counts: NDArray[np.float64]) -> Fit:
    seen = np.flatnonzero(counts)
    return regress(matrix[seen], positive[seen], counts[seen])


class HashedRecipe:
    """An unfitted model that `fit` makes a fitted one; then ``weights`` and ``calibrated`` are there.

    With ``keep_out`` no weight is learnt from the texts of our own that are `ours_held_back`, and of all of them only
    from a random ``share_of_ours``; on those held back the broad expert's scale is fitted, and thresholds.
    """

    def __init__(self, bits: int = BITS, keep_out: bool = False, share_of_ours: float = 1.0):
        self.bits = bits
        self.keep_out = keep_out
        self.share_of_ours = share_of_ours
        self.weights: HashedWeights
        self.calibrated: Calibrated | None = None

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> Self:
        """Learn from texts and their published labels.

        Raises:
            ValueError: only one label, or no text has a word.
        """
        given = np.array([label == PHISHING for label in labels])
        blobs = [normalise(text) for text in texts]
        if not any(blobs) or len(set(given)) < 2:
            raise ValueError("no words, or only one label")
        every = self._texts(blobs, given)
        validation, out = held_back(blobs), len(blobs) + ours_held_back()
        final = every.fit(out if self.keep_out else out[:0])
        if enough(given, validation):
            first = every.fit(np.concatenate([validation, out]))
            written = len(blobs) + written_singly(ours_held_back())
            scales = _scales(first, every, validation, written)
            first = first.calibrated(scales)
            self.calibrated = calibrate(
                _log_odds(first, [blobs[row] for row in validation.tolist()]),
                given[validation],
                _log_odds(first, [normalise(ours().texts[place]) for place in spared().tolist()]),
            )
            whole = self.calibrated
            scales = [(whole.scale * scale, whole.scale * shift + whole.shift) for scale, shift in scales]
            final = final.calibrated(scales)
        self.weights = final.weights
        self._classifier = HashedClassifier("unpacked", self.weights)
        return self

    def predict_many(self, items: Sequence[str]) -> list[float]:
        """The probability of phishing for each text, in order."""
        return self._classifier.predict_many(items)

    def _texts(self, blobs: Sequence[bytes], phishing: NDArray[np.bool_]) -> Texts:
        """The rows given, then the mail of our own."""
        more = ours()
        chosen = np.random.default_rng(SEED).random(len(more.texts)) < self.share_of_ours
        every = [*blobs, *map(normalise, more.texts)]
        there = np.concatenate([np.ones(len(blobs), np.bool_), chosen])
        return Texts(*occurrences(every, self.bits), np.concatenate([phishing, more.phishing]), there, len(blobs))


def _scales(
    first: Mixture, every: Texts, validation: NDArray[np.int64], written: NDArray[np.int64]
) -> list[tuple[float, float]]:
    """Platt's scaling of each expert, on texts of its own kind that it has not learnt from.

    The broad one is shifted only from the share of phishing in our own mail to that among the rows, so that both
    answer for the same share.
    """
    familiar, broad = first.experts
    scale, _ = platt(broad(every.matrix[written]), every.phishing[written], shifts=False)
    rows, ours_are = (logit(float(every.phishing[kind].mean())) for kind in (validation, written))
    return [platt(familiar(every.matrix[validation]), every.phishing[validation]), (scale, rows - ours_are)]


def _log_odds(mixture: Mixture, blobs: Sequence[bytes]) -> NDArray[np.float64]:
    classifier = HashedClassifier("first", mixture.weights)
    return np.array([classifier.log_odds(blob) for blob in blobs])


def enough(phishing: NDArray[np.bool_], validation: NDArray[np.int64]) -> bool:
    """Whether validation rows and the others have ten of either label: with fewer, a calibration would be noise."""
    held = np.zeros(len(phishing), np.bool_)
    held[validation] = True
    return all(np.count_nonzero(part & kind) >= 10 for part in (held, ~held) for kind in (phishing, ~phishing))


@cache
def ours_held_back() -> NDArray[np.int64]:
    """The places of some of the texts of `fyke.model.written.ours`: all of some clusters."""
    return held_back([normalise(text) for text in ours().texts], OURS_HELD_BACK)


def written_singly(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of the places whose texts were written singly: texts made from patterns have siblings among the others."""
    return np.array([at for at in places if ours().tables[at] == WRITTEN], np.int64)


@cache
def spared() -> NDArray[np.int64]:
    """Of these the honest ones written singly, which no policy ``max-fpr`` may flag more often than it says."""
    known = written_singly(ours_held_back())
    return known[~ours().phishing[known]]


def held_back(blobs: Sequence[bytes], share: float = HELD_BACK) -> NDArray[np.int64]:
    """Rows for validation: all texts of a share of the clusters. Texts with the same least pair of words are one."""
    clusters = np.array([_least_pair(blob) for blob in blobs], np.uint64)
    known = np.unique(clusters)
    chosen = np.random.default_rng(SEED).permutation(known)[: round(len(known) * share)]
    return np.flatnonzero(np.isin(clusters, chosen))


def _least_pair(blob: bytes) -> int:
    numbers = parts(blob)[-1][0]
    if not len(numbers):
        return int.from_bytes(hashlib.blake2b(blob, digest_size=8).digest(), "little")
    return int((numbers * np.uint64(0x9E3779B97F4A7C15)).min())
