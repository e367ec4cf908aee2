"""The figures for people: Markdown tables, and docs/quality.md, which keeps the newest run under each title."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bench.machine import ROOT
from bench.quality.bootstrap import DRAWS
from bench.quality.targets import targets

PAGE = ROOT / "docs" / "quality.md"
END = "<!-- to here -->"


def text(title: str, figures: dict[str, Any]) -> str:
    """Every part that was measured, as Markdown under one heading."""
    lines = [f"## {title}", "", *_how(figures), ""]
    for part, told in _PARTS.items():
        if part in figures["parts"]:
            lines += [*told(figures["parts"][part]), ""]
    return "\n".join(lines)


def write(title: str, figures: dict[str, Any]) -> None:
    """Put the tables between the title's marks in docs/quality.md, or at its end the first time."""
    begin = f"<!-- measured: {title} -->"
    page = PAGE.read_text(encoding="utf-8")
    if begin not in page:
        page = f"{page.rstrip()}\n\n{begin}\n{END}\n"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{begin}\n\n{text(title, figures)}\n{END}{after}", encoding="utf-8")


def _how(figures: dict[str, Any]) -> Iterator[str]:
    where = figures["machine"]
    yield (
        f"`{figures['command']}`; commit {where['commit']}, Python {where['python']}, {figures['seconds']:.0f} s. "
        f"Intervals: 95 %, {DRAWS} draws of clusters."
    )
    rows = targets(figures["parts"])
    if rows:
        yield ""
        yield from table(["target", "measured", "at least", "aim"], rows)


def _published(part: dict[str, Any]) -> Iterator[str]:
    yield from ("### Published split", "")
    yield from _both(part)


def _left_out(part: dict[str, Any]) -> Iterator[str]:
    yield from ("### Leave one corpus out", "")
    yield from _both(part["corpora"])
    yield ""
    yield "Means: " + ", ".join(f"{name} {value:.4f}" for name, value in part["mean"].items()) + "."
    yield ""
    yield from table(
        [
            "at the threshold fixed for 0.5 %",
            "near-duplicates left out",
            "threshold",
            "recall",
            "false positives",
            "F1",
        ],
        [
            [name, f"{one['dropped']:,}", *_fixed(one["at the fixed threshold"])]
            for name, one in part["corpora"].items()
        ],
    )


def _temporal(heading: str) -> Any:
    def told(part: dict[str, Any]) -> Iterator[str]:
        yield from (f"### {heading}", "", f"Fitted on {part['fit']:,} texts.", "")
        yield from _both(part["against"])
        yield ""
        every = ", ".join(f"{value:.3f} at {rate}" for rate, value in part["in every corpus"].items())
        yield f"Recall of English phishing where every honest corpus for itself keeps the rate: {every}."
        yield ""
        rows = [[rate, *_fixed(one)] for rate, one in part["fixed"].items()]
        yield from table(["threshold fixed on validation rows for", "is", "recall", "false positives", "F1"], rows)

    return told


def _honest(part: dict[str, Any]) -> Iterator[str]:
    yield from ("### Modern honest mail flagged", "")
    policies = list(part["thresholds"])
    rows = []
    for name, one in part.items():
        if name != "thresholds":
            rows.append(
                [name, f"{one[policies[0]]['rows']:,}", *(_interval(one[policy], "share") for policy in policies)]
            )
    yield from table(["", "rows", *(f"{name}: {at:.3f}" for name, at in part["thresholds"].items())], rows)


def _robustness(part: dict[str, Any]) -> Iterator[str]:
    yield from ("### Robustness", "", f"{part['texts']} texts of phishing_pot in English, one of each cluster.", "")
    heads, rows = ["attack"], [[name] for name in part["attacks"]]
    for policy, threshold in part["thresholds"].items():
        heads += [f"recall at {policy} ({threshold:.3f})", "attacked", "lost"]
        for row, one in zip(rows, part["attacks"].values(), strict=True):
            row += [
                f"{one[policy]['recall before']:.3f}",
                f"{one[policy]['recall']:.3f}",
                _interval(one[policy], "lost"),
            ]
    yield from table(heads, rows)
    yield ""
    yield "Lost in the mean and at most: " + "; ".join(
        f"{policy} {part['mean lost'][policy]:.3f} and {part['most lost'][policy]:.3f}" for policy in part["thresholds"]
    )


def _calibration(part: dict[str, Any]) -> Iterator[str]:
    yield from ("### Calibration", "")
    tests = (
        {"in domain": part["in domain"]} | part["across corpora"] | {"mean across corpora": part["mean across corpora"]}
    )
    hows = ("as given", "scaled")
    rows = [
        [name, *(f"{one[how][key]:.4f}" for how in hows for key in ("ece", "brier"))] for name, one in tests.items()
    ]
    yield from table(["", *(f"{key}, {how}" for how in hows for key in ("ECE", "Brier"))], rows)
    yield from ("", "In domain, as given:", "")
    bins = part["in domain"]["as given"]["bins"]
    rows = [
        [f"{one['low']:.2f}-{one['high']:.2f}", f"{one['weight']:.0f}", f"{one['score']:.3f}", f"{one['share']:.3f}"]
        for one in bins
    ]
    yield from table(["scores", "texts", "mean score", "share of phishing"], rows)


def _leaks(part: dict[str, Any]) -> Iterator[str]:
    yield from ("### Leak meter", "")
    rows = []
    for group, one in part.items():
        said = ", ".join(f"{name} {count}" for name, count in one["corpora"].items())
        for how in ("before masking", "after masking"):
            rows.append([group, said, how, f"{one['chance']:.3f}", *(f"{value:.3f}" for value in one[how].values())])
    yield from table(["", "texts", "", "chance", "corpus guessed, balanced accuracy", "AUC"], rows)


_PARTS = {
    "published": _published,
    "left out": _left_out,
    "temporal": _temporal("Temporal: trained on mail before 2020"),
    "permitted": _temporal("Trained on all mail that may train"),
    "honest": _honest,
    "robustness": _robustness,
    "calibration": _calibration,
    "leaks": _leaks,
}
_SHOWN = ("recall at 0.1%", "recall at 0.5%", "recall at 1.0%", "pr auc at 1%", "auc", "f1", "accuracy", "ece", "brier")


def _both(tests: dict[str, Any]) -> Iterable[str]:
    rows = []
    for name, one in tests.items():
        shown = [_interval(one, key, 4 if key in ("accuracy", "auc", "ece", "brier") else 3) for key in _SHOWN]
        rows.append([name, f"{one['rows']:,} ({one['phishing']:,})", f"{one['clusters']:,}", *shown])
    return table(["", "rows (phishing)", "clusters", *_SHOWN], rows)


def _fixed(one: dict[str, float]) -> list[str]:
    return [f"{one['threshold']:.3f}", f"{one['recall']:.3f}", f"{one['false positive rate']:.4f}", f"{one['f1']:.3f}"]


def _interval(one: dict[str, Any], key: str, digits: int = 3) -> str:
    shown = f"{one[key]:.{digits}f}"
    around = one.get(f"{key}, interval")
    return f"{shown} ({around[0]:.{digits}f}-{around[1]:.{digits}f})" if around else shown


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table in Markdown."""
    yield f"| {' | '.join(heads)} |"
    yield f"| {' | '.join('---' for _ in heads)} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"
