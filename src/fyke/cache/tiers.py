"""Memory over a store: sealed entries in and out, within deadlines, behind breakers, for one model."""

import asyncio
import contextlib
import logging
import random
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence

from fyke.cache.breaker import Breaker
from fyke.cache.entry import Entry, open_sealed, seal
from fyke.cache.keys import LEASES, Keyring
from fyke.cache.ledger import Ledger
from fyke.cache.lifetimes import Lifetimes
from fyke.cache.memory import Memory
from fyke.cache.spans import Span, untraced
from fyke.cache.store import Store, Write
from fyke.errors import StoreError

log = logging.getLogger(__name__)

NEWEST = 64  # entries that are remembered for whoever looks
_FOLLOWED_SECONDS = 0.5  # that a start may wait for a store which does not answer


class Tiers:
    """The tiers under one keyring. ``clock`` is in milliseconds since the epoch, ``monotonic`` in seconds.

    ``beside`` has the tiers of another keyring over the same store and memory: they share what is known of the store,
    and hear of purges together.
    """

    def __init__(
        self,
        keyring: Keyring,
        store: Store | None,
        memory: Memory[Entry] | None,
        lifetimes: Lifetimes,
        ledger: Ledger,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.perf_counter,
        rng: random.Random | None = None,
        beside: "Tiers | None" = None,
        span: Span = untraced,
    ):
        self.keyring = keyring
        self.store = store
        self.memory = memory
        self.ledger = ledger
        self.reads: Breaker = Breaker(monotonic) if beside is None else beside.reads
        self.writes: Breaker = Breaker(monotonic) if beside is None else beside.writes
        self.generation = 0  # rises with each purge: what was computed before one is not kept after it
        self.newest: deque[tuple[str, Entry]] = deque(maxlen=NEWEST)  # taken into memory last
        self.clock = clock
        self._lifetimes = lifetimes
        self._span = span
        self._monotonic = monotonic
        self._rng = rng or random.Random()  # noqa: S311 - spreads expiry, guards nothing
        self._landing: dict[str, Entry] = {}
        self._renewing: set[str] = set()
        self._probes: set[asyncio.Task[list[Entry | None] | None]] = set()
        self._listener: asyncio.Task[None] | None = None
        self._followed: asyncio.Event = asyncio.Event() if beside is None else beside._followed
        self._beside: weakref.WeakSet[Tiers] = weakref.WeakSet() if beside is None else beside._beside
        self._beside.add(self)

    @property
    def keeps(self) -> bool:
        """Whether anything can be kept now: in memory, or in a store that takes writes."""
        return self.memory is not None or (self.store is not None and self.writes.state != "open")

    def recall(self, key: str) -> Entry | None:
        """The entry in this process: kept in memory, or on its way to the store."""
        now = self.clock()
        entry = self._landing.get(key)
        if entry is None and self.memory is not None:
            entry = self.memory.get(key, now)
        return entry if entry is not None and self._lifetimes.alive(entry, now) else None

    async def fetch(self, keys: Sequence[str]) -> list[Entry | None]:
        """The store's entries for keys, in order; None where there is none, or no answer.

        While the breaker is not closed nobody waits: a lookup in the background tests the way back.
        """
        nothing: list[Entry | None] = [None] * len(keys)
        if self.store is None or not keys or not self.reads.allow():
            return nothing
        if self.reads.state == "closed":
            return await self._ask(self.store, keys) or nothing
        probe = asyncio.get_running_loop().create_task(self._ask(self.store, keys))
        self._probes.add(probe)
        probe.add_done_callback(self._probes.discard)
        return nothing

    async def lease(self, keys: Sequence[str], seconds: float) -> list[tuple[Entry | None, bool]] | None:
        """For each key its entry if there is one by now, and whether the lease on computing it is the caller's.

        None where the store does not answer: then there are no leases.
        """
        if self.store is None or self.reads.state != "closed":
            return None
        generation = self.generation
        try:
            found = await self.store.lease_many(keys, int(seconds * 1000))
        except StoreError as error:
            self._failed("lookup", error)
            return None
        self._worked(self.reads, "lookups")
        if generation != self.generation:
            return [(None, leased) for _, leased in found]
        return [(self._open(key, value), leased) for key, (value, leased) in zip(keys, found, strict=True)]

    async def keep_leases(self, keys: Sequence[str], seconds: float) -> None:
        """Let the leases on ``keys`` run so much longer, from now; one that is lost is not taken again."""
        if self.store is not None and self.writes.state == "closed":
            with contextlib.suppress(StoreError):
                await self.store.set_many([Write(LEASES + key, b"", int(seconds * 1000), renewal=True) for key in keys])

    def make(self, payload: bytes, preview: str) -> Entry:
        """An entry for a prediction made now.

        Raises:
            TypeError: what the model encoded is not bytes, or the preview is not text.
        """
        if not (isinstance(payload, bytes) and isinstance(preview, str)):
            raise TypeError(f"bytes and text can be kept, not {type(payload).__name__} and {type(preview).__name__}")
        now = self.clock()
        return Entry(payload, now, self._lifetimes.expiry(now, now, self._rng), preview)

    def admit(self, key: str, entry: Entry) -> None:
        """Keep an entry in memory, never longer than it lives."""
        if self.memory is not None:
            self.memory.put(key, entry, entry.expires)
            self.newest.append((key, entry))

    def renewal(self, key: str, entry: Entry) -> Entry | None:
        """The same entry with a new TTL when it is near its end; None when it is not, or cannot live longer."""
        if key in self._renewing or (self.store is not None and self.writes.state == "open"):
            return None
        again = self._lifetimes.renewal(entry, self.clock(), self._rng)
        if again is not None:
            self._renewing.add(key)
        return again

    async def settle(
        self,
        fresh: dict[str, Entry],
        renewed: dict[str, Entry],
        done: Sequence[str] = (),
        generation: int | None = None,
    ) -> None:
        """Write entries to the store in one pipeline and give back leases; trouble is counted, never raised.

        Until the write is over, `recall` finds the fresh ones. What a purge overtook, since ``generation``, is
        dropped again. An entry that the store has lost meanwhile is not renewed, and leaves memory too.
        """
        now = self.generation
        generation = now if generation is None else generation
        renewals = list(renewed)
        try:
            if self.store is None:
                self._renewed_in_memory(renewed, [True] * len(renewals))
            elif fresh or renewed or done:
                kept = await self._put(self.store, fresh, renewed, done)
                if kept is not None and now == self.generation:
                    self._renewed_in_memory(renewed, kept[len(fresh) :])
                if fresh and generation != self.generation:
                    await self._drop(self.store, list(fresh))
        finally:
            self._renewing.difference_update(renewals)

    async def purge(self, prefix: str) -> int:
        """Forget everything under a prefix, here and in the store, which tells the others; says how many.

        Raises:
            StoreError: the store did not answer; this process has forgotten all the same.
        """
        before = 0 if self.memory is None else len(self.memory)
        self._heard(prefix)
        if self.store is not None:
            try:
                return await self.store.purge(prefix)
            finally:
                self._heard(prefix)  # what was read while the store walked
        return before - (0 if self.memory is None else len(self.memory))

    def forget(self, prefix: str) -> None:
        """Drop from this process what a purge anywhere has dropped; ``""``, when one may have been missed: all."""
        mine = self.keyring.prefix
        if not (mine.startswith(prefix) or prefix.startswith(mine)):
            return
        if prefix or self._followed.is_set():
            self.generation += 1
            self._landing.clear()
        if not prefix:
            self._followed.set()  # the first time, nothing was missed that this process has seen
        if self.memory is not None:
            self.memory.purge(prefix)

    def _heard(self, prefix: str) -> None:
        """`forget` for these tiers and all beside them."""
        for tiers in list(self._beside):
            tiers.forget(prefix)

    def renew_here(self, key: str, entry: Entry) -> None:
        """Keep a renewed entry in this process alone."""
        self._renewing.discard(key)
        self._renewed_in_memory({key: entry}, [True])

    async def follow_purges(self) -> None:
        """From now on, or as soon as the store answers, forget what other processes purge."""
        if self.store is not None and self._listener is None:
            self._listener = asyncio.get_running_loop().create_task(self.store.listen(self._heard))
            if self.reads.state == "closed":
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._followed.wait(), _FOLLOWED_SECONDS)

    def take_over(self, earlier: "Tiers") -> None:
        """Own the store and the ear for purges instead of the ``earlier`` tiers that these are beside."""
        self._listener, earlier._listener = earlier._listener, None

    async def close(self) -> None:
        """Stop following, then close the store."""
        tasks = [*self._probes, *([self._listener] if self._listener else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.store is not None:
            await self.store.close()

    async def _ask(self, store: Store, keys: Sequence[str]) -> list[Entry | None] | None:
        started = self._monotonic()
        generation = self.generation
        try:
            with self._span("lookup", len(keys)):
                values = await store.get_many(keys)
        except StoreError as error:
            self._failed("lookup", error)
            return None
        except BaseException:
            self.reads.failed()
            raise
        finally:
            self.ledger.lookup.add(len(keys), self._monotonic() - started)
        self._worked(self.reads, "lookups")
        if generation != self.generation:  # a purge overtook the replies
            return None
        return [self._open(key, value) for key, value in zip(keys, values, strict=True)]

    async def _put(
        self, store: Store, fresh: dict[str, Entry], renewed: dict[str, Entry], done: Sequence[str]
    ) -> list[bool] | None:
        """One pipelined write; for each entry, the fresh ones first, whether the store has it now."""
        now = self.clock()
        writes = [self._write(key, entry, now) for key, entry in fresh.items()]
        writes += [self._write(key, entry, now, renewal=True) for key, entry in renewed.items()]
        if not self.writes.allow():
            return None
        self._landing |= fresh
        started = self._monotonic()
        try:
            with self._span("store", len(writes)):
                kept = await store.set_many(writes, done)
        except StoreError as error:
            self._failed("write", error)
            return None
        except BaseException:
            self.writes.failed()
            raise
        finally:
            self.ledger.write.add(max(1, len(writes)), self._monotonic() - started)
            for key, entry in fresh.items():
                if self._landing.get(key) is entry:
                    del self._landing[key]
        self._worked(self.writes, "writes")
        self.ledger.bytes_written += sum(len(write.value) for write in writes)
        return kept

    def _renewed_in_memory(self, renewed: dict[str, Entry], kept: Sequence[bool]) -> None:
        for (key, entry), still_there in zip(renewed.items(), kept, strict=True):
            if still_there:
                self.ledger.renewed += 1
                self.admit(key, entry)
            elif self.memory is not None:
                self.memory.drop(key)

    async def _drop(self, store: Store, keys: Sequence[str]) -> None:
        try:
            await store.drop_many(keys)
        except StoreError as error:
            self._failed("write", error)

    def _write(self, key: str, entry: Entry, now: int, *, renewal: bool = False) -> Write:
        return Write(key, seal(entry, key, self.keyring), max(1, entry.expires - now), renewal)

    def _open(self, key: str, value: bytes | None) -> Entry | None:
        if value is None:
            return None
        self.ledger.bytes_read += len(value)
        entry = open_sealed(value, key, self.keyring)
        if entry is None:
            self.ledger.rejected += 1
            return None
        return entry if self._lifetimes.alive(entry, self.clock()) else None

    def _failed(self, doing: str, error: StoreError) -> None:
        if doing == "lookup":
            self.ledger.lookup_errors += 1
            opened = self.reads.failed()
        else:
            self.ledger.write_errors += 1
            opened = self.writes.failed()
        if opened:
            log.warning("the store fails (%s: %s); predictions go on without it", doing, error)

    def _worked(self, breaker: Breaker, what: str) -> None:
        if breaker.succeeded():
            log.warning("the store answers again (%s)", what)
