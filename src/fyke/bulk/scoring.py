"""From a table to the table with predictions: look through it, score its texts, write it with the scores.

The scores go into a journal beside the output as they come, and whoever runs the same command again goes on from
there. The output has another name until it is whole; of a run that was interrupted only the journal counts.
"""

import itertools
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fyke.bulk.crew import Crew
from fyke.bulk.helpers import Helpers
from fyke.bulk.job import Job
from fyke.bulk.journal import Journal, identify
from fyke.bulk.tables import Batch, Table, kind_of, look_through
from fyke.bulk.writing import Pairs, TextWriter, Verdict, check_format, keep, write_parquet
from fyke.errors import DataError
from fyke.model.classifier import Classifier
from fyke.model.directory import SHIPPED
from fyke.model.labels import PHISHING
from fyke.model.policies import Policy, policy_from
from fyke.model.selftest import load_tried
from fyke.settings import Settings

if TYPE_CHECKING:
    from fyke.bulk.clustered import RayCrew

Watch = Callable[[str, int, int], None]


@dataclass
class Summary:
    """What came of it: rows, those scored in an earlier run, those whose score was known, and phishing ones."""

    rows: int
    earlier: int
    known: int = 0
    phishing: int = 0
    seconds: float = 0.0

    @property
    def now(self) -> int:
        """Rows scored in this run."""
        return self.rows - self.earlier


def score(
    job: Job,
    settings: Settings,
    watch: Watch = lambda stage, done, total: None,
    helpers: Helpers | None = None,
) -> Summary:
    """Do the job. ``watch`` is told the stage and how many rows of how many are behind it.

    ``helpers`` may have been started before; the caller ends them.

    Raises:
        DataError: the input cannot be read, the output cannot be written, or they belong to another run.
        FykeError: as opening the model and the cache does.
    """
    if helpers is None:
        with Helpers(job.processes() - 1) as helpers:
            return score(job, settings, watch, helpers)
    job.check()
    directory = job.model or SHIPPED
    model = load_tried(directory, settings.prior)
    policy = policy_from(settings.policy, model.card.policies)
    helpers.tell((directory, settings.prior, model.classifier.id))
    column = job.text_column or model.card.text_column
    watch("looking through", 0, 0)
    state = _state(job.source)
    table = look_through(job.source, column)
    check_format(table, job.output)
    identity = identify(job.source, column, model.classifier.id)
    with (
        _crew(job, settings, model.classifier, helpers) as crew,
        Journal(job.journal, identity, force=job.force) as journal,
    ):
        if job.output.exists() and not journal.replaces:
            raise job.exists()
        summary = Summary(table.rows, journal.done)
        try:
            read = Reader(policy, summary)
            _write(job, table, journal, read, _scored(table, journal, crew, settings, read, watch), watch)
            if _state(job.source) != state or journal.done != table.rows:
                journal.remove()
                raise DataError(f"{job.source}: was changed while it was being scored; run the command again.")
            keep(job.part, job.output)
            journal.remove()
        finally:
            job.part.unlink(missing_ok=True)
            if not journal.done:
                journal.remove()
    return summary


class Reader:
    """Reads verdicts from scores by a policy, and counts them."""

    def __init__(self, policy: Policy, summary: Summary):
        self._policy = policy
        self.summary = summary

    def verdicts(self, scores: Iterable[float], *, count: bool = True) -> list[Verdict]:
        """Label, probability of the label and score, for each score."""
        read = [(*self._policy.read(score)[:2], score) for score in scores]
        if count:
            self.summary.phishing += sum(label == PHISHING for label, *_ in read)
        return read


def _crew(job: Job, settings: Settings, classifier: Classifier, helpers: Helpers) -> "Crew | RayCrew":
    """Who scores."""
    if job.engine == "local":
        return Crew(classifier, helpers)
    from fyke.bulk.clustered import RayCrew

    return RayCrew(job.model or SHIPPED, settings.prior, classifier.id, job.ray_address, job.workers)


def _scored(
    table: Table, journal: Journal, crew: "Crew | RayCrew", settings: Settings, read: Reader, watch: Watch
) -> Pairs:
    """All batches with their verdicts: from the journal what is in it, and what is not from the crew, and into it."""
    batches, summary = table.batches(), read.summary
    kept = 0
    for batch, scores in _kept(batches, journal):
        kept += 1
        yield batch, read.verdicts(scores)
    if not summary.now:
        return
    started = time.perf_counter()
    crew.open(settings)
    for batch, scored in crew.in_order(batches, lambda: itertools.islice(table.batches(), kept, None)):
        journal.append(scored.scores)
        summary.known += scored.known
        verdicts = read.verdicts(array("d", scored.scores))
        watch("scoring", journal.done, table.rows)
        yield batch, verdicts
    summary.seconds = time.perf_counter() - started
    crew.finish()


def _kept(batches: Iterator[Batch], journal: Journal) -> Iterator[tuple[Batch, Iterable[float]]]:
    for scores in journal.blocks():
        batch = next(batches, None)
        if batch is None or len(batch.texts) != len(scores):
            raise DataError(f"{journal.path}: has other rows than the input; start over with --force.")
        yield batch, scores


def _write(job: Job, table: Table, journal: Journal, read: Reader, scored: Pairs, watch: Watch) -> None:
    """Text as the scores come; Parquet once all are there, because its writer cannot be interrupted."""
    if kind_of(job.output) != "parquet":
        with TextWriter(table, job.output, job.part) as writer:
            for batch, verdicts in scored:
                writer.add(batch, verdicts)
        return
    for _ in scored:
        pass
    watch("writing", 0, 0)
    again = ((batch, read.verdicts(scores, count=False)) for batch, scores in _kept(table.batches(), journal))
    write_parquet(table, again, job.part)


def _state(path: Path) -> tuple[int, ...] | None:
    """What changes when a file is written to or replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
