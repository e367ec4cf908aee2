"""The cascade: the fast model answers where it is sure, and the deep one is asked about the rest.

With f the fast model's log-odds and d the deep one's,

    z = scale * f + shift                     where f <= low or f >= high
    z = scale * (a f + b d + c) + shift       between them

It is one model: one id, and one canonical form, which holds what either part sees, since either may decide.
"""

from dataclasses import dataclass, replace
from typing import Self

from fyke.model.classifier import logit
from fyke.model.deep import DeepClassifier, Head, ReadsVectors, explained
from fyke.model.encoding import Encoder
from fyke.model.explanation import Explanation
from fyke.model.hashed import HashedClassifier, HashedWeights

_LENGTH = 4  # bytes that tell how many of the fast model's follow


@dataclass(frozen=True)
class Band:
    """Between which of the fast model's log-odds the deep one is asked, and how both are added."""

    low: float
    high: float
    fast: float
    deep: float
    intercept: float

    def asks(self, fast: float) -> bool:
        """Whether the deep model is asked."""
        return self.low < fast < self.high

    def joined(self, fast: float, deep: float) -> float:
        """The log-odds where it was."""
        return self.fast * fast + self.deep * deep + self.intercept


@dataclass(frozen=True)
class CascadeWeights:
    """The weights of both parts, the band, and the calibration of what comes of them."""

    fast: HashedWeights
    deep: Head
    band: Band
    scale: float = 1.0
    shift: float = 0.0


class CascadeClassifier(ReadsVectors):
    """Scores texts for phishing; everything the prediction cache needs to know of a model.

    ``id`` names both parts, the band and the versions that computed them. Not for two threads at once.
    """

    def __init__(self, model_id: str, encoder: Encoder, weights: CascadeWeights):
        self.id = model_id
        self._encoder = encoder
        self._weights = weights
        self._fast = HashedClassifier(model_id, weights.fast)
        self._deep = DeepClassifier(model_id, encoder, weights.deep)

    def canonical(self, item: str) -> bytes:
        """What the model sees of a text: the length of what the fast part does (4 bytes, little-endian), that, and
        the deep part's tokens."""
        fast = self._fast.canonical(item)
        return len(fast).to_bytes(_LENGTH, "little") + fast + self._encoder.canonical(item)

    def log_odds(self, canonical: bytes) -> float:
        """The z of canonical bytes."""
        end = _LENGTH + int.from_bytes(canonical[:_LENGTH], "little")
        fast, band = self._fast.log_odds(canonical[_LENGTH:end]), self._weights.band
        found = band.joined(fast, self._deep.log_odds(canonical[end:])) if band.asks(fast) else fast
        return self._weights.scale * found + self._weights.shift

    def asks(self, text: str) -> bool:
        """Whether the deep part is asked about a text."""
        return self._weights.band.asks(self._fast.log_odds(self._fast.canonical(text)))

    def explain(self, text: str) -> Explanation:
        """What the words of a text add to the log-odds: exact where the fast part answers, else by leaving words out
        (see `fyke.model.deep.explained`)."""
        if self.asks(text):
            return explained(text, lambda some: self.log_odds(self.canonical(some)))
        fast, scale, shift = self._fast.explain(text), self._weights.scale, self._weights.shift
        parts = [part._replace(contribution=scale * part.contribution) for part in fast.parts]
        return replace(fast, log_odds=scale * fast.log_odds + shift, base=scale * fast.base + shift, parts=parts)

    def at_prior(self, prior: float, trained_at: float) -> Self:
        """The same model where the share of phishing is ``prior`` and not ``trained_at``; its id says so."""
        shift = logit(prior) - logit(trained_at)
        weights = replace(self._weights, shift=self._weights.shift + shift)
        return type(self)(f"{self.id}-prior-{prior!r}", self._encoder, weights)
