"""Recipe ``default``: two experts and a gate over hashed features, calibrated on mail that they have not seen.

Beside the rows it is given it learns from mail that we wrote ourselves (`fyke.model.written`). One expert takes the
rows for what they are. The other leans on the mail of our own, which is of today. The gate has learnt to tell the two
kinds apart: see `fyke.model.hashed`. Each reading of a text is the set of its features, scaled to length one, each
feature by its rarity.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fyke.model.calibration import Calibrated, calibrate, platt
from fyke.model.folding import normalise
from fyke.model.hashed import GATE, HashedClassifier, HashedWeights
from fyke.model.hashed_fitting import SEED, SHORTNESS, Fit, mean, occurrences, often, regress
from fyke.model.hashing import parts
from fyke.model.labels import PHISHING
from fyke.model.written import BACKGROUND, EVERYDAY, WRITTEN, ours

BITS = 21
HELD_BACK, OURS_HELD_BACK = 0.15, 1 / 3  # of the clusters, for calibration; half a per cent of few texts says little
STEEPNESS, LEANING = 2.0, 0.5  # of the gate: what it is multiplied by, and its lean toward the expert of today
TINY = np.finfo(np.float16).smallest_subnormal  # so that no feature that the gate has met has the weight 0


@dataclass(frozen=True)
class Lesson:
    """What one fit learns from, and its share in an expert: how often a row given counts, and a text of our tables."""

    share: float
    rows: float
    ours: Mapping[Path, float]


EXPERTS = (
    (Lesson(1.0, 1.0, {}),),
    (
        Lesson(0.5, 1.0, {BACKGROUND: 10.0, EVERYDAY: 0.1}),
        Lesson(0.5, 0.3, {WRITTEN: 1.0, BACKGROUND: 3.0, EVERYDAY: 15.0}),
    ),
)


@dataclass(frozen=True)
class Mixture:
    """The experts, in the order of `EXPERTS`, the gate, and which features that one has met, (2**bits,)."""

    experts: tuple[Fit, Fit]
    gate: Fit
    met: NDArray[np.bool_]

    def calibrated(self, scales: Sequence[tuple[float, float]]) -> "Mixture":
        """With each expert's log-odds times a scale, plus a shift."""
        familiar, modern = (one.scaled(*how) for one, how in zip(self.experts, scales, strict=True))
        return Mixture((familiar, modern), self.gate, self.met)

    @property
    def weights(self) -> HashedWeights:
        """What serving takes."""
        every = (*self.experts, self.gate.scaled(STEEPNESS, LEANING))
        tables = np.array([one.table[:-1] for one in every]).astype(np.float16)
        tables[GATE, self.met & (tables[GATE] == 0)] = TINY
        brevities = np.array([SHORTNESS * one.table[-1] for one in every])
        return HashedWeights(tables, np.array([one.intercept for one in every]), brevities)


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
        familiar, modern = (
            mean([(one.share, _regress(self.matrix, self.phishing, there * self._counts(one))) for one in lessons])
            for lessons in EXPERTS
        )
        of_ours = np.arange(len(there)) >= self.rows
        met = np.zeros(self.matrix.shape[1], np.bool_)
        met[often(self.matrix[there])] = True
        return Mixture((familiar, modern), _regress(self.beginnings, of_ours, there.astype(np.float64)), met[:-1])

    def _counts(self, lesson: Lesson) -> NDArray[np.float64]:
        return np.concatenate([np.full(self.rows, lesson.rows), ours().counts(lesson.ours)])


def _regress(matrix: Any, positive: NDArray[np.bool_], counts: NDArray[np.float64]) -> Fit:
    seen = np.flatnonzero(counts)
    if len(set(positive[seen])) < 2:  # none of ours: every text is like the rows
        return Fit(np.zeros(matrix.shape[1]), -100.0)
    return regress(matrix[seen], positive[seen], counts[seen])


class HashedRecipe:
    """An unfitted model that `fit` makes a fitted one; then ``weights`` and ``calibrated`` are there.

    With ``keep_out`` it never sees the texts of our own that are `ours_held_back`, and of all of them only a random
    ``share_of_ours``.
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
        scales = [(1.0, 0.0)] * len(EXPERTS)
        if enough(given, validation):
            first = every.fit(np.concatenate([validation, out]))
            scales = self._scales(first, every, validation)
            first = first.calibrated(scales)
            self.calibrated = calibrate(
                self._log_odds(first, blobs, validation),
                given[validation],
                self._log_odds(first, [normalise(text) for text in ours().texts], spared()),
                shifts=False,
            )
            whole = self.calibrated
            scales = [(whole.scale * scale, whole.scale * shift + whole.shift) for scale, shift in scales]
        self.weights = every.fit(out if self.keep_out else out[:0]).calibrated(scales).weights
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
        of_experts, of_gate = (occurrences(every, self.bits, gate) for gate in (False, True))
        there = np.concatenate([np.ones(len(blobs), np.bool_), chosen])
        return Texts(of_experts, of_gate, np.concatenate([phishing, more.phishing]), there, len(blobs))

    def _scales(self, first: Mixture, every: Texts, validation: NDArray[np.int64]) -> list[tuple[float, float]]:
        """Platt's scaling of each expert, on mail of its own kind that it has not seen.

        That of today is not shifted: how much of our own mail is phishing says nothing of anybody's.
        """
        familiar, modern = first.experts
        written = every.rows + written_singly(ours_held_back())
        return [
            platt(familiar(every.matrix[validation]), every.phishing[validation]),
            platt(modern(every.matrix[written]), every.phishing[written], shifts=False),
        ]

    def _log_odds(self, mixture: Mixture, blobs: Sequence[bytes], which: NDArray[np.int64]) -> NDArray[np.float64]:
        classifier = HashedClassifier("first", mixture.weights)
        return np.array([classifier.log_odds(blobs[one]) for one in which.tolist()])


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
