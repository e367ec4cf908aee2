"""``fyke score``."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fyke.bulk.helpers import Helpers
from fyke.bulk.job import Job
from fyke.bulk.work import spare_collector
from fyke.cli.console import Rate, complain, err

if TYPE_CHECKING:
    from fyke.bulk.scoring import Summary, Watch

INTERRUPTED = 130  # as shells say it of SIGINT


def run(job: Job, **flags: str | float | None) -> int:
    """Score a table and say in a line on stderr what came of it; 130 when interrupted. ``flags`` are settings.

    Raises:
        FykeError: as `fyke.bulk.scoring.score` does.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    spare_collector()
    job.check()
    try:
        with Helpers(job.processes() - 1) as helpers, watching() as watch:  # they load while this process does
            from fyke.bulk.scoring import score
            from fyke.settings import load

            settings = load(model=job.model, **flags)
            summary = score(replace(job, model=settings.model), settings, watch, helpers)
    except KeyboardInterrupt:
        again = "the same command without --force" if job.force else "the same command"
        complain(f"interrupted; {again} goes on from here.")
        return INTERRUPTED
    err.print(told(summary), markup=False)
    return 0


def told(summary: "Summary") -> str:
    """A summary in a line."""
    parts = [f"{summary.rows:,} rows, {summary.phishing:,} phishing"]
    if summary.earlier:
        parts.append(f"{summary.earlier:,} were scored before")
    if summary.now:
        parts.append(f"{summary.known / summary.now:.1%} known already")
        parts.append(f"{summary.now / summary.seconds:,.0f} rows/s")
    return "; ".join(parts)


@contextmanager
def watching() -> "Iterator[Watch]":
    """A bar with rate and time left on a terminal, nothing in a pipe."""
    if not err.is_terminal:
        yield lambda stage, done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate("rows"), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        shown = {"": bar.add_task("", total=None)}

        def watch(stage: str, done: int, total: int) -> None:
            if stage not in shown:
                bar.remove_task(shown.popitem()[1])
                shown[stage] = bar.add_task(stage, total=total or None, completed=done)
            bar.update(shown[stage], completed=done)

        yield watch
