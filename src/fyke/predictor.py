"""The story of the program: key -> memory -> store -> model -> store. It fails open.

Requests that arrive in the same turn of the event loop share one lookup, one ``predict_many`` over the
misses and one pipelined write; requests for the same key share one computation. Trouble with the store is a
miss, a counter and a log line, never a failed prediction.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

from fyke.cache.breaker import Breaker
from fyke.cache.entry import Entry, open_sealed, seal
from fyke.cache.keys import PUBLIC_SECRET, Keyring
from fyke.cache.memory import MemoryStore
from fyke.cache.store import Store, Write
from fyke.errors import StoreError

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Prediction = TypeVar("Prediction")
ItemIn = TypeVar("ItemIn", contravariant=True)
Tier = Literal["memory", "redis", "model"]

INLINE_SECONDS = 0.002  # a computation expected to take longer leaves the event loop
LARGE_ITEM = 32 * 1024  # an item longer than this is read in a thread too


class Model(Protocol[ItemIn, Prediction]):
    """Anything that predicts. Items with equal canonical bytes must get equal predictions.

    A model may also have ``predict_canonical(blobs)``, which spares it reading a missed item twice.
    """

    id: str

    def canonical(self, item: ItemIn) -> bytes:
        """Everything that the model can see of an item."""
        ...

    def predict_many(self, items: Sequence[ItemIn]) -> list[Prediction]:
        """A prediction for each item, in order."""
        ...

    def encode(self, prediction: Prediction) -> bytes:
        """A prediction as bytes."""
        ...

    def decode(self, payload: bytes) -> Prediction:
        """The inverse of ``encode``; ValueError where the bytes are not a prediction."""
        ...


@dataclass(frozen=True, slots=True)
class Answer(Generic[Prediction]):
    """A prediction and where it came from; ``age`` and ``ttl`` in seconds."""

    prediction: Prediction
    tier: Tier
    age: int = 0
    ttl: int | None = None
    shared: bool = False


@dataclass
class Counts:
    """What the predictor has done since it was made."""

    hits: dict[str, int] = field(default_factory=lambda: {"memory": 0, "redis": 0})
    misses: int = 0
    shared: int = 0
    lookups: int = 0
    predictions: int = 0
    rejected: int = 0
    store_errors: int = 0


@dataclass(eq=False)
class _Flight(Generic[Item, Prediction]):
    """One key on its way to an answer, whoever waits for it."""

    key: str
    item: Item
    canonical: bytes
    future: "asyncio.Future[Answer[Prediction]]"


class Predictor(Generic[Item, Prediction]):
    """Answers from memory, a store or the model, whichever knows first.

    ``store`` is the tier shared by processes, or None; ``memory`` the tier in this one, or None. ``ttl`` is
    in seconds; each entry's is shortened by a random share of up to ``jitter``. ``preview`` gives the words
    that an entry shows of its item in listings. ``clock`` is in milliseconds since the epoch, ``monotonic``
    in seconds.
    """

    def __init__(
        self,
        model: Model[Item, Prediction],
        store: Store | None = None,
        *,
        memory: MemoryStore | None = None,
        secret: bytes = PUBLIC_SECRET,
        namespace: str = "default",
        ttl: float = 3600.0,
        jitter: float = 0.1,
        preview: Callable[[Item], str] = lambda item: "",
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.perf_counter,
        rng: random.Random | None = None,
    ):
        self.model = model
        self.store = store
        self.memory = memory
        self.counts = Counts()
        self.breaker = Breaker(monotonic)
        self._keyring = Keyring(secret, namespace, model.id)
        self._ttl_ms = ttl * 1000
        self._jitter = jitter
        self._preview = preview
        self._clock = clock
        self._monotonic = monotonic
        self._rng = rng or random.Random()  # noqa: S311 - spreads expiry, guards nothing
        self._flights: dict[str, _Flight[Item, Prediction]] = {}
        self._landing: dict[str, Entry] = {}
        self._queue: list[_Flight[Item, Prediction]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="fyke-model")
        self._seconds_each: float | None = None

    async def predict(self, item: Item) -> Answer[Prediction]:
        """The prediction for one item.

        Raises:
            Exception: whatever the model raised for this item; errors are shared, never kept.
        """
        canonical = await self._read(item)
        key = self._keyring.key(canonical)
        known = self._from_memory(key)
        if known is not None:
            return known
        flight = self._flights.get(key)
        shared = flight is not None
        if flight is None:
            flight = self._board(key, item, canonical)
        answer = await asyncio.shield(flight.future)
        if shared:
            self.counts.shared += 1
            return Answer(answer.prediction, answer.tier, answer.age, answer.ttl, shared=True)
        return answer

    async def predict_many(self, items: Sequence[Item]) -> list[Answer[Prediction]]:
        """A prediction for each item, each looked up on its own; duplicates are computed once."""
        return list(await asyncio.gather(*map(self.predict, items)))

    async def close(self) -> None:
        """Finish what is under way, then close the store."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pool.shutdown(wait=False)
        if self.store is not None:
            await self.store.close()

    async def _read(self, item: Item) -> bytes:
        if hasattr(item, "__len__") and len(item) > LARGE_ITEM:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self.model.canonical, item)
        return self.model.canonical(item)

    def _from_memory(self, key: str) -> Answer[Prediction] | None:
        entry = self._landing.get(key)
        if entry is None and self.memory is not None:
            value = self.memory.get(key)
            entry = self._opened(key, value) if value is not None else None
        return self._hit(entry, "memory") if entry is not None else None

    def _board(self, key: str, item: Item, canonical: bytes) -> _Flight[Item, Prediction]:
        loop = asyncio.get_running_loop()
        flight = _Flight[Item, Prediction](key, item, canonical, loop.create_future())
        flight.future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._flights[key] = flight
        if not self._queue:
            loop.call_soon(self._depart)
        self._queue.append(flight)
        return flight

    def _depart(self) -> None:
        batch, self._queue = self._queue, []
        task = asyncio.get_running_loop().create_task(self._answer(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, batch: list[_Flight[Item, Prediction]]) -> None:
        """Take every flight of a turn to its answer; nothing escapes but through their futures."""
        try:
            misses = await self._look_up(batch)
            if misses:
                await self._compute(misses)
        except BaseException as error:
            for flight in batch:
                if not flight.future.done():
                    flight.future.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            for flight in batch:
                self._flights.pop(flight.key, None)

    async def _look_up(self, batch: list[_Flight[Item, Prediction]]) -> list[_Flight[Item, Prediction]]:
        """Answer what the store knows; the rest comes back."""
        if self.store is None or not self.breaker.allow():
            return batch
        self.counts.lookups += 1
        try:
            values = await self.store.get_many([flight.key for flight in batch])
        except StoreError as error:
            self._store_failed("lookup", error)
            return batch
        if self.breaker.succeeded():
            log.warning("the store answers again")
        misses = []
        for flight, value in zip(batch, values, strict=True):
            entry = self._opened(flight.key, value) if value is not None else None
            answer = self._hit(entry, "redis") if entry is not None else None
            if answer is None or entry is None or value is None:
                misses.append(flight)
                continue
            if self.memory is not None:
                self.memory.put(flight.key, value, entry.expires - self._clock())
            flight.future.set_result(answer)
        return misses

    async def _compute(self, misses: list[_Flight[Item, Prediction]]) -> None:
        """One pass of the model over the misses, answers, then one write."""
        predictions = await self._predict(misses)
        now = self._clock()
        writes = []
        for flight, prediction in zip(misses, predictions, strict=True):
            lifetime = int(self._ttl_ms * (1 - self._jitter * self._rng.random()))
            entry = Entry(self.model.encode(prediction), now, now + lifetime, self._preview(flight.item))
            value = seal(entry, flight.key, self._keyring)
            writes.append(Write(flight.key, value, lifetime))
            kept = self.store is not None or self.memory is not None
            if self.memory is not None:
                self.memory.put(flight.key, value, lifetime)
            self._landing[flight.key] = entry
            self.counts.misses += 1
            flight.future.set_result(Answer(prediction, "model", ttl=entry.ttl(now) if kept else None))
        try:
            await self._write(writes)
        finally:
            for write in writes:
                self._landing.pop(write.key, None)

    async def _predict(self, misses: list[_Flight[Item, Prediction]]) -> list[Prediction]:
        expected = None if self._seconds_each is None else self._seconds_each * len(misses)
        started = self._monotonic()
        if expected is None or expected > INLINE_SECONDS:
            loop = asyncio.get_running_loop()
            predictions = await loop.run_in_executor(self._pool, self._call_model, misses)
        else:
            predictions = self._call_model(misses)
        each = (self._monotonic() - started) / len(misses)
        self._seconds_each = each if self._seconds_each is None else 0.9 * self._seconds_each + 0.1 * each
        self.counts.predictions += len(misses)
        return predictions

    def _call_model(self, misses: list[_Flight[Item, Prediction]]) -> list[Prediction]:
        shortcut: Any = getattr(self.model, "predict_canonical", None)
        if shortcut is not None:
            return list(shortcut([flight.canonical for flight in misses]))
        return self.model.predict_many([flight.item for flight in misses])

    async def _write(self, writes: list[Write]) -> None:
        if self.store is None or self.breaker.state != "closed":
            return
        try:
            await self.store.set_many(writes)
        except StoreError as error:
            self._store_failed("write", error)

    def _opened(self, key: str, value: bytes) -> Entry | None:
        entry = open_sealed(value, key, self._keyring)
        if entry is None:
            self.counts.rejected += 1
            return None
        return entry if entry.expires > self._clock() else None

    def _hit(self, entry: Entry, tier: Literal["memory", "redis"]) -> Answer[Prediction] | None:
        try:
            prediction = self.model.decode(entry.payload)
        except ValueError:
            self.counts.rejected += 1
            return None
        now = self._clock()
        self.counts.hits[tier] += 1
        return Answer(prediction, tier, entry.age(now), entry.ttl(now))

    def _store_failed(self, doing: str, error: StoreError) -> None:
        self.counts.store_errors += 1
        if self.breaker.failed():
            log.warning("the store fails (%s: %s); predictions go on without it", doing, error)
