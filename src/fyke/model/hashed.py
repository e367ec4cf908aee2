"""The hashed classifier: two experts and a gate over hashed features of bytes and words, without scikit-learn.

Each of the three is linear. For each reading r of a normalised text (`fyke.model.hashing.readings`: the whole, and its
beginnings) with its share s_r, and the set U_r of the rows that it meets, each once however often it occurs,

    f = b + c * FEW / (FEW + |U|) + sum over r of s_r * (sum over U_r of v_u) / sqrt(|U_r|)

with b, c and v of its own, where U is that of the whole: a text of few features has said little, and little mail is as
short. One expert knows mail like that which was given to learn from, the other leans on mail of our own, which is of
many kinds; the gate, whose shares are those of the beginnings alone, tells which is asked (a mixture of experts, Jacobs
et al. 1991):

    g = expit(gate + NOVELTY * sum over r of s_r * (share of U_r that training has not met))
    z = (1 - g) * familiar + g * broad,    p = expit(z),    expit(x) = 1 / (1 + exp(-x))

The normalised text is the canonical bytes, and the score is computed from it alone. At the text's g the sums are
linear in U, so each part of a text has its share in z: see `HashedClassifier.explain`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fyke.model.classifier import Scores, expit, logit
from fyke.model.explanation import Explanation, shares
from fyke.model.folding import normalise, normalise_with_offsets
from fyke.model.hashing import features_read, index, parts, readings, shortness

NOVELTY = 20.0  # so that a text is asked of the broad expert where one word in ten is new
FAMILIAR, BROAD, GATE = 0, 1, 2
EXPERTS = slice(FAMILIAR, GATE)

Places = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class HashedWeights:
    """The arrays of a model, each in the order `FAMILIAR`, `BROAD`, `GATE`.

    ``tables``: (3, 2**bits) float16, the experts' toward phishing, the gate's toward the broad expert, and 0 where
    fewer than two texts of training had a feature; ``intercepts`` and ``brevities``: (3,) float64, b and c.
    """

    tables: NDArray[np.float16]
    intercepts: Numbers
    brevities: Numbers

    @property
    def bits(self) -> int:
        """A table has two to this many rows."""
        return int(self.tables.shape[1]).bit_length() - 1


class HashedClassifier(Scores):
    """Scores texts for phishing; everything the prediction cache needs to know of a model.

    ``id`` names weights, preprocessing and the versions that computed them. Threads may share one.
    """

    quick = True
    tolerance = 1e-6

    def __init__(self, model_id: str, weights: HashedWeights):
        self.id = model_id
        self._weights = weights
        self._bits = weights.bits

    def canonical(self, item: str) -> bytes:
        """What the model sees of a text: its words, normalised, at most `fyke.model.folding.LIMIT` bytes."""
        return normalise(item)

    def predict_many(self, items: Sequence[str]) -> list[float]:
        """The probability of phishing for each text, in order, each in [0, 1]."""
        return [expit(self.log_odds(normalise(item))) for item in items]

    def predict_canonical(self, items: Sequence[bytes]) -> list[float]:
        """The same from canonical bytes, so that a miss need not read its text again."""
        return [expit(self.log_odds(item)) for item in items]

    def log_odds(self, blob: bytes) -> float:
        """The z of canonical bytes: the logarithm of the odds of phishing."""
        return self._read(blob)[0]

    def _read(self, blob: bytes) -> tuple[float, float, Numbers]:
        """The log-odds, what of them is there before any feature, and the share of either expert in both, (2,)."""
        found = [
            (*self._evidence(rows), np.array([in_score, in_score, in_gate]))
            for rows, in_score, in_gate in features_read(blob, self._bits)
        ]
        base = self._weights.intercepts + self._weights.brevities * shortness(found[0][1] if found else 0)
        linear = base + sum(weighed * evidence for evidence, _, _, weighed in found)
        new = sum(float(weighed[GATE]) * part for _, _, part, weighed in found)
        gate = expit(float(linear[GATE]) + NOVELTY * new)
        asked = np.array([1 - gate, gate])
        return float(asked @ linear[EXPERTS]), float(asked @ base[EXPERTS]), asked

    def _evidence(self, rows: Places) -> tuple[Numbers, int, float]:
        """The evidence of one reading's rows, (3,), of how many features, and the share of them that is new."""
        rows = rows.astype(np.int32)
        rows.sort()  # an array of the table's length would mark repeats in half the time, and is twice the table
        first = np.ones(len(rows), np.bool_)
        np.not_equal(rows[1:], rows[:-1], out=first[1:])
        once = rows[first]
        met = self._weights.tables.take(once, axis=1)
        known = np.count_nonzero(met[GATE].view(np.uint16))  # ten times as fast as of floating-point numbers
        return met.sum(axis=1, dtype=np.float64) / math.sqrt(len(once)), len(once), 1 - known / len(once)

    def explain(self, text: str) -> Explanation:
        """What each word of a text adds to the log-odds; with ``base`` they sum to them within 1e-6.

        A feature's weight is the experts' at the share in which the text asks them. It is shared evenly by the
        feature's occurrences, and an occurrence's by its letters.
        """
        blob, origin = normalise_with_offsets(text)
        log_odds, base, asked = self._read(blob)
        if not blob:
            return Explanation(log_odds, base, [])
        found = [self._occurrences(part, share, asked) for part, share, _ in readings(blob)]
        starts, ends, each = (np.concatenate(kind) for kind in zip(*found, strict=True))
        return Explanation(log_odds, base, shares(blob, origin, starts, ends, each))

    def _occurrences(self, blob: bytes, share: float, asked: Numbers) -> tuple[Places, Places, Numbers]:
        """Where each occurrence of a feature in one reading begins and ends, and what it adds: (n,) each."""
        found = parts(blob)
        rows = index(np.concatenate([numbers for numbers, _, _ in found]), self._bits)
        _, which, counts = np.unique(rows, return_inverse=True, return_counts=True)
        weights = asked @ self._weights.tables[EXPERTS].take(rows, axis=1).astype(np.float64)
        each = share * weights / counts[which] / math.sqrt(len(counts))
        starts, ends = (np.concatenate([part[side] for part in found]) for side in (1, 2))
        return starts, ends, each

    def words(self, text: str) -> tuple[list[str], NDArray[np.bool_]]:
        """The words of a text, normalised, (n,), and which of them two texts of training had, (n,).

        Words share rows with other features, so that nearly half of the unknown ones pass for known.
        """
        blob = normalise(text)
        if not blob:
            return [], np.empty(0, np.bool_)
        _, (numbers, _, _), _ = parts(blob)
        return blob.decode(errors="replace").split(" "), self._weights.tables[GATE, index(numbers, self._bits)] != 0

    def at_prior(self, prior: float, trained_at: float) -> "HashedClassifier":
        """The same model where the share of phishing is ``prior`` and not ``trained_at``; both within (0, 1).

        Its id says so: a score under another prior is another prediction.
        """
        shift = np.array([1.0, 1.0, 0.0]) * (logit(prior) - logit(trained_at))
        weights = replace(self._weights, intercepts=self._weights.intercepts + shift)
        return HashedClassifier(f"{self.id}-prior-{prior!r}", weights)
