"""The story of the program: key -> memory -> store -> model -> store. It fails open.

Requests that arrive in the same turn of the event loop share one lookup, one ``predict_many`` over the
misses and one pipelined write; requests for the same key share one computation. Trouble with the store is a
miss, a counter and a log line, never a failed prediction.
"""

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, Protocol, TypeVar

from fyke.cache.entry import Entry
from fyke.cache.keys import PUBLIC_SECRET, Keyring, scope
from fyke.cache.ledger import Ledger
from fyke.cache.memory import Memory
from fyke.cache.store import Store
from fyke.cache.tiers import Lifetimes, Tiers
from fyke.errors import NotCached

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Prediction = TypeVar("Prediction")
ItemIn = TypeVar("ItemIn", contravariant=True)
PredictionOut = TypeVar("PredictionOut", covariant=True)
Tier = Literal["memory", "redis", "model"]
Admission = Literal["always", "auto"]

INLINE_SECONDS = 0.002  # a computation expected to take longer leaves the event loop
LARGE_ITEM = 32 * 1024  # an item longer than this is read in a thread too
LOOKUPS_AT_ONCE = 2  # while so many are under way, requests gather for the next one
ASK_ANYWAY = 100  # with admission "auto", every so many batches the store is asked, to go on measuring
LEASE_POLL_SECONDS = 0.02
LEASE_LEAST_MS, LEASE_MOST_MS = 1_000, 30_000


class Model(Protocol[ItemIn, PredictionOut]):
    """Anything that predicts. Items with equal canonical bytes must get equal predictions.

    Three methods are optional: ``predict_canonical(blobs)`` spares a model reading a missed item twice, and
    ``encode(prediction) -> bytes`` with ``decode(bytes) -> prediction`` replace JSON. ``decode`` raises
    ValueError where the bytes are no prediction.
    """

    id: str

    def canonical(self, item: ItemIn) -> bytes:
        """Everything that the model can see of an item."""
        ...

    def predict_many(self, items: Sequence[ItemIn]) -> Sequence[PredictionOut]:
        """A prediction for each item, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a request wants of the cache, in the words of RFC 9111's request directives."""

    no_store: bool = False
    no_cache: bool = False
    only_if_cached: bool = False
    max_age: int | None = None


ANY = Wishes()


@dataclass(frozen=True, slots=True)
class Answer(Generic[Prediction]):
    """A prediction and where it came from; ``age`` and ``ttl`` in seconds, ``ttl`` None where nothing was kept.

    ``shared``: another request's computation gave it. ``asked_anew``: the request refused a kept answer.
    """

    prediction: Prediction
    tier: Tier
    age: int = 0
    ttl: int | None = None
    shared: bool = False
    asked_anew: bool = False


@dataclass(eq=False)
class _Flight(Generic[Item, Prediction]):
    """One key on its way to an answer, whoever waits for it."""

    name: str
    key: str
    item: Item
    canonical: bytes
    future: "asyncio.Future[Answer[Prediction]]"
    compute: bool
    store: bool
    fresh: bool
    max_age: int | None


class Predictor(Generic[Item, Prediction]):
    """Answers from memory, a store or the model, whichever knows first.

    ``store`` is the tier shared by processes, ``memory`` the one of this process; either may be None. Both are
    keyed with ``secret`` and apart from other ``namespace``s. ``preview`` gives the words that an entry shows of
    its item in listings. ``lease_seconds``: a model whose predictions take at least so long takes a lease in the
    store before it computes a missed key, so that one process of many does; None never. ``verify`` is the share
    of hits that are computed again and compared. ``clock`` is in milliseconds since the epoch, ``monotonic`` in
    seconds.

    Raises:
        SettingsError: the namespace cannot be used in a key.
    """

    def __init__(
        self,
        model: Model[Item, Prediction],
        store: Store | None = None,
        *,
        memory: Memory[Entry] | None = None,
        secret: bytes = PUBLIC_SECRET,
        namespace: str = "default",
        lifetimes: Lifetimes = Lifetimes(ttl=3_600_000),  # noqa: B008 - frozen
        preview: Callable[[Item], str] = lambda item: "",
        lease_seconds: float | None = 0.1,
        admission: Admission = "always",
        verify: float = 0.001,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.perf_counter,
        rng: random.Random | None = None,
    ):
        self.model = model
        self.namespace = namespace
        self.admission = admission
        self.ledger = Ledger()
        self._rng = rng or random.Random()  # noqa: S311 - samples and spreads, guards nothing
        self._keyring = Keyring(secret, namespace, model.id)
        self.tiers = Tiers(
            self._keyring, store, memory, lifetimes, self.ledger, clock=clock, monotonic=monotonic, rng=self._rng
        )
        self._encode: Callable[[Prediction], bytes] = getattr(model, "encode", _to_json)
        self._decode: Callable[[bytes], Prediction] = getattr(model, "decode", json.loads)
        self._preview = preview
        self._lease_seconds = lease_seconds
        self._verify_share = verify
        self._clock = clock
        self._monotonic = monotonic
        self._flights: dict[str, _Flight[Item, Prediction]] = {}
        self._queue: list[_Flight[Item, Prediction]] = []
        self._departing = False
        self._looking = 0
        self._batches = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Task[None] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="fyke-model")

    async def start(self) -> None:
        """Follow purges made by other processes; without memory there is nothing to follow."""
        store, memory = self.tiers.store, self.tiers.memory
        if store is not None and memory is not None and self._listener is None:
            self._listener = asyncio.create_task(store.listen(self.tiers.forget))

    async def close(self) -> None:
        """Finish what is under way, then close the store."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pool.shutdown(wait=False)
        if self.tiers.store is not None:
            await self.tiers.store.close()

    async def predict(self, item: Item, wishes: Wishes = ANY) -> Answer[Prediction]:
        """The prediction for one item.

        Raises:
            NotCached: only a kept answer was wanted, and there is none.
            Exception: whatever the model raised for this item's batch; errors are shared, never kept.
        """
        canonical = await self._read(item)
        key = self._keyring.key(canonical)
        if not wishes.no_cache:
            known = self.tiers.recall(key)
            answer = None if known is None else self._hit(key, item, canonical, known, "memory", wishes.max_age)
            if answer is not None:
                return answer
        name = key if wishes.max_age is None and not wishes.no_cache else f"{key}|{wishes.no_cache}|{wishes.max_age}"
        flight = self._flights.get(name)
        joined = flight is not None
        if flight is None:
            flight = self._board(name, key, item, canonical, wishes)
        flight.compute |= not wishes.only_if_cached
        flight.store |= not wishes.no_store
        answer = await asyncio.shield(flight.future)
        if joined:
            self.ledger.shared += 1
            return replace(answer, shared=True)
        return answer

    async def predict_many(self, items: Sequence[Item], wishes: Wishes = ANY) -> list[Answer[Prediction]]:
        """A prediction for each item, each looked up on its own; duplicates are computed once."""
        return list(await asyncio.gather(*(self.predict(item, wishes) for item in items)))

    async def purge(self, model_id: str | None = None, *, everything: bool = False) -> int:
        """Forget the entries of the namespace, of one model in it, or of every namespace; says how many.

        Raises:
            StoreError: the store did not answer; this process has forgotten all the same.
        """
        prefix = scope() if everything else scope(self.namespace, model_id)
        memory, store = self.tiers.memory, self.tiers.store
        before = len(memory) if memory is not None else 0
        self.tiers.forget(prefix)
        if store is not None:
            return await store.purge(prefix)
        return before - (len(memory) if memory is not None else 0)

    def report(self) -> dict[str, Any]:
        """What the cache did and whether it pays; see `Ledger.report`."""
        memory = self.tiers.memory
        return {
            "model_id": self.model.id,
            "namespace": self.namespace,
            "admission": {
                "in_force": self.admission,
                "auto_would": "skip the store" if self.ledger.asking_is_dearer else "ask the store",
            },
            "breakers": {"reads": self.tiers.reads.state, "writes": self.tiers.writes.state},
            "memory": None if memory is None else {"entries": len(memory), "bytes": memory.bytes},
            **self.ledger.report(),
        }

    async def _read(self, item: Item) -> bytes:
        if hasattr(item, "__len__") and len(item) > LARGE_ITEM:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self.model.canonical, item)
        return self.model.canonical(item)

    def _board(self, name: str, key: str, item: Item, canonical: bytes, wishes: Wishes) -> _Flight[Item, Prediction]:
        future: asyncio.Future[Answer[Prediction]] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        flight = _Flight(name, key, item, canonical, future, False, False, wishes.no_cache, wishes.max_age)
        self._flights[name] = flight
        self._queue.append(flight)
        self._call_for_departure()
        return flight

    def _call_for_departure(self) -> None:
        if self._queue and not self._departing and self._looking < LOOKUPS_AT_ONCE:
            self._departing = True
            asyncio.get_running_loop().call_soon(self._depart)

    def _depart(self) -> None:
        self._departing = False
        batch, self._queue = self._queue, []
        self._looking += 1
        self._spawn(self._answer(batch))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, batch: list[_Flight[Item, Prediction]]) -> None:
        """Take every flight of a turn to its answer; nothing escapes but through their futures."""
        try:
            try:
                misses, renewed = await self._look_up(batch)
            finally:
                self._looking -= 1
                self._call_for_departure()
            leased: list[_Flight[Item, Prediction]] = []
            if misses and self._worth_a_lease():
                misses, leased, waiting = await self._take_leases(misses)
                if waiting:
                    self._spawn(self._guarded(waiting, self._wait_for_others(waiting)))
            await self._compute(misses, renewed, leased)
        except BaseException as error:
            self._fail(batch, error)
            if not isinstance(error, Exception):
                raise

    async def _guarded(self, flights: list[_Flight[Item, Prediction]], work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except BaseException as error:
            self._fail(flights, error)
            if not isinstance(error, Exception):
                raise

    def _fail(self, flights: list[_Flight[Item, Prediction]], error: BaseException) -> None:
        for flight in flights:
            if self._flights.get(flight.name) is flight and not flight.future.done():
                self._land(flight, error if isinstance(error, Exception) else asyncio.CancelledError())

    def _land(self, flight: _Flight[Item, Prediction], result: Answer[Prediction] | BaseException) -> None:
        if self._flights.get(flight.name) is flight:
            del self._flights[flight.name]
        if flight.future.done():
            return
        if isinstance(result, BaseException):
            flight.future.set_exception(result)
        else:
            flight.future.set_result(result)

    async def _look_up(
        self, batch: list[_Flight[Item, Prediction]]
    ) -> tuple[list[_Flight[Item, Prediction]], dict[str, Entry]]:
        """Land what the store knows; the misses come back, and the entries that hits renewed."""
        renewed: dict[str, Entry] = {}
        asking = [flight for flight in batch if not flight.fresh]
        self._batches += 1
        if self.admission == "auto" and self.ledger.asking_is_dearer and self._batches % ASK_ANYWAY:
            self.ledger.skipped += len(asking)
            asking = []
        found = await self.tiers.fetch([flight.key for flight in asking]) if asking else None
        for flight, entry in zip(asking, found or (), strict=False):
            if entry is not None and self._land_hit(flight, entry):
                again = self.tiers.renewal(entry) if flight.store else None
                if again is not None:
                    renewed[flight.key] = again
        misses = []
        for flight in batch:
            if flight.future.done():
                continue
            if flight.compute:
                misses.append(flight)
            else:
                self._land(flight, NotCached("There is no kept answer for this item."))
        return misses, renewed

    def _land_hit(self, flight: _Flight[Item, Prediction], entry: Entry) -> bool:
        answer = self._hit(flight.key, flight.item, flight.canonical, entry, "redis", flight.max_age)
        if answer is None:
            return False
        self.tiers.admit(flight.key, entry)
        self._land(flight, answer)
        return True

    async def _compute(
        self,
        misses: list[_Flight[Item, Prediction]],
        renewed: dict[str, Entry],
        leased: Sequence[_Flight[Item, Prediction]] = (),
    ) -> None:
        """One pass of the model over the misses, answers, then one write."""
        fresh: dict[str, Entry] = {}
        generation = self.tiers.generation
        try:
            predictions = await self._predict(misses) if misses else []
            for flight, prediction in zip(misses, predictions, strict=True):
                self.ledger.misses += 1
                ttl = None
                if flight.store and self.tiers.keeps and generation == self.tiers.generation:
                    entry = self.tiers.make(self._encode(prediction), self._preview(flight.item))
                    self.tiers.admit(flight.key, entry)
                    fresh[flight.key] = entry
                    ttl = entry.ttl(self._clock())
                self._land(flight, Answer(prediction, "model", ttl=ttl, asked_anew=flight.fresh))
        finally:
            if fresh or renewed or leased:
                await self.tiers.settle(fresh, renewed, [flight.key for flight in leased])

    async def _predict(self, misses: list[_Flight[Item, Prediction]]) -> Sequence[Prediction]:
        each = self.ledger.predict.recent
        started = self._monotonic()
        if each is None or each * len(misses) > INLINE_SECONDS:
            loop = asyncio.get_running_loop()
            predictions = await loop.run_in_executor(self._pool, self._call_model, misses)
        else:
            predictions = self._call_model(misses)
        self.ledger.predict.add(len(misses), self._monotonic() - started)
        if len(predictions) != len(misses):
            raise ValueError(f"the model gave {len(predictions)} predictions for {len(misses)} items")
        return predictions

    def _call_model(self, misses: Sequence[_Flight[Item, Prediction]]) -> Sequence[Prediction]:
        shortcut: Any = getattr(self.model, "predict_canonical", None)
        if shortcut is not None:
            return list(shortcut([flight.canonical for flight in misses]))
        return self.model.predict_many([flight.item for flight in misses])

    def _worth_a_lease(self) -> bool:
        if self._lease_seconds is None or self.tiers.store is None:
            return False
        each = self.ledger.predict.recent
        return each is None or each >= self._lease_seconds  # until it is measured, a model is presumed dear

    def _lease_ms(self, items: int) -> int:
        each = self.ledger.predict.recent or 0.0
        return int(min(max(4_000 * each * items, LEASE_LEAST_MS), LEASE_MOST_MS))

    async def _take_leases(
        self, misses: list[_Flight[Item, Prediction]]
    ) -> tuple[list[_Flight[Item, Prediction]], list[_Flight[Item, Prediction]], list[_Flight[Item, Prediction]]]:
        """Part the misses: to compute, the leased among those, and those that another process computes."""
        free = [flight for flight in misses if flight.fresh or not flight.store]
        contested = [flight for flight in misses if not (flight.fresh or not flight.store)]
        if not contested:
            return free, [], []
        found = await self.tiers.lease([flight.key for flight in contested], self._lease_ms(len(misses)))
        leased, waiting = [], []
        for flight, (entry, own) in zip(contested, found, strict=True):
            if entry is not None and self._land_hit(flight, entry):
                if own:
                    self._spawn(self.tiers.settle({}, {}, [flight.key]))
            elif own:
                leased.append(flight)
            else:
                waiting.append(flight)
        return free + leased, leased, waiting

    async def _wait_for_others(self, waiting: list[_Flight[Item, Prediction]]) -> None:
        """Until another process has computed them, its lease has run out, or patience has: then compute here."""
        self.ledger.lease_waits += len(waiting)
        patience = self._monotonic() + self._lease_ms(len(waiting)) / 1000
        leased: list[_Flight[Item, Prediction]] = []
        while waiting and self._monotonic() < patience:
            await asyncio.sleep(LEASE_POLL_SECONDS)
            ready, own, waiting = await self._take_leases(waiting)
            leased += own
            if ready:
                break
        if leased:
            waiting_task = [flight for flight in waiting if not flight.future.done()]
            if waiting_task:
                self._spawn(self._guarded(waiting_task, self._wait_for_others(waiting_task)))
            await self._compute(leased, {}, leased)
        elif waiting:
            await self._compute(waiting, {})

    def _hit(
        self,
        key: str,
        item: Item,
        canonical: bytes,
        entry: Entry,
        tier: Literal["memory", "redis"],
        max_age: int | None,
    ) -> Answer[Prediction] | None:
        """The answer in an entry; None when it is older than wanted or holds no prediction."""
        now = self._clock()
        age = entry.age(now)
        if max_age is not None and age > max_age:
            return None
        try:
            prediction = self._decode(entry.payload)
        except ValueError:
            self.ledger.rejected += 1
            return None
        if tier == "memory":
            self.ledger.memory_hits += 1
            again = self.tiers.renewal(entry)
            if again is not None:
                self._spawn(self.tiers.settle({}, {key: again}))
        else:
            self.ledger.redis_hits += 1
        if self._rng.random() < self._verify_share:
            self._spawn(self._verify(key, item, canonical, entry))
        return Answer(prediction, tier, age, entry.ttl(now))

    async def _verify(self, key: str, item: Item, canonical: bytes, entry: Entry) -> None:
        """Compute a hit again; a difference is an alarm, and the new prediction takes its place."""
        future: asyncio.Future[Answer[Prediction]] = asyncio.get_running_loop().create_future()
        flight = _Flight(key, key, item, canonical, future, True, True, True, None)
        loop = asyncio.get_running_loop()
        try:
            (prediction,) = await loop.run_in_executor(self._pool, self._call_model, [flight])
        except Exception:
            log.exception("a hit could not be verified: the model failed")
            return
        self.ledger.verified += 1
        payload = self._encode(prediction)
        if payload != entry.payload:
            self.ledger.mismatches += 1
            log.error("a cached prediction differs from the model's: model %s, key %s", self.model.id, key)
            right = self.tiers.make(payload, entry.preview)
            self.tiers.admit(key, right)
            await self.tiers.settle({key: right}, {})


def _to_json(prediction: object) -> bytes:
    """JSON, which keeps floating-point numbers exactly."""
    return json.dumps(prediction, separators=(",", ":")).encode()
