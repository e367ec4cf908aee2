"""The model at work beside the event loop: what is short runs in it, what is long in a thread."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, NamedTuple, TypeVar

from fyke.cache.ledger import Ledger
from fyke.errors import ModelError
from fyke.predictor.words import Model

Item = TypeVar("Item")
Prediction = TypeVar("Prediction")
Outcomes = TypeVar("Outcomes")

INLINE_SECONDS = 0.002  # what is expected to take longer leaves the event loop
LARGE_ITEM = 32 * 1024  # an item longer than this is read in a thread too

GATHERED = 256  # items in a pass at most, unless one request has more


class _Group(NamedTuple, Generic[Item, Prediction]):
    """Items of one call that wait for the model."""

    items: Sequence[Item]
    canonical: Sequence[bytes]
    outcomes: "asyncio.Future[list[Prediction | Exception]]"


class ModelThread:
    """The one thread in which a model is called; ``busy`` while it is, or will be."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="fyke-model")
        self.busy = 0


class Engine(Generic[Item, Prediction]):
    """Calls the model, in one thread at most, and turns predictions into bytes and back.

    ``thread`` is that of other engines over the same model, with which it is never called twice at a time.

    Raises:
        ModelError: the model has one of ``encode`` and ``decode`` without the other.
    """

    def __init__(
        self,
        model: Model[Item, Prediction],
        ledger: Ledger,
        monotonic: Callable[[], float] = time.perf_counter,
        thread: ModelThread | None = None,
    ):
        self._model = model
        self._ledger = ledger
        self._monotonic = monotonic
        self._shortcut: Callable[[Sequence[bytes]], Sequence[Prediction]] | None = getattr(
            model, "predict_canonical", None
        )
        self._read_many: Callable[[Sequence[Item]], Sequence[bytes]] | None = getattr(model, "canonical_many", None)
        self._agrees: Callable[[Prediction, Prediction], bool] | None = getattr(model, "agrees", None)
        self._quick = bool(getattr(model, "quick", False))
        self._waiting: list[_Group[Item, Prediction]] = []
        self._working: asyncio.Task[None] | None = None
        self.thread = thread or ModelThread()
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

    def read_at_once(self, items: Sequence[Item]) -> list[bytes] | None:
        """The canonical bytes of each; None where reading is measured, or bound, to take long.

        Raises:
            Exception: whatever ``canonical`` raised.
        """
        expected = (self._ledger.read.recent or 0.0) * len(items)
        if expected > INLINE_SECONDS or any(isinstance(item, str | bytes) and len(item) > LARGE_ITEM for item in items):
            return None
        started = self._monotonic()
        read = self._canonical(items)
        if items:
            self._ledger.read.add(len(items), self._monotonic() - started)
        return read

    def read_now(self, items: Sequence[Item]) -> list[bytes | Exception | None]:
        """The same for each on its own: None for what takes long, and an error for what cannot be read."""
        try:
            together = self.read_at_once(items)
        except Exception as error:
            if len(items) == 1:
                return [error]
            together = None
        if together is not None:
            return [*together]
        if len(items) == 1:
            return [None]
        return [outcome for item in items for outcome in self.read_now([item])]

    async def read(self, items: Sequence[Item]) -> list[bytes]:
        """The same, in a thread where it takes long.

        Raises:
            Exception: whatever ``canonical`` raised.
        """
        read = self.read_at_once(items)
        if read is None:
            started = self._monotonic()
            read = await asyncio.to_thread(self._canonical, items)
            self._ledger.read.add(len(items), self._monotonic() - started)
        return read

    def _canonical(self, items: Sequence[Item]) -> list[bytes]:
        if self._read_many is None or len(items) < 2:
            return [*map(self._model.canonical, items)]
        read = list(self._read_many(items))
        if len(read) != len(items):
            raise ValueError(f"the model gave {len(read)} canonical bytes for {len(items)} items")
        return read

    def is_quick(self, count: int) -> bool:
        """Whether so many predictions are measured to take next to nothing, and can be made now."""
        each = self._ledger.predict.recent
        return self._quick and each is not None and each * count <= INLINE_SECONDS and not self.thread.busy

    async def predict(self, items: Sequence[Item], canonical: Sequence[bytes]) -> Sequence[Prediction | Exception]:
        """A prediction or an error for each.

        What arrives while the model is busy gathers for its next pass. When a pass over several fails, its halves
        are tried, so that what cannot be computed fails alone.
        """
        if not items:
            return []
        if self.is_quick(len(items)) and sum(map(len, canonical)) <= LARGE_ITEM:
            return self._outcomes(items, canonical)
        group = _Group(items, canonical, asyncio.get_running_loop().create_future())
        self._waiting.append(group)
        if self._working is None or self._working.done():
            self._working = asyncio.get_running_loop().create_task(self._work())
        return await asyncio.shield(group.outcomes)

    async def again(self, read: Callable[[], Item], payload: bytes) -> bytes | None:
        """Compute an item anew: the bytes of its prediction where they differ from ``payload``, else None.

        Raises:
            Exception: whatever the model raised.
        """
        started = self._monotonic()
        (computed,) = await self._thread(self._alone, read)
        self._ledger.verify.add(1, self._monotonic() - started)
        if isinstance(computed, Exception):
            raise computed
        anew = self.encode(computed)
        if anew == payload or (self._agrees and self._agrees(self.decode(payload), computed)):
            return None
        return anew

    def close(self) -> None:
        """Let go of the thread."""
        self.thread.pool.shutdown(wait=False)

    async def _work(self) -> None:
        while self._waiting:
            groups = [self._waiting.pop(0)]
            while self._waiting and sum(len(one.items) for one in groups) < GATHERED:
                groups.append(self._waiting.pop(0))
            items = [item for group in groups for item in group.items]
            canonical = [seen for group in groups for seen in group.canonical]
            try:
                outcomes = iter(await self._thread(self._outcomes, items, canonical))
            except Exception as error:  # of the thread, as when it was let go of
                outcomes = iter([error] * len(items))
            except BaseException:
                for group in (*groups, *self._waiting):
                    group.outcomes.cancel()
                raise
            for group in groups:
                mine = [next(outcomes) for _ in group.items]
                if not group.outcomes.done():
                    group.outcomes.set_result(mine)

    async def _thread(self, work: Callable[..., Outcomes], *arguments: Any) -> Outcomes:
        """The model is never called twice at a time: while the thread has it, nothing runs inline."""
        self.thread.busy += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.thread.pool, work, *arguments)
        finally:
            self.thread.busy -= 1

    def _outcomes(self, items: Sequence[Item], canonical: Sequence[bytes]) -> list[Prediction | Exception]:
        """Runs in the thread; errors are values, since not every error can be raised through a future."""
        started = self._monotonic()
        try:
            predictions: list[Prediction | Exception] = list(
                self._shortcut(canonical) if self._shortcut else self._model.predict_many(items)
            )
            if len(predictions) != len(items):
                raise ValueError(f"the model gave {len(predictions)} predictions for {len(items)} items")
        except BaseException as error:
            if len(items) == 1:
                return [_raisable(error)]
            half = len(items) // 2
            return self._outcomes(items[:half], canonical[:half]) + self._outcomes(items[half:], canonical[half:])
        self._ledger.predict.add(len(items), self._monotonic() - started)
        return predictions

    def _alone(self, read: Callable[[], Item]) -> Sequence[Prediction | Exception]:
        try:
            return list(self._model.predict_many([read()]))
        except BaseException as error:
            return [_raisable(error)]


def _raisable(error: BaseException) -> Exception:
    """An error that a future can hold: panics, cancellations and StopIteration it cannot, or not as errors."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"the model raised {error!r}")


def _to_json(prediction: object) -> bytes:
    """JSON, which keeps floating-point numbers exactly; NumPy's values by their ``tolist``."""
    return json.dumps(prediction, separators=(",", ":"), default=lambda value: value.tolist()).encode()
