"""What was aimed at, and what was measured: ratios within one run."""

from collections.abc import Iterator
from typing import Any

from bench.contestants import LIMIT, NAIVE, ON_MEMORY, ON_REDIS, SHIPPED
from bench.workloads import BATCH


class Figures:
    """The figures of the cells, by name."""

    def __init__(self, figures: dict[str, Any]):
        self._cells = {
            (one["server"], one["workload"], one["connections"], one["workers"]): one for one in figures["cells"]
        }

    def get(self, server: str, workload: str, connections: int, workers: int, what: str) -> float | None:
        """One figure; None where it was not measured."""
        cell = self._cells.get((server, workload, connections, workers))
        return None if cell is None else float(cell[what])

    def rate(self, server: str, workload: str, connections: int = 16, workers: int = 1) -> float | None:
        """Texts a second."""
        return self.get(server, workload, connections, workers, "per_second")


def ratios(figures: dict[str, Any]) -> Iterator[list[str]]:
    """A row for each target: what, the target, the measured value, and whether it is met."""
    for what, target, measured, least in _targets(figures):
        if measured is None:
            yield [what, target, "not measured", ""]
        else:
            met = measured >= float(target.split()[-1]) if least else measured <= float(target.split()[-1])
            yield [what, target, f"{measured:.2f}", "yes" if met else "**no**"]


def _targets(figures: dict[str, Any]) -> Iterator[tuple[str, str, float | None, bool]]:
    cells = Figures(figures)
    rate = cells.rate
    yield "Redis hits / naive", "4", _over(rate(ON_REDIS, "hits"), rate(NAIVE, "hits")), True
    yield "Redis hits / limit", "0.55", _over(rate(ON_REDIS, "hits"), rate(LIMIT, "hits")), True
    yield "memory hits / naive", "5.5", _over(rate(ON_MEMORY, "hits"), rate(NAIVE, "hits")), True
    yield "memory hits / limit", "0.7", _over(rate(ON_MEMORY, "hits"), rate(LIMIT, "hits")), True
    yield "misses / naive", "15", _over(rate(ON_MEMORY, "misses"), rate(NAIVE, "misses")), True
    for name, what in ((ON_REDIS, "Redis"), (ON_MEMORY, "memory")):
        late = _over(cells.get(name, "hits", 16, 1, "p99_ms"), cells.get(NAIVE, "hits", 16, 1, "p99_ms"))
        yield f"p99 of {what} hits / naive", "at most 0.2", late, False
    yield "Zipf / naive", "8", _over(rate(ON_MEMORY, "zipf"), rate(NAIVE, "zipf")), True
    two = _over(rate(ON_MEMORY, "hits", 16, 2), rate(NAIVE, "hits"))
    yield "memory hits, two workers / naive, one worker", "12", two, True
    two = _over(rate(ON_MEMORY, "misses", 16, 2), rate(NAIVE, "misses"))
    yield "misses, two workers / naive, one worker", "22", two, True
    batch = _over(rate(ON_MEMORY, "batches"), rate(ON_MEMORY, "misses"))
    yield f"batches of {BATCH}, texts / single misses", "2", batch, True
    resident = figures["resident"]
    yield "resident memory / naive", "at most 0.6", _over(resident.get(SHIPPED), resident.get(NAIVE)), False
    bulk = figures.get("bulk", {})
    seconds = bulk.get("seconds", {})
    yield "`fyke score`, two processes / one", "1.5", _over(seconds.get("1"), seconds.get("2")), True
    grown = _over(bulk.get("peak", {}).get("1"), bulk.get("peak_of_a_part", {}).get("1"))
    yield "`fyke score`, peak memory for all rows / for a quarter", "at most 1.1", grown, False
    yield "`fyke serve` ready, seconds", "at most 1.5", figures.get("start_seconds", {}).get(SHIPPED), False
    yield "`fyke --help`, seconds", "at most 0.3", figures.get("help_seconds"), False


def _over(value: float | None, by: float | None) -> float | None:
    return None if value is None or not by else value / by
