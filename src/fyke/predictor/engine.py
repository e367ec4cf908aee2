"""The model at work beside the event loop: what is short runs in it, what is long in a thread."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from fyke.cache.ledger import Ledger
from fyke.errors import ModelError
from fyke.predictor.words import Model

Item = TypeVar("Item")
Prediction = TypeVar("Prediction")

INLINE_SECONDS = 0.002  # a computation expected to take longer leaves the event loop
LARGE_ITEM = 32 * 1024  # an item longer than this is read in a thread too


class Engine(Generic[Item, Prediction]):
    """Calls the model, in one thread at most, and turns predictions into bytes and back.

    Raises:
        ModelError: the model has one of ``encode`` and ``decode`` without the other.
    """

    def __init__(
        self, model: Model[Item, Prediction], ledger: Ledger, monotonic: Callable[[], float] = time.perf_counter
    ):
        self._model = model
        self._ledger = ledger
        self._monotonic = monotonic
        self._shortcut: Callable[[Sequence[bytes]], Sequence[Prediction]] | None = getattr(
            model, "predict_canonical", None
        )
        self._agrees: Callable[[Prediction, Prediction], bool] | None = getattr(model, "agrees", None)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="fyke-model")
        encode: Any = getattr(model, "encode", None)
        decode: Any = getattr(model, "decode", None)
        if (encode is None) != (decode is None):
            raise ModelError(f"model {model.id} has one of encode and decode; give it both, or neither for JSON.")
        self._own_bytes = encode is not None
        self.encode: Callable[[Prediction], bytes] = encode or _to_json
        self.decode: Callable[[bytes], Prediction] = decode or json.loads

    def as_kept(self, prediction: Prediction, payload: bytes) -> Prediction:
        """The prediction as a hit will give it: JSON knows neither tuples nor NumPy."""
        return prediction if self._own_bytes else self.decode(payload)

    async def read(self, items: Sequence[Item]) -> list[bytes]:
        """The canonical bytes of each; in a thread where that is measured, or bound, to take long.

        Raises:
            Exception: whatever ``canonical`` raised.
        """
        canonical = self._model.canonical
        meter = self._ledger.read
        large = any(isinstance(item, str | bytes) and len(item) > LARGE_ITEM for item in items)
        started = self._monotonic()
        if large or (meter.recent or 0.0) * len(items) > INLINE_SECONDS:
            read = await asyncio.to_thread(lambda: [canonical(item) for item in items])
        else:
            read = [canonical(item) for item in items]
        if items:
            meter.add(len(items), self._monotonic() - started)
        return read

    async def predict(self, items: Sequence[Item], canonical: Sequence[bytes]) -> Sequence[Prediction | Exception]:
        """A prediction or an error for each; when a pass over several fails, each is computed alone."""
        if not items:
            return []
        each = self._ledger.predict.recent
        started = self._monotonic()
        try:
            if each is not None and each * len(items) <= INLINE_SECONDS:
                predictions = self._call(items, canonical)
            else:
                loop = asyncio.get_running_loop()
                predictions = await loop.run_in_executor(self._pool, self._call, items, canonical)
        except Exception as error:
            if len(items) == 1:
                return [error]
            pairs = zip(items, canonical, strict=True)
            return [outcome for item, seen in pairs for outcome in await self.predict([item], [seen])]
        self._ledger.predict.add(len(items), self._monotonic() - started)
        return predictions

    async def again(self, read: Callable[[], Item], payload: bytes) -> bytes | None:
        """Compute an item anew: the bytes of its prediction where they differ from ``payload``, else None.

        Raises:
            Exception: whatever the model raised.
        """
        loop = asyncio.get_running_loop()
        (computed,) = await loop.run_in_executor(self._pool, lambda: self._model.predict_many([read()]))
        anew = self.encode(computed)
        if anew == payload or (self._agrees and self._agrees(self.decode(payload), computed)):
            return None
        return anew

    def close(self) -> None:
        """Let go of the thread."""
        self._pool.shutdown(wait=False)

    def _call(self, items: Sequence[Item], canonical: Sequence[bytes]) -> Sequence[Prediction]:
        predictions = list(self._shortcut(canonical) if self._shortcut else self._model.predict_many(items))
        if len(predictions) != len(items):
            raise ValueError(f"the model gave {len(predictions)} predictions for {len(items)} items")
        return predictions


def _to_json(prediction: object) -> bytes:
    """JSON, which keeps floating-point numbers exactly; NumPy's values by their ``tolist``."""
    return json.dumps(prediction, separators=(",", ":"), default=lambda value: value.tolist()).encode()
