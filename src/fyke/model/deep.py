"""The deep classifier: a small sentence transformer, then a linear head on the vector that it makes of a text.

With e the vector (`fyke.model.encoding`) of a text's first 192 tokens,

    z = b + sum(w * e),    p = 1 / (1 + exp(-z))

The tokens are the canonical bytes, and the score is computed from them alone, one text at a time.
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fyke.model.classifier import Scores, expit, logit
from fyke.model.encoding import LIMIT, WORD, Encoder, readable
from fyke.model.explanation import Explanation, Part

MOST_LEFT_OUT = 32  # runs of words that are left out in turn to explain a text: each costs a reading


@dataclass(frozen=True)
class Head:
    """``coefficients``: (384,) float64 toward phishing; ``intercept``: float."""

    coefficients: NDArray[np.float64]
    intercept: float

    def log_odds(self, vector: NDArray[np.float32]) -> float:
        """The z of a vector."""
        return float(self.coefficients @ vector.astype(np.float64) + self.intercept)


class ReadsVectors(Scores, ABC):
    """What is scored by an encoder, text by text: slow, and alike however often a text occurs."""

    quick = False
    tolerance = 1e-2  # processors without instructions for 8 bits round otherwise

    _encoder: Encoder

    @property
    def files(self) -> dict[str, bytes]:
        """What its directory holds beside weights and card."""
        return self._encoder.files

    @abstractmethod
    def canonical(self, item: str) -> bytes:
        """What the model sees of a text."""

    @abstractmethod
    def log_odds(self, canonical: bytes) -> float:
        """The z of canonical bytes."""

    def predict_many(self, items: Sequence[str]) -> list[float]:
        """The probability of phishing for each text, in order, each in [0, 1]."""
        return self.predict_canonical([*map(self.canonical, items)])

    def predict_canonical(self, items: Sequence[bytes]) -> list[float]:
        """The same from canonical bytes; what occurs several times is read once."""
        found = {item: expit(self.log_odds(item)) for item in dict.fromkeys(items)}
        return [found[item] for item in items]


class DeepClassifier(ReadsVectors):
    """Scores texts for phishing; everything the prediction cache needs to know of a model.

    ``id`` names encoder, tokenizer, head and the versions that computed them.
    """

    def __init__(self, model_id: str, encoder: Encoder, head: Head):
        self.id = model_id
        self._encoder = encoder
        self._head = head

    def canonical(self, item: str) -> bytes:
        """What the model sees of a text: its tokens, 2 bytes each, at most 384 bytes."""
        return self._encoder.canonical(item)

    def log_odds(self, canonical: bytes) -> float:
        """The z of canonical bytes."""
        return self._head.log_odds(self._encoder.vector(canonical))

    def explain(self, text: str) -> Explanation:
        """What the words of a text add to the log-odds, by leaving them out: see `explained`."""
        return explained(text, lambda some: self.log_odds(self.canonical(some)))

    def at_prior(self, prior: float, trained_at: float) -> Self:
        """The same model where the share of phishing is ``prior`` and not ``trained_at``; its id says so."""
        shift = logit(prior) - logit(trained_at)
        head = replace(self._head, intercept=self._head.intercept + shift)
        return type(self)(f"{self.id}-prior-{prior!r}", self._encoder, head)


def explained(text: str, log_odds: Callable[[str], float]) -> Explanation:
    """What runs of a text's words add to the log-odds: how much they fall when the run is left out.

    Words work together, so that these shares do not sum to the whole: ``rest`` is what is missing, exactly. ``base`` is
    the log-odds of no text.
    """
    seen = len(readable(text))
    words = [found.span() for found in re.finditer(r"\S+", text)]
    taken = 0
    for taken, (start, end) in enumerate(words, 1):
        seen -= min(end - start, WORD) + 1
        if seen <= 0 or taken == LIMIT:
            break
    words = words[:taken]
    whole, base = log_odds(text), log_odds("")
    size = max(1, math.ceil(len(words) / MOST_LEFT_OUT))
    parts = []
    for at in range(0, len(words), size):
        start, end = words[at][0], words[min(at + size, len(words)) - 1][1]
        if share := whole - log_odds(text[:start] + text[end:]):
            parts.append(Part(start, end, share))
    return Explanation(whole, base, parts, whole - base - math.fsum(part.contribution for part in parts))
