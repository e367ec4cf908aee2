"""``fyke classify``: a verdict for each message in files, folders, mailboxes and archives, or on stdin."""

import io
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fyke.cli.console import err, out
from fyke.cli.verdicts import Tally, counting, json_line, plain_line, summary, terminal_line
from fyke.errors import SettingsError
from fyke.mail.limits import Limits
from fyke.mail.report import report
from fyke.mail.sources import STDIN, Source, read_source, sources
from fyke.model.policies import policy_from
from fyke.model.reasons import explained
from fyke.service.assembly import load_from
from fyke.service.reading import limits_from, trusted_from
from fyke.settings import Settings

INTERRUPTED = 130  # as shells say it of SIGINT
TROUBLE = 2
AT_ONCE = 256  # messages that the model sees in one pass
TEXT_AT_ONCE = 4_000_000  # characters of them, more or less

Row = dict[str, Any]


class Judge:
    """What gives a message its verdict, and says why where that is wanted."""

    def __init__(self, settings: Settings, *, explain: bool):
        model = load_from(settings)
        self._classifier = model.classifier
        self._policy = policy_from(settings.policy, model.card.policies, settings.abstain)
        self._explain = explain

    def judge(self, rows: list[Row], texts: list[str]) -> list[Row]:
        """The rows with their predictions."""
        for row, text, score in zip(rows, texts, self._classifier.predict_many(texts), strict=True):
            row |= self._policy.read(score).fields()
            if self._explain:
                row["text"] = text
                row |= explained(text, self._classifier.explain(text), row["prediction"])
        return rows


def run(paths: Sequence[Path], settings: Settings, *, explain: bool, as_json: bool) -> int:
    """Print a verdict for each message; the exit status that says what came of it.

    0: all are safe; 1: phishing was found; 2: something could not be read, or nobody reads the verdicts any more.

    Raises:
        FykeError: the model cannot be loaded, a setting is not for it, or stdout is closed.
    """
    if sys.stdout is None:  # as Python says that it is closed
        raise SettingsError("stdout is closed, and the verdicts go there; send it to a file, a pipe or /dev/null.")
    judge = Judge(settings, explain=explain)
    if STDIN in paths and sys.stdin is not None and sys.stdin.isatty():
        err.print("Reading a message from the terminal; Ctrl-D ends it.", markup=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every encoding has every name
    tally = Tally()
    try:
        _classify(paths, judge, settings, tally, as_json=as_json)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be written goes nowhere
        return TROUBLE
    if err.is_terminal and tally.messages > 1:
        err.print(summary(tally), markup=False)
    return TROUBLE if tally.trouble else int(tally.phishing > 0)


def _classify(paths: Sequence[Path], judge: Judge, settings: Settings, tally: Tally, *, as_json: bool) -> None:
    limits = limits_from(settings)
    line = json_line if as_json else terminal_line if out.is_terminal else plain_line
    with counting(hidden=as_json and out.is_terminal) as count:
        found = sources(paths, limit=limits.bytes, trouble=tally.tell)
        for rows in _judged(_read(found, limits, trusted_from(settings), count), judge):
            for row in rows:
                tally.add(row)
                line(row)
            sys.stdout.flush()


def _read(
    found: Iterable[Source], limits: Limits, trusted: Collection[str], count: Callable[[], None]
) -> Iterator[tuple[Row, str]]:
    """What was read of each message, and the text that the model is to see."""
    for source in found:
        message = read_source(source, limits)
        yield {"file": source.name, "prediction": "", "probability": 0.0, **report(message, trusted)}, message.text
        count()


def _judged(read: Iterable[tuple[Row, str]], judge: Judge) -> Iterator[list[Row]]:
    """Rows with their predictions, as many together as the model sees in one pass."""
    rows: list[Row] = []
    texts: list[str] = []
    size = 0
    for row, text in read:
        rows.append(row)
        texts.append(text)
        size += len(text)
        if len(rows) == AT_ONCE or size > TEXT_AT_ONCE:
            yield judge.judge(rows, texts)
            rows, texts, size = [], [], 0
    yield judge.judge(rows, texts)
