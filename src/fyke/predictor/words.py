"""What goes into a predictor and what comes out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

Prediction = TypeVar("Prediction")
ItemIn = TypeVar("ItemIn", contravariant=True)
PredictionOut = TypeVar("PredictionOut", covariant=True)
Tier = Literal["memory", "redis", "model"]
Admission = Literal["always", "auto"]


class Model(Protocol[ItemIn, PredictionOut]):
    """Anything that predicts. Items with equal canonical bytes must get equal predictions, in whatever batch.

    ``id`` says everything else that a prediction depends on: weights, preprocessing, versions. It is 1 to 128
    letters, digits, ``_``, ``.`` or ``-``.

    Predictions are kept as JSON unless the model has its own bytes, and what is answered is what was read back, so
    that a miss and a hit look alike: tuples become lists, NumPy's numbers and arrays plain ones. Concurrent requests
    may share one prediction: do not change it.

    ``quick = True`` says that a prediction never takes long, and lets a few at a time be made in the event loop;
    without it the model runs in a thread. Five methods are optional. ``predict_canonical(blobs)`` spares a model
    reading a missed item twice; ``canonical_many(items)`` reads several for less than one after the other;
    ``encode(prediction) -> bytes`` with ``decode(bytes) -> prediction`` replace JSON, and ``decode`` raises where the
    bytes are no prediction; ``agrees(kept, computed) -> bool`` replaces equality where a hit is verified, for a model
    whose last digits differ between machines.
    """

    @property
    def id(self) -> str:
        """What names this model in keys."""
        ...

    def canonical(self, item: ItemIn) -> bytes:
        """Everything that the model can see of an item."""
        ...

    def predict_many(self, items: Sequence[ItemIn]) -> Sequence[PredictionOut]:
        """A prediction for each item, in order. It may be called in a thread, one call at a time."""
        ...


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a request wants of the cache, in the words of RFC 9111's request directives."""

    no_store: bool = False
    no_cache: bool = False
    only_if_cached: bool = False
    max_age: int | None = None

    lookup: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """``lookup``: requests for one key share an answer only when this is the same."""
        usual = not (self.no_cache or self.only_if_cached) and self.max_age is None
        said = "" if usual else f"|{self.no_cache}|{self.only_if_cached}|{self.max_age}"
        object.__setattr__(self, "lookup", said)


ANY = Wishes()
ONLY_KEPT = Wishes(only_if_cached=True)


class Answer(NamedTuple, Generic[Prediction]):
    """A prediction, where it came from, and its key.

    ``age`` and ``ttl`` are in seconds, ``ttl`` None where nothing was kept. ``shared``: another request's computation
    gave it. ``refused``: the request did not want what was kept.
    """

    prediction: Prediction
    tier: Tier
    key: str = ""
    age: int = 0
    ttl: int | None = None
    shared: bool = False
    refused: bool = False
