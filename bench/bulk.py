"""``fyke score`` over a large table: with one process and with two, and what memory it takes."""

import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import polars as pl

from bench.checking import EXACT, Oracle, WrongAnswer
from bench.contestants import family, resident
from bench.workloads import Texts
from fyke.model.corpus import TEXT_COLUMN

ROWS, WORDS = 100_000, 30
PART = 4  # of the rows, for the memory that fewer take
CHECKED = 1_000
_POLL_SECONDS = 0.1


def measure(root: Path, model: Path, texts: Texts, oracle: Oracle, *, quick: bool) -> dict[str, Any]:
    """Medians of the seconds of whole commands without a cache, start included, and of their memory at its peak.

    Raises:
        WrongAnswer: a probability differs from scikit-learn's by more than 1e-9.
        RuntimeError: the command failed.
    """
    directory = root / "bulk"
    directory.mkdir()
    short = [" ".join(text.split()[:WORDS]) for text in texts.zipf]
    table = [texts.speller(number) + short[number % len(short)] for number in range(ROWS)]
    sizes = {}
    for size in (CHECKED, ROWS // PART, ROWS):
        sizes[size] = directory / f"{size}.csv"
        pl.DataFrame({TEXT_COLUMN: table[:size]}).write_csv(sizes[size])
    _check(sizes[CHECKED], model, oracle, table[:CHECKED])
    runs: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for _ in range(1 if quick else 3):
        for workers, rows in ((1, ROWS), (2, ROWS), (1, ROWS // PART), (2, ROWS // PART)):
            runs.setdefault((workers, rows), []).append(_score(sizes[rows], model, workers))
    middle = {key: [statistics.median(each) for each in zip(*some, strict=True)] for key, some in runs.items()}
    return {
        "rows": ROWS,
        "seconds": {str(workers): round(middle[workers, ROWS][0], 3) for workers in (1, 2)},
        "peak": {str(workers): middle[workers, ROWS][1] for workers in (1, 2)},
        "peak_of_a_part": {str(workers): middle[workers, ROWS // PART][1] for workers in (1, 2)},
    }


def _check(source: Path, model: Path, oracle: Oracle, texts: list[str]) -> None:
    _score(source, model, 2)
    scored = pl.read_csv(source.with_suffix(".out.csv")).select("prediction", "probability").rows()
    for (label, probability), right in zip(scored, oracle(texts), strict=True):
        if label != right[0] or abs(probability - right[1]) > EXACT:
            raise WrongAnswer(f"fyke score: {label} {probability} instead of {right}")


def _score(source: Path, model: Path, workers: int) -> tuple[float, int]:
    """Seconds that the command took, and the most bytes that each of its processes ever had in memory, summed.

    The system keeps the peak of each process (VmHWM), so that none is missed between two looks.
    """
    command = [sys.executable, "-m", "fyke", "score", str(source), "--output", str(source.with_suffix(".out.csv"))]
    command += ["--model", str(model), "--cache-url", "none://", "--workers", str(workers), "--force"]
    begun = time.perf_counter()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603
    peaks: dict[int, int] = {}
    over = threading.Event()

    def look() -> None:  # seldom, since it takes time from two that have the two cores
        while not over.wait(_POLL_SECONDS):
            for pid in family(running.pid):
                peaks[pid] = max(peaks.get(pid, 0), resident(pid, "VmHWM"))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        took = time.perf_counter() - begun
    finally:
        over.set()
        looking.join()
        if running.poll() is None:
            running.kill()
        _, said = running.communicate()
    if running.returncode:
        raise RuntimeError(f"fyke score failed: {said.decode()}")
    return took, sum(peaks.values())
