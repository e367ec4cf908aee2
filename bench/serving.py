"""Everything side by side: ``python -m bench.serving`` (``make bench``) writes docs/benchmarks.md.

The tutorial's design, Fyke in several settings, and a bare ASGI application are all up at the same time, on loopback;
one is asked at a time. In each round every cell (a server, a workload, a number of connections) has its turn, in an
order of the round's own; the figures are medians over the rounds. Nothing is pinned: the load generator shares the
cores with the servers. All answers are compared before anything is timed: with
scikit-learn's, or, of the model that comes with Fyke, with its own in this process. The last line is JSON.

The exit status is 1, and no report is written, when an answer was wrong, a request failed, or what
should be kept was not.
"""

import argparse
import importlib.metadata
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from bench import bulk, report
from bench.cells import Cell, chosen
from bench.checking import WrongAnswer, check
from bench.contestants import NAIVE, SHIPPED, Contestant, running
from bench.generator import Generator, Run
from bench.machine import ROOT, SAMPLE, machine
from bench.naive import save_pipeline
from bench.starting import help_seconds, start_seconds
from bench.workloads import FIRST_RUN, RUN_STRIDE, WORKLOADS, Oracle, Texts, choose, write_files
from fyke.model.classifier import verdict
from fyke.model.corpus import read_corpus
from fyke.model.directory import SHIPPED as SHIPPED_MODEL
from fyke.model.directory import load_model

WARM_SECONDS, WARM_DRAWS = 1, 500
CORPUS = "kaggle_phishing_email_rebuilt.csv.gz"


class Bench:
    """A run of it all, with files below ``root``."""

    def __init__(self, root: Path, options: argparse.Namespace):
        self._options = options
        self._root = root
        self._pipeline = root / "naive.npz"
        self._model = root / "model"
        self._numbers = iter(range(FIRST_RUN, 10**10, RUN_STRIDE))
        table = options.data / CORPUS
        self.table = table if table.is_file() else SAMPLE
        say(f"training on {self.table}" + ("" if table.is_file() else f": there is no {table}"))
        command = [sys.executable, "-m", "fyke", "train", str(self.table), "--output", str(self._model)]
        command += ["--recipe", "baseline"]  # as naive
        training = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            corpus = read_corpus([self.table])
            self._oracle = Oracle(corpus)
            save_pipeline(self._pipeline, self._oracle.pipeline)
            self.shipped = load_model(SHIPPED_MODEL)
            self.texts: Texts = choose(corpus, filter(self.shipped.classifier.canonical, self._oracle.terms))
            if training.wait(600):
                raise RuntimeError("fyke train failed")
        finally:
            if training.poll() is None:
                training.kill()
        write_files(root / "files", self.texts)
        self.generator = Generator(root / "files")

    def starts(self) -> dict[str, Any]:
        """Seconds until the servers answer, and until ``fyke --help`` has."""
        say("start times")
        times = 3 if self._options.quick else 5
        paths = self._root, self._pipeline, self._model
        starts = {name: start_seconds(name, times, *paths) for name in (NAIVE, SHIPPED)}
        return {"start_seconds": starts, "help_seconds": help_seconds(times)}

    def race(self) -> dict[str, Any]:
        """Start everything, check it, and let every cell have its turn in every round."""
        planned = chosen(self._options.only)
        with ExitStack() as stack:
            up: dict[tuple[str, int], Contestant] = {}
            for name, workers in dict.fromkeys(cell[:2] for cell in planned):
                directory = self._root / f"{name}-{workers}".replace(" ", "-")
                server = running(name, workers, directory, self._pipeline, self._model)
                up[name, workers] = stack.enter_context(server)
            compared = sum(self._check(one) for one in up.values())
            cells = [Cell(up[name, workers], WORKLOADS[kind], at) for name, workers, kind, at in planned]
            memory = self._warm(up)
            for number in range(self._options.rounds):
                order = random.Random(number).sample(cells, len(cells))  # noqa: S311 - an order
                for cell in order:
                    self._turn(cell)
                say(f"round {number + 1} of {self._options.rounds} is over")
            grown = {name: one.resident() for (name, workers), one in up.items() if workers == 1}
        complaints = [said for cell in cells for said in cell.complaints()]
        figures = [cell.figures() for cell in cells]
        return {
            "compared": compared, "cells": figures, "complaints": complaints,
            "resident": memory, "resident_at_the_end": grown,
        }  # fmt: skip

    def bulk(self) -> dict[str, Any]:
        """What ``fyke score`` takes."""
        say("fyke score")
        return bulk.measure(self._root, self._model, self.texts, self._oracle.answers, quick=self._options.quick)

    def steps(self) -> dict[str, Any]:
        """The costs of single steps, measured in a process of their own."""
        say("single steps")
        command = [sys.executable, "-m", "bench.steps", "--model", str(self._model)]
        command += ["--texts", str(self._root / "files")]
        command += ["--quick"] if self._options.quick else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600, cwd=ROOT)  # noqa: S603
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures

    def _check(self, contestant: Contestant) -> int:
        say(f"checking {contestant.name}, {contestant.workers} worker{'s' * (contestant.workers > 1)}")
        if contestant.name != SHIPPED:
            return check(contestant, self.texts, self._oracle.answers)
        scores = self.shipped.classifier.predict_many  # at least its answers are what it says here
        return check(contestant, self.texts, lambda texts: [verdict(one) for one in scores(texts)])

    def _warm(self, up: dict[tuple[str, int], Contestant]) -> dict[str, int]:
        """A second of hits and one of misses for each server; then the resident memory of those with one worker."""
        say("warming up")
        for contestant in up.values():
            for kind in ("hits", "misses"):
                self._run(Cell(contestant, WORKLOADS[kind], 16), 1)
        return {name: one.resident() for (name, workers), one in up.items() if workers == 1}

    def _turn(self, cell: Cell) -> None:
        self._run(cell, WARM_SECONDS, draws=WARM_DRAWS)  # it has just been at something else
        before = cell.contestant.kept()
        cell.runs.append(self._run(cell, self._options.seconds))
        after = cell.contestant.kept()
        if before is not None and after is not None:
            kept, computed = after[0] - before[0], after[1] - before[1]
            cell.kept.append(kept / max(1, kept + computed))

    def _run(self, cell: Cell, seconds: float, draws: int | None = None) -> Run:
        url = cell.contestant.url + cell.workload.path
        run = self.generator.run(
            url, cell.workload, connections=cell.connections, seconds=seconds,
            first=next(self._numbers), count=draws or self._options.draws,
        )  # fmt: skip
        cell.contestant.settle()
        return run


def say(what: str) -> None:
    """Progress, on stderr, with the time."""
    print(time.strftime("%H:%M:%S"), what, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=__doc__)
    parser.add_argument("--rounds", type=int, help="5, or 1 with --quick")
    parser.add_argument("--seconds", type=float, help="of each run, whole ones; 2, or 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="short runs in one round; writes no report")
    parser.add_argument("--only", action="append", default=[], help="a server or a workload; writes no report")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help=f"where {CORPUS} is")
    parser.add_argument("--report", action="store_true", help="write the report in spite of --quick or --only")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 2)
    options.draws = 1_500 if options.quick else 5_000
    return options


def main() -> int:
    """Measure, print, and write the report."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is stopped
    if shutil.which("redis-server") is None:
        print("redis-server is not installed; on Debian and Ubuntu: apt install redis-server", file=sys.stderr)
        return 2
    with suppress(KeyboardInterrupt), tempfile.TemporaryDirectory(prefix="fyke-bench-") as root:
        where = machine()
        try:
            bench = Bench(Path(root), options)
            figures = bench.race()
            if not options.only:
                figures |= bench.starts() | bench.steps() | {"bulk": bench.bulk()}
        except WrongAnswer as error:
            print(error, file=sys.stderr)
            return 1
        how = {"rounds": options.rounds, "seconds": options.seconds, "zipf_draws": options.draws}
        how |= {"generator": bench.generator.name, "trained_on": bench.table.name}
        how |= {"shipped_recipe": bench.shipped.card.recipe}
        how |= {name: importlib.metadata.version(name) for name in ("fastapi", "scikit-learn")}
        figures = {"how": how, "machine": where} | figures
        print(report.text(figures))
        print(*figures["complaints"], sep="\n", file=sys.stderr)
        if not figures["complaints"] and (options.report or not (options.quick or options.only)):
            report.write(figures)
        print(json.dumps(figures))
        return 1 if figures["complaints"] else 0
    return 130


if __name__ == "__main__":
    sys.exit(main())
