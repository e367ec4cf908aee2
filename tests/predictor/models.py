"""Small models for the predictor's tests: what they answer is easy to check, and they count what they compute."""

import threading
from collections.abc import Sequence
from typing import Any

from fyke.cache.store import Store
from fyke.predictor import Predictor


class Shouting:
    """Answers a text in capitals, signed with its own id; sees a text without surrounding blanks."""

    def __init__(self, model_id: str = "shouting"):
        self.id = model_id
        self.calls: list[list[str]] = []

    @property
    def computed(self) -> int:
        """How many items it has computed."""
        return sum(len(call) for call in self.calls)

    def canonical(self, item: str) -> bytes:
        """What it sees."""
        return item.strip().encode()

    def predict_many(self, items: Sequence[str]) -> list[str]:
        """One answer for each."""
        self.calls.append(list(items))
        return [self.answer(item) for item in items]

    def answer(self, item: str) -> str:
        """The right answer; no item may be called poison."""
        if item.strip() == "poison":
            raise ValueError("poison")
        return f"{item.strip().upper()} says {self.id}"


class Gated(Shouting):
    """The same, but it computes only when its gate is open, and says when it has begun."""

    def __init__(self, model_id: str = "gated"):
        super().__init__(model_id)
        self.begun = threading.Event()
        self.gate = threading.Event()

    def predict_many(self, items: Sequence[str]) -> list[str]:
        """One answer for each, once the gate is open."""
        self.begun.set()
        assert self.gate.wait(20)
        return super().predict_many(items)


def unverified(model: Any, store: Store | None = None, **more: Any) -> Predictor[Any, Any]:
    """A predictor that verifies no hits, so that what its model computes can be counted."""
    return Predictor(model, store, **{"verify": 0, **more})
