"""Memory over a store: sealed entries in and out, within deadlines, behind breakers, for one model."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fyke.cache.breaker import Breaker
from fyke.cache.entry import Entry, open_sealed, seal
from fyke.cache.keys import Keyring
from fyke.cache.ledger import Ledger
from fyke.cache.memory import Memory
from fyke.cache.store import Store, Write
from fyke.errors import StoreError

log = logging.getLogger(__name__)

RENEW_BELOW = 0.25  # a hit on an entry with less than this share of its TTL left renews it


@dataclass(frozen=True)
class Lifetimes:
    """How long entries live, in milliseconds; ``max_age`` counts from the prediction and no renewal passes it."""

    ttl: int
    jitter: float = 0.1
    max_age: int | None = None

    def expiry(self, created: int, now: int, rng: random.Random) -> int:
        """When an entry kept or renewed now goes: after the TTL, less a random share of up to ``jitter``."""
        expires = now + int(self.ttl * (1 - self.jitter * rng.random()))
        return expires if self.max_age is None else min(expires, created + self.max_age)

    def alive(self, entry: Entry, now: int) -> bool:
        """Whether an entry may still answer."""
        return entry.expires > now and (self.max_age is None or now - entry.created < self.max_age)


class Tiers:
    """The tiers under one keyring. ``clock`` is in milliseconds since the epoch, ``monotonic`` in seconds."""

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
    ):
        self.keyring = keyring
        self.store = store
        self.memory = memory
        self.ledger = ledger
        self.reads = Breaker(monotonic)
        self.writes = Breaker(monotonic)
        self.generation = 0  # rises with each purge: what was computed before one is not kept after it
        self.clock = clock
        self._lifetimes = lifetimes
        self._monotonic = monotonic
        self._rng = rng or random.Random()  # noqa: S311 - spreads expiry, guards nothing
        self._landing: dict[str, Entry] = {}

    @property
    def keeps(self) -> bool:
        """Whether there is any tier at all."""
        return self.store is not None or self.memory is not None

    def recall(self, key: str) -> Entry | None:
        """The entry in this process: kept in memory, or on its way to the store."""
        entry = self._landing.get(key)
        if entry is None and self.memory is not None:
            entry = self.memory.get(key)
        return entry if entry is not None and self._lifetimes.alive(entry, self.clock()) else None

    async def fetch(self, keys: Sequence[str]) -> list[Entry | None] | None:
        """The store's entries for keys, in order; None when it was not asked or did not answer."""
        if self.store is None or not self.reads.allow():
            return None
        started = self._monotonic()
        try:
            values = await self.store.get_many(keys)
        except StoreError as error:
            self._failed("lookup", error)
            return None
        except BaseException:
            self.reads.failed()
            raise
        finally:
            self.ledger.lookup.add(len(keys), self._monotonic() - started)
        self._worked(self.reads, "lookups")
        return [self._open(key, value) for key, value in zip(keys, values, strict=True)]

    async def lease(self, keys: Sequence[str], ttl_ms: int) -> list[tuple[Entry | None, bool]]:
        """For each key its entry if there is one by now, and whether computing it is the caller's alone.

        Where the store does not answer, everything is the caller's.
        """
        if self.store is None or self.reads.state != "closed":
            return [(None, True)] * len(keys)
        try:
            found = await self.store.lease_many(keys, ttl_ms)
        except StoreError as error:
            self._failed("lookup", error)
            return [(None, True)] * len(keys)
        self._worked(self.reads, "lookups")
        return [(self._open(key, value), leased) for key, (value, leased) in zip(keys, found, strict=True)]

    def make(self, payload: bytes, preview: str) -> Entry:
        """An entry for a prediction made now."""
        now = self.clock()
        return Entry(payload, now, self._lifetimes.expiry(now, now, self._rng), preview)

    def admit(self, key: str, entry: Entry) -> None:
        """Keep an entry in memory, never longer than it lives."""
        if self.memory is not None:
            self.memory.put(key, entry, entry.expires)

    def renewal(self, entry: Entry) -> Entry | None:
        """The same entry with a new TTL when it is near its end; None when it is not, or cannot live longer."""
        now = self.clock()
        if entry.expires - now > RENEW_BELOW * self._lifetimes.ttl:
            return None
        expires = self._lifetimes.expiry(entry.created, now, self._rng)
        return replace(entry, expires=expires) if expires > entry.expires else None

    async def settle(self, fresh: dict[str, Entry], renewed: dict[str, Entry], done: Sequence[str] = ()) -> None:
        """Write entries to the store in one pipeline and give back leases; trouble is counted, never raised.

        Until the write is over, `recall` finds the fresh ones.
        """
        for key, entry in renewed.items():
            self.admit(key, entry)
        self.ledger.renewed += len(renewed)
        if self.store is None or not (fresh or renewed or done) or not self.writes.allow():
            return
        writes = [self._write(key, entry) for key, entry in fresh.items()]
        writes += [self._write(key, entry, renewal=True) for key, entry in renewed.items()]
        self._landing |= fresh
        started = self._monotonic()
        try:
            await self.store.set_many(writes, done)
        except StoreError as error:
            self._failed("write", error)
        except BaseException:
            self.writes.failed()
            raise
        else:
            self._worked(self.writes, "writes")
            self.ledger.bytes_written += sum(len(write.value) for write in writes)
        finally:
            self.ledger.write.add(max(1, len(writes)), self._monotonic() - started)
            for key, entry in fresh.items():
                if self._landing.get(key) is entry:
                    del self._landing[key]

    def forget(self, prefix: str) -> None:
        """Drop from this process what a purge anywhere has dropped; ``""`` drops everything."""
        if prefix and not (self.keyring.prefix.startswith(prefix) or prefix.startswith(self.keyring.prefix)):
            return
        if prefix:
            self.generation += 1
            self._landing.clear()
        if self.memory is not None:
            self.memory.purge(prefix)

    def _write(self, key: str, entry: Entry, *, renewal: bool = False) -> Write:
        ttl = max(1, entry.expires - self.clock())
        return Write(key, seal(entry, key, self.keyring), ttl, renewal)

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
