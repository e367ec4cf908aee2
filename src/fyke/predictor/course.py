"""The course of a batch: look up, compute what nobody knows, here or wherever the lease is, write."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from fyke.cache.entry import Entry
from fyke.cache.spans import Span
from fyke.cache.tiers import Tiers
from fyke.errors import NotCached
from fyke.predictor.engine import Engine
from fyke.predictor.flights import Flight, Flights
from fyke.predictor.kept import Kept
from fyke.predictor.leases import LEASE_SECONDS, Leases, pauses
from fyke.predictor.words import ONLY_KEPT, Answer

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Prediction = TypeVar("Prediction")

LOOKUPS_AT_ONCE = 1
LARGE_BATCH = 64  # misses that are as cheap as they get
ASK_ANYWAY = 100  # with admission "auto", every so many batches the store is asked, to go on measuring


class Course(Generic[Item, Prediction]):
    """Takes the ``flights`` of a predictor to their answers, and keeps these; see `Predictor` for its arguments.

    ``dearer``: whether asking the store is dearer than computing, so that it is mostly not asked.
    """

    def __init__(
        self,
        model_id: str,
        tiers: Tiers,
        engine: Engine[Item, Prediction],
        *,
        dearer: Callable[[], bool],
        preview: Callable[[Item], str],
        lease_seconds: float | None,
        verify: float,
        clock: Callable[[], int],
        rng: random.Random,
        span: Span,
    ):
        self.flights: Flights[Item, Prediction] = Flights(self._answer, at_once=LOOKUPS_AT_ONCE)
        self.leases = Leases(tiers, lease_seconds)
        self.computing: dict[str, Flight[Item, Prediction]] = {}
        self.kept: Kept[Item, Prediction] = Kept(
            model_id,
            tiers,
            engine,
            share=verify,
            clock=clock,
            rng=rng,
            spawn=self.flights.spawn,
            write=lambda: self._compute([], [], True),
            dearer=dearer,
        )
        self._model_id = model_id
        self._tiers = tiers
        self._ledger = tiers.ledger
        self._engine = engine
        self._dearer = dearer
        self._preview = preview
        self._span = span
        self._batches = 0

    async def _answer(self, batch: list[Flight[Item, Prediction]]) -> None:
        """Take every flight of a turn to its answer: look up, compute, write.

        Where computing takes no time, a small batch holds the next one until after its write: by then those who were
        answered have asked again, and one batch of all costs less than two of half as many.
        """
        shared = not self._skips_the_store()
        held = False
        try:
            misses = await self._look_up(batch, shared)
            held = 1 < len(misses) < LARGE_BATCH and shared and self._engine.is_quick(len(misses))
        finally:
            if not held:
                self.flights.looked_up()
        try:
            await self._settle(misses, shared)
        finally:
            if held:
                self.flights.looked_up()

    async def _settle(self, misses: list[Flight[Item, Prediction]], shared: bool) -> None:
        """Compute what the store does not know, here or in whatever process has the lease, and write it."""
        leased: list[Flight[Item, Prediction]] = []
        if misses and shared and self.leases.worth_it:
            contested = [flight for flight in misses if flight.store and not flight.wishes.no_cache]
            free, leased, elsewhere = await self._claim(contested)
            misses = [flight for flight in misses if flight not in contested] + free
            if elsewhere:
                self.flights.take(elsewhere, self._await_others(elsewhere))
        if misses or leased or self.kept.renewed:
            await self._compute(misses + leased, leased, shared)

    def _skips_the_store(self) -> bool:
        self._batches += 1
        return self._dearer() and self._batches % ASK_ANYWAY != 0

    async def _look_up(self, batch: list[Flight[Item, Prediction]], shared: bool) -> list[Flight[Item, Prediction]]:
        """Land what the store knows and what may not be computed; the misses come back."""
        asking = [flight for flight in batch if not flight.wishes.no_cache]
        if not shared:
            self._ledger.skipped += len(asking)
            asking = [flight for flight in asking if flight.wishes.only_if_cached]
            self._ledger.skipped -= len(asking)
        found = await self._tiers.fetch([flight.key for flight in asking])
        for flight, entry in zip(asking, found, strict=True):
            if entry is not None:
                self._land_hit(flight, entry)
        misses = []
        for flight in batch:
            if flight.future.done():
                continue
            if flight.wishes.only_if_cached:
                self._ledger.not_kept += flight.wishes is not ONLY_KEPT
                self.flights.land(flight, NotCached("There is no kept answer for this item."))
            else:
                misses.append(flight)
        return misses

    def _land_hit(self, flight: Flight[Item, Prediction], entry: Entry) -> bool:
        self._tiers.admit(flight.key, entry)  # before a renewal may take its place
        answer = self.kept.answer(flight.key, flight.read, entry, "redis", flight.wishes)
        if answer is None:
            flight.refused = True
            return False
        self.flights.land(flight, answer)
        return True

    async def _claim(
        self, flights: list[Flight[Item, Prediction]]
    ) -> tuple[list[Flight[Item, Prediction]], list[Flight[Item, Prediction]], list[Flight[Item, Prediction]]]:
        """Land what has been computed by now; the rest in three: not leased, leased to this process, to others."""
        if not flights:
            return [], [], []
        found = await self._tiers.lease([flight.key for flight in flights], LEASE_SECONDS)
        if found is None:
            return flights, [], []
        mine: list[Flight[Item, Prediction]] = []
        elsewhere: list[Flight[Item, Prediction]] = []
        needless: list[str] = []
        for flight, (entry, own) in zip(flights, found, strict=True):
            if entry is not None and self._land_hit(flight, entry):
                needless += [flight.key] if own else []
            else:
                (mine if own else elsewhere).append(flight)
        if needless:
            self.flights.spawn(self._tiers.settle({}, {}, needless))
        return [], mine, elsewhere

    async def _await_others(self, flights: list[Flight[Item, Prediction]]) -> None:
        """Until other processes have computed these, or a lease has run out, or patience has: then compute here."""
        self._ledger.lease_waits += len(flights)
        for pause in pauses():
            if self.kept.closing:
                break
            await asyncio.sleep(pause)
            free, mine, flights = await self._claim(flights)
            if free or mine:
                self.flights.take(free + mine, self._compute(free + mine, mine, True))
            if not flights:
                return
        await self._compute(flights, [], True)

    async def _compute(
        self, misses: list[Flight[Item, Prediction]], leased: list[Flight[Item, Prediction]], shared: bool
    ) -> None:
        """One pass of the model over the misses, answers, then one write together with the renewals."""
        fresh: dict[str, Entry] = {}
        generation = self._tiers.generation
        keys = [flight.key for flight in leased]
        leading = [flight for flight in misses if self._leads(flight)]
        following = {self.computing[key].future for key in keys} - {flight.future for flight in leading}
        try:
            async with self.leases.kept(keys):
                outcomes = await self._predict(leading)
                if following:  # their leases are kept until what they follow has landed
                    await asyncio.wait(following)
            for flight, outcome in zip(leading, outcomes, strict=True):
                if isinstance(outcome, Exception):
                    self._ledger.failed += 1
                    self.flights.land(flight, outcome)
                else:
                    self._ledger.misses += 1
                    self.flights.land(flight, self._computed(flight, outcome, generation, fresh if shared else None))
        finally:
            for flight in leading:
                self.computing.pop(flight.key, None)
            renewed, self.kept.renewed = self.kept.renewed, {}
            if fresh or renewed or keys:
                await self._tiers.settle(fresh, renewed, keys, generation)

    async def _predict(self, flights: list[Flight[Item, Prediction]]) -> Sequence[Prediction | Exception]:
        if not flights:
            return []
        with self._span("predict", len(flights)):
            return await self._engine.predict(
                [flight.read() for flight in flights], [flight.canonical for flight in flights]
            )

    def _leads(self, flight: Flight[Item, Prediction]) -> bool:
        """Whether nobody computes this key yet; else the flight lands with the one that does, whatever its wishes."""
        leader = self.computing.setdefault(flight.key, flight)
        if leader is flight:
            return True
        leader.store |= flight.store
        leader.future.add_done_callback(lambda done: self.flights.land_with(flight, done))
        return False

    def _computed(
        self,
        flight: Flight[Item, Prediction],
        prediction: Prediction,
        generation: int,
        fresh: dict[str, Entry] | None,
    ) -> Answer[Prediction]:
        """The answer, and its entry in memory and among the ``fresh`` ones, where it may be kept there."""
        keeps = self._tiers.memory is not None or (fresh is not None and self._tiers.keeps)
        try:
            payload = self._engine.encode(prediction)
            prediction = self._engine.as_kept(prediction, payload)
            if not (flight.store and keeps and generation == self._tiers.generation):
                return Answer(prediction, "model", flight.key, refused=flight.refused)
            entry = self._tiers.make(payload, self._preview(flight.read()))
        except Exception:
            if not self._ledger.unkept:
                log.exception("predictions of model %s cannot be kept: mend its encode()", self._model_id)
            self._ledger.unkept += 1
            return Answer(prediction, "model", flight.key, refused=flight.refused)
        self._tiers.admit(flight.key, entry)
        if fresh is not None:
            fresh[flight.key] = entry
        return Answer(prediction, "model", flight.key, ttl=entry.ttl(entry.created), refused=flight.refused)
