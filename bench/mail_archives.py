"""Two archives of real mail through `fyke classify`: what had to be mended, and how long a message takes.

    python -m bench.mail_archives [--data DIR]

The archives are SpamAssassin's public corpus and J. Nazario's phishing, 2015 to 2020, as they came. Each goes through
the command line once, which must say nothing on stderr; then each message is read again in this process, with a clock.
Prints the tables, writes them to docs/mail-archives.md, and ends with one line of JSON.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
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
    """`fyke classify` over an archive: exit status, lines, bytes on stderr, seconds."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "fyke", "classify", "--json", str(archive)], capture_output=True)  # noqa: S603
    seconds = time.perf_counter() - started
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        "status": done.returncode,
        "lines": len(rows),
        "stderr": len(done.stderr),
        "seconds": round(seconds, 2),
        "phishing": sum(row["prediction"] == "Phishing Email" for row in rows),
    }


def read_again(archive: Path, figures: Figures) -> None:
    """Read each message with a clock; what is timed is bytes to `Message`, without unpacking and without the model."""
    limits = Limits()
    told: list[str] = []
    for source in sources([archive], limit=limits.bytes, trouble=told.append):
        started = time.perf_counter()
        message = read_source(source, limits)
        figures.milliseconds.append((time.perf_counter() - started) * 1000)
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
    titles = [one["title"] for one in archives]

    def table(head: str, rows: dict[str, list[str]]) -> list[str]:
        lines = [f"| {head} | {' | '.join(titles)} |", "| --- |" + " ---: |" * len(titles)]
        return [*lines, *(f"| {name} | {' | '.join(values)} |" for name, values in rows.items()), ""]

    def each(show: Any) -> list[str]:
        return [show(one) for one in archives]

    def counted(kind: str) -> dict[str, list[str]]:
        names = sorted(
            {name for one in archives for name in one[kind]}, key=lambda name: (-_all(archives, kind, name), name)
        )
        return {
            f"`{name}`" if kind != "cut" else name: each(lambda one, name=name: f"{one[kind].get(name, 0):,}")
            for name in names
        }

    lines = ["# Real mail through the reader", ""]
    lines += [
        "Measured by `python -m bench.mail_archives` on "
        + where["cpu"]
        + f", one core, Python {where['python']}. The archives "
        "are not part of the project; what they are, and their terms: README.",
        "",
    ]
    lines += ["`fyke classify --json ARCHIVE`, the whole command with its start, unpacking and the model:", ""]
    lines += table(
        "",
        {
            "messages in the archive": each(lambda one: f"{one['messages']:,}"),
            "verdict lines": each(lambda one: f"{one['lines']:,}"),
            "bytes on stderr": each(lambda one: f"{one['stderr']:,}"),
            "exit status (1: phishing was found)": each(lambda one: str(one["status"])),
            "seconds": each(lambda one: f"{one['seconds']:.1f}"),
        },
    )
    lines += ["Reading alone, bytes to `Message`, in milliseconds for a message:", ""]
    lines += table(
        "",
        {
            "median": each(lambda one: f"{one['ms']['median']:.2f}"),
            "p99": each(lambda one: f"{one['ms']['p99']:.2f}"),
            "worst": each(lambda one: f"{one['ms']['worst']:.1f}"),
            "size of the worst, bytes": each(lambda one: f"{one['worst_bytes']:,}"),
            "size of the largest, bytes": each(lambda one: f"{one['largest']:,}"),
        },
    )
    lines += ["Messages that needed a repair; `docs/mail.md` says what each means:", ""]
    lines += table("repair", {"any": each(lambda one: f"{one['mended']:,}"), **counted("repairs")})
    lines += ["Messages of which a limit cut something:", ""]
    lines += table("cut", counted("cut")) if any(one["cut"] for one in archives) else ["None.", ""]
    lines += ["Messages with a sign, no server trusted; a sign is a fact and no verdict:", ""]
    lines += table("sign", counted("signs"))
    return "\n".join(lines).rstrip() + "\n"


def _all(archives: list[dict[str, Any]], kind: str, name: str) -> int:
    return sum(one[kind].get(name, 0) for one in archives)


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
