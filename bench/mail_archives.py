"""Two archives of real mail through `fyke classify`: what had to be mended, and how long a message takes.

    python -m bench.mail_archives [--data DIR]

The archives are SpamAssassin's public corpus and J. Nazario's phishing, 2015 to 2020, as they came. Each goes through
the command line once, which must say nothing on stderr; then each message is read again in this process, with a clock.
Prints the tables, writes them to docs/mail-archives.md, and ends with one line of JSON.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bench.machine import ROOT, machine
from fyke.mail.limits import Limits
from fyke.mail.signs import signs
from fyke.mail.sources import read_source, sources

ARCHIVES = {
    "spamassassin_raw.tar.xz": "SpamAssassin, 2001 to 2002",
    "nazario_2015_2020_raw_eml.tar.xz": "Nazario, 2015 to 2020",
}
PAGE = ROOT / "docs" / "mail-archives.md"

Rows = Mapping[str, Callable[[dict[str, Any]], str]]
COMMAND: Rows = {
    "messages in the archive": lambda one: f"{one['messages']:,}",
    "verdict lines": lambda one: f"{one['lines']:,}",
    "bytes on stderr": lambda one: f"{one['stderr']:,}",
    "exit status (1: phishing was found)": lambda one: str(one["status"]),
    "seconds": lambda one: f"{one['seconds']:.1f}",
}
TIMES: Rows = {
    "median": lambda one: f"{one['ms']['median']:.2f}",
    "p99": lambda one: f"{one['ms']['p99']:.2f}",
    "worst": lambda one: f"{one['ms']['worst']:.1f}",
    "bytes of the worst": lambda one: f"{one['worst_bytes']:,}",
    "bytes of the largest": lambda one: f"{one['largest']:,}",
}


@dataclass
class Figures:
    """What came of an archive."""

    title: str
    command: dict[str, Any]
    milliseconds: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    repairs: Counter[str] = field(default_factory=Counter)
    signs: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    mended: int = 0
    hidden: int = 0

    def summary(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "title": self.title,
            **self.command,
            "messages": len(self.sizes),
            "bytes": sum(self.sizes),
            "largest": max(self.sizes),
            "ms": {
                "median": statistics.median(self.milliseconds),
                "p99": statistics.quantiles(self.milliseconds, n=100, method="inclusive")[98],
                "worst": max(self.milliseconds),
            },
            "worst_bytes": self.sizes[self.milliseconds.index(max(self.milliseconds))],
            "mended": self.mended,
            "hidden": self.hidden,
            "repairs": dict(sorted(self.repairs.items())),
            "cut": dict(sorted(self.cut.items())),
            "signs": dict(sorted(self.signs.items())),
        }


def through_the_command(archive: Path) -> dict[str, Any]:
    """`fyke classify` over an archive: exit status, lines, bytes on stderr, processor seconds."""
    before = _used()
    done = subprocess.run([sys.executable, "-m", "fyke", "classify", "--json", str(archive)], capture_output=True)  # noqa: S603
    seconds = _used() - before
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        "status": done.returncode,
        "lines": len(rows),
        "stderr": len(done.stderr),
        "seconds": round(seconds, 2),
        "phishing": sum(row["prediction"] == "Phishing Email" for row in rows),
    }


def _used() -> float:
    """Processor seconds of the processes that this one has started and that are done."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def read_again(archive: Path, figures: Figures) -> None:
    """Read each message with a clock; what is timed is bytes to `Message`, without unpacking and without the model."""
    limits = Limits()
    told: list[str] = []
    for source in sources([archive], limit=limits.bytes, trouble=told.append):
        started = time.process_time()
        message = read_source(source, limits)
        figures.milliseconds.append((time.process_time() - started) * 1000)
        figures.sizes.append(len(source.raw))
        figures.repairs.update(message.repairs)
        figures.mended += bool(message.repairs)
        figures.cut.update(message.cut)
        figures.hidden += bool(message.hidden)
        figures.signs.update({sign.name for sign in signs(message)})
    if told:
        raise SystemExit("\n".join(told))


def page(archives: list[dict[str, Any]], where: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = ["# Real mail through the reader", ""]
    lines += [
        f"Measured by `python -m bench.mail_archives` on {where['cpu']}, one core, Python {where['python']}; times are",
        "the processor's. The archives are SpamAssassin's public corpus (PDDL/CC0 compilation) and J. Nazario's",
        "phishing corpus (CC BY 4.0), as they came; neither is part of this project.",
        "",
    ]
    lines += ["`fyke classify --json ARCHIVE`, the whole command with its start, unpacking and the model:", ""]
    lines += _table("", archives, COMMAND)
    lines += ["Reading alone, bytes to `Message`, in milliseconds for a message:", ""]
    lines += _table("", archives, TIMES)
    lines += ["Messages that needed a repair; `docs/mail.md` says what each means:", ""]
    lines += _table("repair", archives, {"any": lambda one: f"{one['mended']:,}", **_counted(archives, "repairs")})
    lines += ["Messages of which a limit cut something:", ""]
    lines += (
        _table("cut", archives, _counted(archives, "cut")) if any(one["cut"] for one in archives) else ["None.", ""]
    )
    lines += ["Messages with a sign, no server trusted; a sign is a fact and no verdict:", ""]
    lines += _table("sign", archives, _counted(archives, "signs"))
    return "\n".join(lines).rstrip() + "\n"


def _table(head: str, archives: list[dict[str, Any]], rows: Rows) -> list[str]:
    titles = " | ".join(one["title"] for one in archives)
    lines = [f"| {head} | {titles} |", "| --- |" + " ---: |" * len(archives)]
    lines += [f"| {name} | {' | '.join(map(show, archives))} |" for name, show in rows.items()]
    return [*lines, ""]


def _counted(archives: list[dict[str, Any]], kind: str) -> Rows:
    """A row for each name that occurs, the most frequent first."""
    total: Counter[str] = Counter()
    for one in archives:
        total.update(one[kind])
    names = sorted(total, key=lambda name: (-total[name], name))
    return {(name if " " in name else f"`{name}`"): partial(_count, kind, name) for name in names}


def _count(kind: str, name: str, archive: dict[str, Any]) -> str:
    return f"{archive[kind].get(name, 0):,}"


def main() -> int:
    """Measure, print, and write the page; 1 where a message was lost or something was said on stderr."""
    parser = argparse.ArgumentParser(description="Two archives of real mail through fyke classify.")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="where they are")
    options = parser.parse_args()
    archives = []
    for name, title in ARCHIVES.items():
        figures = Figures(title, through_the_command(options.data / name))
        read_again(options.data / name, figures)
        archives.append(figures.summary())
    where = machine()
    text = page(archives, where)
    PAGE.write_text(text, encoding="utf-8")
    print(text)
    print(json.dumps({"archives": archives, "machine": where}))
    return int(any(one["lines"] != one["messages"] or one["stderr"] or one["status"] == 2 for one in archives))


if __name__ == "__main__":
    sys.exit(main())
