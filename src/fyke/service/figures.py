"""What is counted: the table of metrics, and the samples of one process.

A sample is ``[metric, label values, numbers]``: one number, or for a histogram its counts and then its total. So the
samples of several processes are summed number by number, and written as JSON.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from fyke import __version__
from fyke.cache.histogram import Histogram
from fyke.cache.ledger import SIZES, Ledger
from fyke.cache.tiers import Tiers

Kind = Literal["counter", "gauge", "info", "histogram"]
Sample = tuple[str, tuple[str, ...], list[float]]

SECONDS = (
    *(25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
TIERS = ("memory", "redis", "model")
NO_TIER = "none"


class Metric(NamedTuple):
    """One row of the table: ``name`` as it is exposed, a counter's with its ``_total``."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    bounds: tuple[float, ...] = ()


_OF = "of"  # verdict or explanation: each has its own account
METRICS = (
    Metric("fyke_requests_total", "counter", ("route", "status"), "Requests answered, by route and HTTP status."),
    Metric(
        "fyke_request_seconds",
        "histogram",
        ("route", "tier"),
        "Seconds from a request's head to its answer, by where the answer came from.",
        SECONDS,
    ),
    Metric("fyke_hits_total", "counter", (_OF, "tier"), "Answers that were kept, by the tier that kept them."),
    Metric("fyke_misses_total", "counter", (_OF,), "Answers that the model computed."),
    Metric("fyke_shared_total", "counter", (_OF,), "Answers that another request's computation gave."),
    Metric("fyke_not_kept_total", "counter", (_OF,), "Requests for a kept answer only, where there was none."),
    Metric("fyke_renewed_total", "counter", (_OF,), "Entries near their end that were given a new TTL."),
    Metric("fyke_verified_hits_total", "counter", (_OF,), "Hits that were computed again and compared."),
    Metric("fyke_mismatches_total", "counter", (_OF,), "Verified hits that differed from the model's answer."),
    Metric(
        "fyke_errors_total",
        "counter",
        (_OF, "kind"),
        "Errors: lookup and write of the store, model (a prediction failed), rejected (an entry did not open), "
        "unkept (a prediction could not be kept).",
    ),
    Metric("fyke_lookups_skipped_total", "counter", (_OF,), "Keys not looked up since computing is cheaper."),
    Metric("fyke_lease_waits_total", "counter", (_OF,), "Keys that another process was computing."),
    Metric("fyke_store_bytes_total", "counter", (_OF, "direction"), "Bytes read from and written to the store."),
    Metric("fyke_batch_items", "histogram", (_OF, "step"), "Items in each lookup, pass of the model and write.", SIZES),
    Metric("fyke_step_seconds_total", "counter", (_OF, "step"), "Seconds that lookups, the model and writes took."),
    Metric("fyke_saved_seconds", "gauge", (_OF,), "Time saved by hits, net of what the cache costs; may fall."),
    Metric("fyke_breakers", "gauge", ("breaker", "state"), "Processes whose breaker is in a state."),
    Metric("fyke_rate_limit_errors_total", "counter", (), "Takes of a rate that the store did not count."),
    Metric("fyke_memory_entries", "gauge", (), "Entries in the processes' memory."),
    Metric("fyke_memory_bytes", "gauge", (), "Bytes that these entries are charged with."),
    Metric("fyke_processes", "gauge", (), "Processes that serve, whose figures these are."),
    Metric("fyke_model_info", "info", ("model_id", "recipe"), "The model that answers; always 1."),
    Metric("fyke_build_info", "info", ("version",), "The version of Fyke; always 1."),
)


class Figures:
    """Requests of this process since it started."""

    def __init__(self) -> None:
        self.fast = {tier: Histogram(SECONDS) for tier in TIERS}  # of `POST /predict`, all with status 200
        self._seconds: dict[tuple[str, str], Histogram] = {}
        self._requests: dict[tuple[str, str], int] = {}

    def add(self, route: str, status: int, tier: str, seconds: float | None) -> None:
        """One answer that did not come out of the fast lane; ``seconds`` None where they say nothing."""
        of = (route, str(status))
        self._requests[of] = self._requests.get(of, 0) + 1
        if seconds is not None:
            self._seconds.setdefault((route, tier), Histogram(SECONDS)).add(seconds)

    def samples(self, fast_route: str) -> list[Sample]:
        """Requests and their seconds; the fast lane's are those of one route."""
        answered = dict(self._requests)
        fast = sum(sum(one.counts) for one in self.fast.values())
        answered[fast_route, "200"] = answered.get((fast_route, "200"), 0) + fast
        found: list[Sample] = [("fyke_requests_total", labels, [count]) for labels, count in answered.items()]
        seconds = [((fast_route, tier), one) for tier, one in self.fast.items()] + list(self._seconds.items())
        return found + [("fyke_request_seconds", labels, _numbers(one)) for labels, one in seconds]


def ledger_samples(of: str, ledgers: Iterable[Ledger]) -> list[Sample]:
    """The accounts of one kind of answer, in all namespaces: samples of the same labels are to be summed."""
    return [sample for ledger in ledgers for sample in _ledger(of, ledger)]


def _ledger(of: str, ledger: Ledger) -> list[Sample]:
    counters: Mapping[tuple[str, ...], float] = {
        ("fyke_hits_total", "memory"): ledger.memory_hits,
        ("fyke_hits_total", "redis"): ledger.redis_hits,
        ("fyke_misses_total",): ledger.misses,
        ("fyke_shared_total",): ledger.shared,
        ("fyke_not_kept_total",): ledger.not_kept,
        ("fyke_renewed_total",): ledger.renewed,
        ("fyke_verified_hits_total",): ledger.verified,
        ("fyke_mismatches_total",): ledger.mismatches,
        ("fyke_errors_total", "lookup"): ledger.lookup_errors,
        ("fyke_errors_total", "write"): ledger.write_errors,
        ("fyke_errors_total", "model"): ledger.failed,
        ("fyke_errors_total", "rejected"): ledger.rejected,
        ("fyke_errors_total", "unkept"): ledger.unkept,
        ("fyke_lookups_skipped_total",): ledger.skipped,
        ("fyke_lease_waits_total",): ledger.lease_waits,
        ("fyke_store_bytes_total", "read"): ledger.bytes_read,
        ("fyke_store_bytes_total", "written"): ledger.bytes_written,
        ("fyke_saved_seconds",): ledger.saved_seconds,
    }
    found: list[Sample] = [(name, (of, *labels), [value]) for (name, *labels), value in counters.items()]
    for step, meter in (("lookup", ledger.lookup), ("predict", ledger.predict), ("write", ledger.write)):
        found.append(("fyke_step_seconds_total", (of, step), [meter.seconds]))
        found.append(("fyke_batch_items", (of, step), _numbers(meter.sizes)))
    return found


def process_samples(tiers: Tiers, model_id: str, recipe: str) -> list[Sample]:
    """The state of this process: breakers, memory, and what it runs."""
    found: list[Sample] = [
        ("fyke_memory_entries", (), [0 if tiers.memory is None else len(tiers.memory)]),
        ("fyke_memory_bytes", (), [0 if tiers.memory is None else tiers.memory.bytes]),
        ("fyke_processes", (), [1]),
        ("fyke_model_info", (model_id, recipe), [1]),
        ("fyke_build_info", (__version__,), [1]),
    ]
    for name, breaker in (("reads", tiers.reads), ("writes", tiers.writes)):
        for state in ("closed", "half-open", "open"):
            found.append(("fyke_breakers", (name, state), [float(breaker.state == state)]))
    return found


def _numbers(histogram: Histogram) -> list[float]:
    return [*histogram.counts, histogram.total]


def total(processes: Iterable[tuple[bool, list[Sample]]]) -> list[Sample]:
    """The sum over processes, each with whether it still runs: counters stay when it ends, gauges go with it."""
    kinds: dict[str, Kind] = {metric.name: metric.kind for metric in METRICS}
    sums: dict[tuple[str, tuple[str, ...]], list[float]] = {}
    for runs, samples in processes:
        for name, labels, numbers in samples:
            kind = kinds.get(name)
            if kind is None or (kind in ("gauge", "info") and not runs):
                continue
            before = sums.get((name, labels))
            if before is None or kind == "info":
                sums[name, labels] = list(numbers)
            else:
                sums[name, labels] = [one + other for one, other in zip(before, numbers, strict=True)]
    return [(name, labels, numbers) for (name, labels), numbers in sums.items()]


def as_plain(samples: Iterable[Sample]) -> list[Any]:
    """Samples for JSON."""
    return [[name, list(labels), numbers] for name, labels, numbers in samples]


def from_plain(plain: Iterable[Any]) -> list[Sample]:
    """Samples from JSON."""
    return [(name, tuple(labels), numbers) for name, labels, numbers in plain]


def runs(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
