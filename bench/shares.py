"""Where the processor's time goes under load: ``python -m bench.shares`` writes its part of docs/benchmarks.md.

    python -m bench.shares [--seconds N] [--data DIRECTORY]

For each case `fyke serve` is loaded as by `bench.serving`, and two things are measured, in runs of their own: the
processor time that a text takes in each process (proc(5)), and where the event loop's thread of a worker spends its
time, by py-spy, which is to be installed (`pip install py-spy`); it slows what it looks at, so that shares are to be
trusted and rates are not.
"""

import argparse
import collections
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from bench import pages
from bench.contestants import OFF, ON_MEMORY, ON_REDIS, Contestant, family, running
from bench.generator import Generator, Run
from bench.machine import ROOT, machine
from bench.serving import Bench
from bench.workloads import WORKLOADS

PAGE, COMMAND = ROOT / "docs" / "benchmarks.md", "python -m bench.shares"
CASES = (
    (ON_MEMORY, 1, "hits"),
    (ON_REDIS, 1, "hits"),
    (ON_MEMORY, 1, "misses"),
    (ON_MEMORY, 2, "misses"),
    (OFF, 2, "misses"),
    (ON_MEMORY, 1, "batches"),
)
RATE = 250  # samples a second
# The innermost frame that matches says what a sample is counted as.
LAYERS = (
    ("text to canonical bytes", r"canonical|vocabulary\.py|tokens\.py"),
    ("the model", r"predict_canonical|_log_odds"),
    ("entries and seals", r"cache/entry\.py|Tiers\.(make|admit|_write|_open)|_computed|first_words|cache/memory\.py"),
    ("Redis: writing, reading, waking", r"cache/(exchange|redis|reach)\.py|redis/|Tiers\."),
    ("keys, flights, the predictor", r"fyke/predictor|cache/keys\.py"),
    ("the answer: text and headers", r"replies\.py|caching\.py|Wire\._reply|policing\.py"),
    ("the answer: the system's write", r"Wire\._write|RequestResponseCycle\.send"),
    ("the body: JSON, digest, known or not", r"service/lane\.py|_texts \(fyke/service/batches\.py"),
    ("the connection", r"service/(wire|doors)\.py|uvicorn/protocols"),
    ("the framework and its middleware", r"fastapi|starlette|fyke/service"),
    ("the event loop, and the system's calls under it", r"."),
)


def processes(contestant: Contestant) -> dict[str, list[int]]:
    """The processes of a contestant by what they are."""
    found = {"Fyke": family(contestant.server.pid)}
    if contestant.redis_port:
        with redis.Redis(port=contestant.redis_port) as client:
            found["Redis"] = [client.info("server")["process_id"]]
    return found


def busy(pids: list[int]) -> float:
    """Seconds of processor time that processes have had."""
    fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids)
    return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


def layer(stack: str) -> str:
    """What a sample is counted as."""
    for frame in reversed(stack.split(";")):
        for name, pattern in LAYERS[:-1]:
            if re.search(pattern, frame):
                return name
    return LAYERS[-1][0]


def shares(raw: Path) -> dict[str, float]:
    """The share of each layer in the samples of the event loop's thread, in per cent, largest first."""
    counts: collections.Counter[str] = collections.Counter()
    for line in raw.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        if "_bootstrap_inner" not in stack:  # another thread
            counts[layer(stack)] += int(count)
    return {name: 100 * count / counts.total() for name, count in counts.most_common()}


class Case:
    """A contestant under a load."""

    def __init__(self, contestant: Contestant, kind: str, generator: Generator, numbers: Iterator[int], seconds: int):
        self._contestant = contestant
        self._workload = WORKLOADS[kind]
        self._generator = generator
        self._numbers = numbers
        self._seconds = seconds

    def run(self, seconds: float) -> Run:
        """Load it."""
        url = self._contestant.url + self._workload.path
        first = next(self._numbers)
        return self._generator.run(url, self._workload, connections=16, seconds=seconds, first=first, count=1)

    def spent(self) -> dict[str, float]:
        """Microseconds of processor time for a text, in each kind of process; and texts a second."""
        self.run(1)
        own = processes(self._contestant)
        before = {name: busy(pids) for name, pids in own.items()}
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = self.run(self._seconds)
        texts = run.requests * self._workload.texts
        spent = {name: (busy(pids) - before[name]) / texts * 1e6 for name, pids in own.items()}
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        load = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
        return spent | {"wrk": load / texts * 1e6, "rate": texts / run.seconds}

    def sampled(self, spy: str, raw: Path) -> dict[str, float]:
        """Shares of the layers, of the worker that is busiest."""
        pids = family(self._contestant.server.pid)
        before = {pid: busy([pid]) for pid in pids}
        self.run(1)
        worker = max(pids, key=lambda pid: busy([pid]) - before[pid])
        command = [spy, "record", "-r", str(RATE), "-d", str(self._seconds - 1), "-f", "raw", "-o", str(raw)]
        with subprocess.Popen([*command, "--pid", str(worker)], stdout=-3, stderr=-3) as looking:  # noqa: S603
            self.run(self._seconds)
            if looking.wait():
                raise RuntimeError("py-spy failed; it needs the right to trace processes")
        return shares(raw)


def page(cases: list[tuple[str, dict[str, float], dict[str, float]]], seconds: int) -> str:
    """The tables."""
    where = machine()
    lines = [
        f"{where['cpu']}, {where['cores']} cores; commit {where['commit']}; {seconds} s a case, 16 connections.",
        "",
        "Microseconds of processor time for a text, in all processes of a kind, and what two cores would do at most.",
        "",
        "| case | Fyke | Redis | wrk | together | texts/s | 2 cores / together |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, spent, _ in cases:
        parts = [spent.get(one, 0.0) for one in ("Fyke", "Redis", "wrk")]
        numbers = [
            *(f"{part:.1f}" for part in (*parts, sum(parts))),
            f"{spent['rate']:,.0f}",
            f"{2e6 / sum(parts):,.0f}",
        ]
        lines.append(f"| {name} | {' | '.join(numbers)} |")
    lines += ["", "Shares of the event loop's thread of one worker while it is at work, in per cent.", ""]
    lines += ["| layer | " + " | ".join(name for name, *_ in cases) + " |", "| --- |" + " --- |" * len(cases)]
    for what, _ in LAYERS:
        lines.append(f"| {what} | " + " | ".join(f"{found.get(what, 0.0):.0f}" for *_, found in cases) + " |")
    return "\n".join(lines)


def main() -> int:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(prog="python -m bench.shares", description="Where the processor's time goes.")
    parser.add_argument("--seconds", type=int, default=5, help="of each run")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="where the corpora are")
    options = parser.parse_args()
    spy = shutil.which("py-spy")
    if spy is None:
        print("py-spy is not installed: pip install py-spy", file=sys.stderr)
        return 2
    found = []
    with tempfile.TemporaryDirectory(prefix="fyke-shares-") as name:
        root = Path(name)
        bench = Bench(root, options)
        numbers = iter(range(10_000_000, 90_000_000, 1_000_000))
        for number, (server, workers, kind) in enumerate(CASES):
            with running(server, workers, root / str(number), root / "naive.npz", root / "model") as up:
                case = Case(up, kind, bench.generator, numbers, options.seconds)
                title = f"{server}: {kind}" + (f", {workers} workers" if workers > 1 else "")
                if kind == "hits":
                    case.run(1)
                    time.sleep(0.1)  # until it is written
                found.append((title, case.spent(), case.sampled(spy, root / "raw")))
                print(*found[-1], flush=True)
    text = page(found, options.seconds)
    print(text)
    pages.put(PAGE, COMMAND, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
