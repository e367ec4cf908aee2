"""Explanations as predictions: a model over another, so that they are kept and shared as its scores are.

An explanation tells places in a text, so that what it depends on is the text to the letter and not what the model sees
of it. What is kept are numbers, no letters:

    log-odds, base, rest    3 x 8 bytes
    start, end              2 x 4 bytes    } for each part
    contribution            8 bytes        }
"""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from fyke.model.explanation import Explanation, Part

MOST_PARTS = 500
SUFFIX = "-reasons"

_HEAD = np.dtype([("log_odds", "<f8"), ("base", "<f8"), ("rest", "<f8")])
_PART = np.dtype([("start", "<u4"), ("end", "<u4"), ("contribution", "<f8")])


class Explains(Protocol):
    """A model that can say why."""

    id: str

    def explain(self, text: str, /) -> Explanation:
        """What each part of a text adds to the log-odds."""
        ...


class Explainer:
    """Answers a text with the explanation of its score, of the `MOST_PARTS` parts that moved it most."""

    quick = True
    tolerance = 1e-6  # processors may differ in the last digits

    def __init__(self, model: Explains):
        self.id = model.id + SUFFIX
        self._model = model

    def canonical(self, item: str) -> bytes:
        """The text itself."""
        return item.encode("utf-8", "surrogatepass")

    def predict_many(self, items: Sequence[str]) -> list[Explanation]:
        """An explanation for each text, in order."""
        return [self._model.explain(item).shortened(MOST_PARTS) for item in items]

    def encode(self, prediction: Explanation) -> bytes:
        """An explanation as bytes, full precision."""
        head = np.array([(prediction.log_odds, prediction.base, prediction.rest)], _HEAD)
        return head.tobytes() + np.array([tuple(part) for part in prediction.parts], _PART).tobytes()

    def decode(self, payload: bytes) -> Explanation:
        """The explanation from bytes.

        Raises:
            ValueError: these are not the bytes of one.
        """
        ((log_odds, base, rest),) = np.frombuffer(payload[: _HEAD.itemsize], _HEAD).tolist()
        parts = [Part(*part) for part in np.frombuffer(payload[_HEAD.itemsize :], _PART).tolist()]
        return Explanation(log_odds, base, parts, rest)

    def agrees(self, kept: Explanation, computed: Explanation) -> bool:
        """Whether two explanations say the same but for `tolerance`.

        Where a text has more than `MOST_PARTS` parts, either may have left out another of the least.
        """
        known = {(part.start, part.end): part.contribution for part in kept.parts}
        full = len(kept.parts) == MOST_PARTS
        least = min(map(abs, known.values()), default=0.0) if full else -math.inf
        pairs = [(kept.log_odds, computed.log_odds), (kept.base, computed.base)]
        for start, end, share in computed.parts:
            absent = share if abs(share) <= least + self.tolerance else math.inf
            pairs.append((known.get((start, end), absent), share))
        return len(kept.parts) == len(computed.parts) and all(abs(a - b) <= self.tolerance for a, b in pairs)
