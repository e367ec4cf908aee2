"""What the cache did, what it cost, and whether it pays."""

from dataclasses import dataclass, field
from typing import Any

from fyke.cache.histogram import Histogram

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024)  # of the batches that are counted together
_RECENT = 0.05  # the share of the newest measurement in a running mean


@dataclass
class Meter:
    """Calls, the items in them, and seconds; ``recent`` is a running mean of seconds for each item.

    ``sizes`` counts the calls by their number of items.
    """

    calls: int = 0
    items: int = 0
    seconds: float = 0.0
    recent: float | None = None
    sizes: Histogram = field(default_factory=lambda: Histogram(SIZES))

    def add(self, items: int, seconds: float) -> None:
        """One call that treated ``items`` items in ``seconds``."""
        self.calls += 1
        self.items += items
        self.seconds += seconds
        self.sizes.add(items)
        each = seconds / items
        weight = max(_RECENT, 1 / self.calls)  # the first, which warms things up, shall not count for long
        self.recent = each if self.recent is None else self.recent + weight * (each - self.recent)

    @property
    def each(self) -> float:
        """Mean seconds for each item, 0.0 before the first."""
        return self.seconds / self.items if self.items else 0.0


@dataclass
class Ledger:
    """Counters of one model in one process since it started; times are wall-clock seconds.

    The time saved is what the hits would have cost, at the measured mean of a prediction, less all that lookups,
    writes and verified hits took; and less the reading of canonical bytes, where the model does not compute from
    them (``reads_twice``).
    """

    reads_twice: bool = False
    memory_hits: int = 0
    redis_hits: int = 0
    misses: int = 0
    shared: int = 0
    renewed: int = 0
    rejected: int = 0
    lookup_errors: int = 0
    write_errors: int = 0
    skipped: int = 0
    lease_waits: int = 0
    unkept: int = 0
    failed: int = 0
    not_kept: int = 0
    verified: int = 0
    mismatches: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    read: Meter = field(default_factory=Meter)
    verify: Meter = field(default_factory=Meter)
    lookup: Meter = field(default_factory=Meter)
    predict: Meter = field(default_factory=Meter)
    write: Meter = field(default_factory=Meter)

    @property
    def saved_seconds(self) -> float:
        """Time saved net of the cache's own cost; negative when the cache costs more than it spares."""
        spared = (self.memory_hits + self.redis_hits) * self.predict.each
        reading = self.read.seconds if self.reads_twice else 0.0
        return spared - reading - self.lookup.seconds - self.write.seconds - self.verify.seconds

    @property
    def asking_is_dearer(self) -> bool:
        """Whether computing is measured to be cheaper than asking the store."""
        predict, lookup = self.predict.recent, self.lookup.recent
        return predict is not None and lookup is not None and predict < lookup

    def report(self) -> dict[str, Any]:
        """The figures for people and machines; rates are shares of all requests."""
        requests = self.memory_hits + self.redis_hits + self.shared + self.misses + self.failed + self.not_kept
        share = (lambda count: round(count / requests, 6)) if requests else (lambda count: 0.0)
        return {
            "requests": requests,
            "hits": {"memory": self.memory_hits, "redis": self.redis_hits},
            "hit_rate": {"memory": share(self.memory_hits), "redis": share(self.redis_hits)},
            "misses": self.misses,
            "shared": self.shared,
            "failed": self.failed,
            "not_kept": self.not_kept,
            "renewed": self.renewed,
            "rejected_entries": self.rejected,
            "unkept_predictions": self.unkept,
            "errors": {"lookup": self.lookup_errors, "write": self.write_errors},
            "lookups_skipped": self.skipped,
            "lease_waits": self.lease_waits,
            "verified_hits": self.verified,
            "mismatches": self.mismatches,
            "bytes": {"read": self.bytes_read, "written": self.bytes_written},
            "microseconds_each": {
                "read": round(self.read.each * 1e6, 1),
                "lookup": round(self.lookup.each * 1e6, 1),
                "predict": round(self.predict.each * 1e6, 1),
                "write": round(self.write.each * 1e6, 1),
            },
            "calls": {"lookup": self.lookup.calls, "predict": self.predict.calls, "write": self.write.calls},
            "saved_seconds": round(self.saved_seconds, 6),
            "pays": self.saved_seconds > 0,
        }
