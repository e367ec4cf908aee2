"""Which server is asked what: the cells of the table, and what their figures are."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.contestants import LIMIT, NAIVE, OFF, ON_MEMORY, ON_REDIS, SHIPPED, Contestant, can_have_two_workers
from bench.generator import Run
from bench.workloads import Workload

FYKES = (ON_REDIS, ON_MEMORY, SHIPPED)
KEPT_AT_LEAST, NEW_AT_MOST = 0.99, 0.01


@dataclass
class Cell:
    """One thing that is measured, and its runs so far, a run for each round."""

    contestant: Contestant
    workload: Workload
    connections: int
    runs: list[Run] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What it is called in messages."""
        workers = "" if self.contestant.workers == 1 else f", {self.contestant.workers} workers"
        return f"{self.contestant.name}{workers}: {self.workload.name} at {self.connections}"

    def figures(self) -> dict[str, Any]:
        """Medians over the runs; ``per_second`` counts texts."""
        rates = [run.requests * self.workload.texts / run.seconds for run in self.runs]
        return {
            "server": self.contestant.name,
            "workers": self.contestant.workers,
            "workload": self.workload.name,
            "connections": self.connections,
            "per_second": round(statistics.median(rates), 1),
            "slowest": round(min(rates), 1),
            "fastest": round(max(rates), 1),
            "p50_ms": statistics.median(run.p50_ms for run in self.runs),
            "p99_ms": statistics.median(run.p99_ms for run in self.runs),
            "worst_ms": statistics.median(run.worst_ms for run in self.runs),
            "requests": sum(run.requests for run in self.runs),
            "errors": sum(run.errors for run in self.runs),
            "kept": round(statistics.median(self.kept), 4) if self.kept else None,
        }

    def complaints(self) -> Iterator[str]:
        """What makes the figures worthless."""
        errors = sum(run.errors for run in self.runs)
        if errors:
            yield f"{self.name}: {errors} requests failed"
        if self.workload.kept is True and self.kept and min(self.kept) < KEPT_AT_LEAST:
            yield f"{self.name}: only {min(self.kept):.1%} of the answers were kept ones"
        if self.workload.kept is False and self.kept and max(self.kept) > NEW_AT_MOST:
            yield f"{self.name}: {max(self.kept):.1%} of the answers were kept ones, and none should be"


def plan() -> Iterator[tuple[str, int, str, int]]:
    """Every cell: server, workers, workload, connections."""
    for connections in (16, 1, 64):
        fykes = FYKES if connections == 16 else (ON_REDIS, ON_MEMORY)
        for name in (NAIVE, *fykes, LIMIT):
            yield name, 1, "hits", connections
        for name in (NAIVE, *fykes, OFF):
            yield name, 1, "misses", connections
    for name in (NAIVE, *FYKES, OFF):
        yield name, 1, "zipf", 16
    for name in (*FYKES, OFF):
        yield name, 1, "batches", 16
    for name in (NAIVE, ON_REDIS, ON_MEMORY, LIMIT):
        yield name, 1, "long hits", 16
    for name in (NAIVE, ON_MEMORY, OFF):
        yield name, 1, "long misses", 16
    for name in (NAIVE, ON_REDIS, ON_MEMORY, LIMIT):
        yield name, 2, "hits", 16
    for name in (NAIVE, ON_MEMORY, OFF):
        yield name, 2, "misses", 16
    for name in (NAIVE, ON_MEMORY):
        yield name, 2, "zipf", 16


def chosen(only: list[str]) -> list[tuple[str, int, str, int]]:
    """The cells whose server or workload is among ``only``, or all; without those that need what is not there."""
    two = can_have_two_workers()
    return [
        cell
        for cell in plan()
        if (two or cell[1] == 1 or cell[0] in (NAIVE, LIMIT)) and (not only or cell[0] in only or cell[2] in only)
    ]
