"""The predictor: everything is a batch, one computation for one key, and trouble with the store is a miss."""

import asyncio
import random
import time
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, Self, TypeVar

from fyke.cache.entry import Entry
from fyke.cache.keys import PUBLIC_SECRET, Keyring, scope
from fyke.cache.ledger import Ledger
from fyke.cache.lifetimes import Lifetimes
from fyke.cache.memory import Memory
from fyke.cache.spans import Span, untraced
from fyke.cache.store import Store
from fyke.cache.tiers import Tiers
from fyke.predictor.course import Course
from fyke.predictor.engine import Engine
from fyke.predictor.flights import Boarding
from fyke.predictor.words import ANY, ONLY_KEPT, Admission, Answer, Model, Wishes

Item = TypeVar("Item")
Prediction = TypeVar("Prediction")


class Predictor(Generic[Item, Prediction]):
    """Answers from memory, a store or the model, whichever knows first.

    Requests that arrive in the same turn of the event loop share one lookup, one ``predict_many`` over the misses
    and one pipelined write; requests for the same key share one computation.

    ``store`` is the tier shared by processes, ``memory`` the one of this process; either may be None. Both are
    keyed with ``secret`` and apart from other ``namespace``s. ``preview`` gives the words that an entry shows of
    its item in listings. ``lease_seconds``: a model whose predictions take at least so long takes a lease in the
    store before it computes a missed key, so that one process of many does; None never. ``verify`` is the share
    of hits that are computed again and compared. ``clock`` is in milliseconds since the epoch, ``monotonic`` in
    seconds.
    ``span`` is told of each lookup, pass of the model and write.

    ``beside`` is another over the same store and memory, which owns them, and whose model is never called at the same
    time as this one's: for `sibling`, and for what is another prediction of the same model.

    Use it as an asynchronous context manager, or call `start` and `close`.

    Raises:
        SettingsError: the namespace cannot be used in a key.
        ModelError: the model's id cannot, or it has ``encode`` without ``decode``.
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
        beside: "Predictor[Any, Any] | None" = None,
        span: Span = untraced,
    ):
        self.model = model
        self.namespace = namespace
        self.admission = admission
        self.ledger = Ledger(reads_twice=not hasattr(model, "predict_canonical"))
        rng = rng or random.Random()  # noqa: S311 - samples and spreads, guards nothing
        self._keyring = Keyring(secret, namespace, model.id)
        self.tiers: Tiers = Tiers(
            self._keyring,
            store,
            memory,
            lifetimes,
            self.ledger,
            clock=clock,
            monotonic=monotonic,
            rng=rng,
            beside=None if beside is None else beside.tiers,
            span=span,
        )
        self._engine: Engine[Item, Prediction] = Engine(
            model, self.ledger, monotonic, None if beside is None else beside._engine.thread
        )
        self._owner = beside is None
        self.ledgers = [self.ledger]  # and those of siblings, which may be gone: what they counted was
        self._siblings: weakref.WeakSet[Predictor[Item, Prediction]] = weakref.WeakSet()
        self._like = partial(
            Predictor[Item, Prediction],
            model,
            store,
            memory=memory,
            secret=secret,
            lifetimes=lifetimes,
            preview=preview,
            lease_seconds=lease_seconds,
            admission=admission,
            verify=verify,
            clock=clock,
            monotonic=monotonic,
            rng=rng,
            span=span,
        )
        self._course: Course[Item, Prediction] = Course(
            model.id,
            self.tiers,
            self._engine,
            dearer=lambda: self._store_is_dearer,
            preview=preview,
            lease_seconds=lease_seconds,
            verify=verify,
            clock=clock,
            rng=rng,
            span=span,
        )
        self._flights = self._course.flights
        self._kept = self._course.kept

    async def start(self) -> None:
        """Follow the purges that other processes make."""
        await self.tiers.follow_purges()

    def sibling(self, namespace: str) -> "Predictor[Item, Prediction]":
        """A predictor of another namespace over the same model, store and memory, whose answers never meet this one's.

        It lives no longer than this one, which owns the store and the model's thread.

        Raises:
            SettingsError: the namespace cannot be used in a key.
        """
        sibling = self._like(namespace=namespace, beside=self)
        self._siblings.add(sibling)
        self.ledgers.append(sibling.ledger)
        return sibling

    def take_over(self, earlier: "Predictor[Any, Any]") -> None:
        """Own the store and the model's thread instead of an ``earlier`` one that this one is `beside`.

        The earlier one finishes what it has begun, and its `close` waits for that.
        """
        self._owner, earlier._owner = earlier._owner, False
        self.ledgers += earlier.ledgers
        self.tiers.take_over(earlier.tiers)

    async def close(self) -> None:
        """Finish what is under way, here and in the siblings, then close the store."""
        self._kept.closing = True
        for sibling in list(self._siblings):
            await sibling.close()
        await self.drain()
        if self._owner:
            self._engine.close()
            await self.tiers.close()

    async def drain(self) -> None:
        """Wait until what was computed so far has been written to the store, or cannot be."""
        await self._flights.drain()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def predict(self, item: Item, wishes: Wishes = ANY) -> Answer[Prediction]:
        """The prediction for one item.

        Raises:
            NotCached: only a kept answer was wanted, and there is none.
            Exception: whatever the model raised for this item; shared by all who wait for it, never kept.
        """
        (canonical,) = await self._engine.read([item])
        entered = self._enter(item, canonical, wishes)
        return entered if isinstance(entered, Answer) else self._shared(await entered.landed())

    def recall(self, key: str, read: Callable[[], Item]) -> Answer[Prediction] | None:
        """The answer under a key that an earlier `Answer` had, if this process has it in memory.

        ``read`` gives the item; it is called only where the hit is one of the sample that is verified.
        """
        known = self.tiers.recall(key)
        return None if known is None else self._kept.answer(key, read, known, "memory", ANY)

    def look_up(self, key: str, read: Callable[[], Item]) -> "Boarding[Item, Prediction] | None":
        """A place on the flight that asks the store for the same; None where it is not asked.

        The flight's `outcome` is `NotCached` where the store has nothing, or does not answer.
        """
        if self.tiers.store is None or self._store_is_dearer:
            return None
        return self._board(key, read, b"", ONLY_KEPT)

    def begin_many(
        self, items: Sequence[Item]
    ) -> "list[Answer[Prediction] | Boarding[Item, Prediction] | Exception | None]":
        """The first step of `predict` for each item, taken at once: the answer, or a place on the flight to it.

        None where an item takes long to read: that is for `predict`. An error is what ``canonical`` raised.
        """
        read = self._engine.read_now(items)
        return [
            self._enter(item, seen, ANY) if isinstance(seen, bytes) else seen
            for item, seen in zip(items, read, strict=True)
        ]

    def outcome(self, boarding: "Boarding[Item, Prediction]") -> Answer[Prediction] | Exception:
        """How a flight of `begin_many` or `look_up` ended, once its future is done; to be asked for once."""
        outcome = boarding.outcome()
        return self._shared(outcome) if isinstance(outcome, Answer) else outcome

    def outcomes(self, boarding: "Boarding[Item, Prediction]", count: int) -> list[Answer[Prediction] | Exception]:
        """The same for so many who share the place: the first as who boarded, the others as who joined."""
        first = self.outcome(boarding)
        if count == 1 or not isinstance(first, Answer):
            return [first] * count
        other = first._replace(shared=True)
        return [first, *(self._shared(other) for _ in range(count - 1))]

    async def predict_many(self, items: Sequence[Item], wishes: Wishes = ANY) -> list[Answer[Prediction]]:
        """A prediction for each item, each looked up on its own; duplicates are computed once.

        Raises:
            Exception: as `predict` does, the first of them; `try_many` has an outcome for each.
        """
        answers = []
        for outcome in await self.try_many(items, wishes):
            if isinstance(outcome, Exception):
                raise outcome
            answers.append(outcome)
        return answers

    async def try_many(self, items: Sequence[Item], wishes: Wishes = ANY) -> list[Answer[Prediction] | Exception]:
        """The same with the error in the place of each answer that failed.

        Raises:
            Exception: whatever ``canonical`` raised.
        """
        read = zip(items, await self._engine.read(items), strict=True)
        entered = [self._enter(item, canonical, wishes) for item, canonical in read]
        for one in entered:
            if isinstance(one, Boarding) and not one.flight.future.done():  # mostly the first: they land together
                await asyncio.wait((one.flight.future,))  # which does not cancel it when it is cancelled itself
        outcomes = [one.outcome() if isinstance(one, Boarding) else one for one in entered]
        return [self._shared(one) if isinstance(one, Answer) else one for one in outcomes]

    async def purge(self, model_id: str | None = None, *, everything: bool = False) -> int:
        """Forget the entries of the namespace, of one model in it, or of every namespace; says how many.

        Raises:
            StoreError: the store did not answer; this process has forgotten all the same.
        """
        return await self.tiers.purge(scope() if everything else scope(self.namespace, model_id))

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

    def _enter(self, item: Item, canonical: bytes, wishes: Wishes) -> "Answer[Prediction] | Boarding[Item, Prediction]":
        """The answer if this process has it in memory, else a place on a flight."""
        key = self._keyring.key(canonical)
        known = None if wishes.no_cache else self.tiers.recall(key)
        if known is not None:
            answer = self._kept.answer(key, lambda: item, known, "memory", wishes)
            if answer is not None:
                return answer
        return self._board(key, lambda: item, canonical, wishes, refused=wishes.no_cache or known is not None)

    def _board(
        self, key: str, read: Callable[[], Item], canonical: bytes, wishes: Wishes, refused: bool = False
    ) -> "Boarding[Item, Prediction]":
        """Join the flight that is under way for a key, or begin one."""
        joined = self._flights.join(key, wishes)
        flight = joined or self._flights.board(key, read, canonical, wishes)
        flight.refused |= refused
        return Boarding(flight, joined is not None)

    def _shared(self, answer: Answer[Prediction]) -> Answer[Prediction]:
        if answer.shared and answer.tier == "model":
            self.ledger.shared += 1
        elif answer.shared:
            self.ledger.redis_hits += 1
        return answer

    @property
    def _store_is_dearer(self) -> bool:
        return self.admission == "auto" and self.ledger.asking_is_dearer
