"""How ``fyke classify`` prints: a line for each message, the progress, the sum."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from fyke.cli.console import Rate, complain, err, out, printable
from fyke.model.labels import PHISHING

MOST_PARTS = 10  # of an explanation are shown
LEAST_SUBJECT = 12  # columns that are worth the beginning of one
SHOWN_AFTER = 1.0  # seconds before progress is shown


@dataclass
class Tally:
    """What came of a run so far."""

    messages: int = 0
    phishing: int = 0
    signs: int = 0
    repairs: int = 0
    cut: int = 0
    trouble: int = 0
    started: float = field(default_factory=time.monotonic)

    def tell(self, what: str) -> None:
        """Say on stderr what could not be read, and count it."""
        self.trouble += 1
        complain(printable(what))

    def add(self, row: dict[str, Any]) -> None:
        """Count a verdict."""
        self.messages += 1
        self.phishing += row["prediction"] == PHISHING
        self.signs += bool(row["signs"])
        self.repairs += bool(row["repairs"])
        self.cut += bool(row["cut"])


def json_line(row: dict[str, Any]) -> None:
    """Everything, as one line of JSON in ASCII."""
    sys.stdout.write(json.dumps(row) + "\n")


def plain_line(row: dict[str, Any]) -> None:
    """Label, probability and file, for a pipe."""
    sys.stdout.write(f"{row['prediction']}  {row['probability']:.4f}  {printable(row['file'])}\n")
    for word, contribution in _shares(row):
        sys.stdout.write(f"    {contribution:+.3f}  {printable(word)}\n")


def terminal_line(row: dict[str, Any]) -> None:
    """The same in colour, with the names of the signs, and as much of the subject as the line has room for."""
    style = "bold red" if row["prediction"] == PHISHING else "green"
    line = Text.assemble((f"{row['prediction']:14}", style), f"  {row['probability']:.4f}  {printable(row['file'])}")
    signs = Text("".join(f"  {name}" for name in sorted({sign["name"] for sign in row["signs"]})), "yellow")
    screen = err if err.is_terminal else out  # both are this terminal, and err has the progress on it
    room = screen.width - line.cell_len - signs.cell_len
    if row["subject"] and room >= LEAST_SUBJECT:
        subject = Text(f"  {printable(row['subject'][:200])}", "dim")
        subject.truncate(room, overflow="ellipsis")
        line.append(subject)
    screen.print(line.append(signs), soft_wrap=True)
    for word, contribution in _shares(row):
        style = "red" if contribution > 0 else "green"
        screen.print(Text.assemble((f"    {contribution:+.3f}", style), f"  {printable(word)}"))


def _shares(row: dict[str, Any]) -> list[tuple[str, float]]:
    """Where a verdict was to be explained, the words that moved it most, each with all its occurrences, the others
    together, what is there before any word, and the sum of all."""
    if "parts" not in row:
        return []
    sums: dict[str, float] = {}
    for part in row["parts"]:
        sums[part["word"].lower()] = sums.get(part["word"].lower(), 0.0) + part["contribution"]
    strongest = sorted(sums.items(), key=lambda pair: -abs(pair[1]))[:MOST_PARTS]
    others = row["log_odds"] - row["base"] - sum(share for _, share in strongest)
    rest = [("(other words)", others)] if row["rest"] or len(sums) > MOST_PARTS else []
    return [*strongest, *rest, ("(before any word)", row["base"]), ("= log-odds of phishing", row["log_odds"])]


def summary(tally: Tally) -> Text:
    """A run in a line."""
    parts = [f"{tally.messages:,} messages", f"{tally.phishing:,} phishing"]
    parts += [f"{tally.signs:,} with signs"] if tally.signs else []
    parts += [f"{tally.repairs:,} mended"] if tally.repairs else []
    parts += [f"{tally.cut:,} cut"] if tally.cut else []
    parts += [f"{tally.trouble:,} not read"] if tally.trouble else []
    seconds = time.monotonic() - tally.started
    return Text(f"{', '.join(parts)}; {tally.messages / max(seconds, 1e-9):,.0f} messages/s")


@contextmanager
def counting(*, hidden: bool = False) -> Iterator[Callable[[], None]]:
    """A function to be called for each message; on a terminal it shows how far a long run has come."""
    if hidden or not err.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("{task.completed:,.0f} messages"), Rate("messages"), TimeElapsedColumn())
    bar = Progress(*columns, console=err, transient=True, redirect_stdout=False)
    task = bar.add_task("", total=None)
    shown_from = time.monotonic() + SHOWN_AFTER

    def count() -> None:
        bar.advance(task)
        if not bar.live.is_started and time.monotonic() > shown_from:
            bar.start()

    try:
        yield count
    finally:
        bar.stop()
