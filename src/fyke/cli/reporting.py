"""``fyke evaluate --report``: a page and pictures in a directory of their own."""

from collections.abc import Sequence
from pathlib import Path

from fyke.cli.plots import pictures
from fyke.cli.report_page import Findings, page
from fyke.errors import SettingsError
from fyke.model.corpus import Corpus
from fyke.model.directory import Model
from fyke.model.evaluation import flatters
from fyke.model.judging import at_points, by_corpus, judge, worst_mistakes
from fyke.model.whole import write_whole

PAGE = "report.html"
NAMES = {PAGE, "roc.png", "precision-recall.png", "calibration.png", "confusion.png", "scores.png"}
MISTAKES = 10  # of either kind are shown


def check_report(directory: Path) -> None:
    """Refuse to write over anything but an earlier report.

    Raises:
        SettingsError: as said.
    """
    if directory.exists() and not directory.is_dir():
        raise SettingsError(f"{directory}: there is a file of that name; name another with --report.")
    held = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
    if held and (PAGE not in held or held - NAMES):
        raise SettingsError(f"{directory}: holds something other than a report; name another with --report.")


def write_report(directory: Path, model: Model, corpus: Corpus, rows: Sequence[int], *, scope: str) -> Path:
    """Write the report on those rows of a corpus, whole or not at all; returns the page's path.

    The directory is for its owner alone, since the page holds mail.

    Raises:
        SettingsError: the directory holds something else, or cannot be written.
    """
    check_report(directory)
    judged = judge(model.classifier, corpus, rows)
    points = model.card.policies or []
    drawn = pictures(judged, points)
    mistakes = worst_mistakes(judged, MISTAKES)
    findings = Findings(
        card=model.card,
        scope=scope,
        flattering=flatters(model.card, corpus, scope),
        judged=judged,
        pictures=drawn,
        corpora=by_corpus(judged),
        points=at_points(judged, points),
        mistakes=mistakes,
        why=[model.classifier.explain(judged.texts[one.place]) for one in mistakes],
    )
    files = {name: png for name, (_, png) in drawn.items()}
    try:
        write_whole(directory, {**files, PAGE: page(findings)}, mode=0o700)
    except OSError as error:
        raise SettingsError(f"{directory}: the report cannot be written ({error.strerror}).") from error
    return directory / PAGE
