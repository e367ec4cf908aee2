"""Anybody's model: what the predictor asks of one, and how it treats what it gets."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from fyke.errors import ModelError
from tests.predictor.models import Shouting, unverified
from tests.predictor.test_tiers import memory


class Numbers(Shouting):
    """Answers with what NumPy and tuples make."""

    def predict_many(self, items: Sequence[str]) -> list[object]:  # type: ignore[override]
        """A label, a probability and some scores."""
        return [("label", np.float32(0.5), np.arange(2)) for _ in items]


def test_a_miss_and_a_hit_look_alike() -> None:
    """Without its own bytes a prediction is answered as JSON reads it back, NumPy's values too, from every tier."""

    async def run() -> None:
        async with unverified(Numbers(), memory=memory()) as predictor:
            answers = [await predictor.predict("a") for _ in range(2)]
            assert [answer.tier for answer in answers] == ["model", "memory"]
            assert [answer.prediction for answer in answers] == [["label", 0.5, [0, 1]]] * 2

    asyncio.run(run())


def test_a_model_that_cannot_be_keyed_or_read_back_is_refused() -> None:
    """An id that a key cannot hold, and encode without decode, are said when the predictor is made."""
    with pytest.raises(ModelError, match="model id"):
        unverified(Shouting("a:b"))
    odd = Shouting()
    odd.encode = str.encode  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match="decode"):
        unverified(odd)


def test_each_of_many_has_its_outcome() -> None:
    """`try_many` gives the error in the place of the answer that failed."""

    async def run() -> None:
        async with unverified(Shouting()) as predictor:
            good, bad = await predictor.try_many(["good", "poison"])
            assert not isinstance(good, BaseException)
            assert isinstance(bad, ValueError)

    asyncio.run(run())


def test_reading_that_is_slow_leaves_the_event_loop() -> None:
    """Once `canonical` is measured to take long, it runs in a thread."""

    class Slow(Shouting):
        where: list[bool]

        def canonical(self, item: str) -> bytes:
            self.where.append(threading.current_thread() is threading.main_thread())
            threading.Event().wait(0.01)
            return super().canonical(item)

    async def run() -> None:
        model = Slow()
        model.where = []
        async with unverified(model) as predictor:
            for number in range(3):
                await predictor.predict(str(number))
        assert model.where == [True, False, False]

    asyncio.run(run())
