"""Live figures of this process: one sampler for all who watch, told by server-sent events."""

import asyncio
import contextlib
import json
import logging
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from fyke.cache.entry import Entry
from fyke.cache.ledger import Meter
from fyke.cache.newest import Listing, newest
from fyke.model.classifier import decode
from fyke.model.policies import BALANCED, Policy
from fyke.predictor import Predictor
from fyke.service.policing import Policies

log = logging.getLogger(__name__)

EVERY = 1.0  # seconds between samples
KEPT = 300  # samples, which are the last minutes
LIST_EVERY = 3  # samples between two looks at the newest entries, while somebody watches
SHOWN = 12  # entries
MOST_VIEWERS = 32
PROBES = 8
_MOST_BEHIND = 8  # events that wait for a slow viewer

FIELDS = (
    *("time", "memory", "redis", "computed", "shared", "failed", "not_kept", "saved_seconds", "entries", "bytes"),
    *("recall_items", "recall_seconds", "lookup_items", "lookup_seconds"),
    *("predict_items", "predict_seconds", "write_items", "write_seconds"),
)
"""of a sample: seconds since the epoch, then sums since the process started, but for the memory's entries and bytes"""


class Full(Exception):
    """There are as many viewers as may be."""


class Viewer:
    """One who watches. ``near`` ones see the first words of entries."""

    def __init__(self, near: bool):
        self.near = near
        self.events: asyncio.Queue[bytes | None] = asyncio.Queue(_MOST_BEHIND)

    def tell(self, event: bytes | None) -> None:
        """Queue an event; a viewer who is too far behind loses the oldest."""
        if self.events.full():
            self.events.get_nowait()
        self.events.put_nowait(event)


class Sampler:
    """Takes a sample ``every`` so many seconds and tells it to all viewers; lists entries only while there are some.

    ``samples`` are the last minutes', in the order of `FIELDS`.
    """

    def __init__(
        self,
        predictor: Predictor[Any, float],
        policy: Policy | Policies = BALANCED,
        *,
        most_viewers: int = MOST_VIEWERS,
        every: float = EVERY,
    ):
        self._predictor = predictor
        self._policy = policy
        self._most = most_viewers
        self._every = every
        self._viewers: set[Viewer] = set()
        self.samples: deque[list[float]] = deque(maxlen=KEPT)
        self._recall = Meter()
        self._started = time.time()
        self._listed: tuple[bytes, bytes] | None = None  # with first words and without
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to take samples, in the running event loop."""
        self._spawn(self._run())

    def watch_instead(self, predictor: Predictor[Any, float]) -> None:
        """Sample another predictor from now on; its counts begin anew."""
        self._predictor = predictor

    async def close(self) -> None:
        """Stop, and let the viewers go."""
        self._closed = True
        for viewer in self._viewers:
            viewer.tell(None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def admit(self, near: bool) -> Viewer:
        """A new viewer, for `watch`.

        Raises:
            Full: there are too many.
        """
        if len(self._viewers) >= self._most:
            raise Full
        return Viewer(near)

    async def watch(self, viewer: Viewer) -> AsyncIterator[bytes]:
        """Its events until it leaves or the sampler is closed."""
        if len(self._viewers) >= self._most:
            return
        self._viewers.add(viewer)
        viewer.tell(_event("begin", self._beginning()))
        if self._listed is not None:
            viewer.tell(self._listed[0 if viewer.near else 1])
        self._list()
        try:
            while not self._closed:
                event = await viewer.events.get()
                if event is None:
                    return
                yield event
        finally:
            self._viewers.discard(viewer)

    def _beginning(self) -> dict[str, Any]:
        return {
            "fields": FIELDS,
            "every": self._every,
            "kept": KEPT,
            "samples": list(self.samples),
            "process": os.getpid(),
            "started": round(self._started, 1),
            "state": self._state(),
        }

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        count = 0
        while True:
            sample = self._sample()
            self.samples.append(sample)
            if self._viewers:
                self._tell(_event("sample", {"sample": sample, "state": self._state()}))
                if count % LIST_EVERY == 0:
                    self._list()
            else:
                self._listed = None
            count += 1
            due = max(due + self._every, loop.time())  # after a stall, not all that were missed
            await asyncio.sleep(due - loop.time())

    def _sample(self) -> list[float]:
        ledger, memory = self._predictor.ledger, self._predictor.tiers.memory
        self._time_memory()
        meters = (self._recall, ledger.lookup, ledger.predict, ledger.write)
        return [
            *(round(time.time(), 2), ledger.memory_hits, ledger.redis_hits, ledger.misses, ledger.shared),
            *(ledger.failed, ledger.not_kept, round(ledger.saved_seconds, 6)),
            *(0 if memory is None else len(memory), 0 if memory is None else memory.bytes),
            *(round(number, 9) for meter in meters for number in (meter.items, meter.seconds)),
        ]

    def _time_memory(self) -> None:
        """Time a few lookups in memory, of the newest key: timing each that is asked for would cost what it takes."""
        tiers = self._predictor.tiers
        if tiers.newest:
            key = tiers.newest[-1][0]
            tiers.recall(key)  # as in a service at work, whose code and data are at hand
            started = time.perf_counter()
            for _ in range(PROBES):
                tiers.recall(key)
            self._recall.add(PROBES, time.perf_counter() - started)

    def _state(self) -> dict[str, Any]:
        report = self._predictor.report()
        return {
            name: report[name] for name in ("breakers", "admission", "pays", "errors", "verified_hits", "mismatches")
        }

    def _list(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = self._spawn(self._look())

    async def _look(self) -> None:
        tiers = self._predictor.tiers
        listing = await newest(tiers, SHOWN)
        now = tiers.clock()
        self._listed = (self._entries(listing, now, True), self._entries(listing, now, False))
        for viewer in self._viewers:
            viewer.tell(self._listed[0 if viewer.near else 1])

    def _entries(self, listing: Listing, now: int, words: bool) -> bytes:
        rows = [_row(entry, self._policy.of(key), now, words) for key, entry in listing.entries]
        return _event("entries", {"entries": rows, "seen": listing.seen, "whole": listing.whole, "words": words})

    def _tell(self, event: bytes) -> None:
        for viewer in self._viewers:
            viewer.tell(event)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            if (error := task.exception()) is not None:
                log.error("live figures: %r", error)


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def _row(entry: Entry, policy: Policy, now: int, words: bool) -> dict[str, Any]:
    try:
        label, probability, _ = policy.read(decode(entry.payload))
    except ValueError:
        label, probability = "unknown", 0.0
    return {
        "words": entry.preview if words else "",
        "prediction": label,
        "probability": round(probability, 4),
        "age": entry.age(now),
        "ttl": entry.ttl(now),
    }
