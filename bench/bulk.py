"""``fyke score`` over a large table: with one process and with two, and what memory it takes."""

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl

from bench.checking import EXACT, Oracle, WrongAnswer
from bench.contestants import family, resident
from bench.workloads import Texts
from fyke.model.corpus import TEXT_COLUMN

ROWS, WORDS = 100_000, 30
CHECKED = 1_000
_LONGEST = 600.0
_POLL_SECONDS = 0.02


def measure(root: Path, model: Path, texts: Texts, oracle: Oracle, *, quick: bool) -> dict[str, Any]:
    """Medians of the seconds of whole commands without a cache, start included; peak memory over all processes.

    Raises:
        WrongAnswer: a probability differs from scikit-learn's by more than 1e-9.
        RuntimeError: the command failed.
    """
    directory = root / "bulk"
    directory.mkdir()
    short = [" ".join(text.split()[:WORDS]) for text in texts.zipf]
    table = [texts.speller(number) + short[number % len(short)] for number in range(ROWS)]
    sizes = {}
    for size in (CHECKED, ROWS // 5, ROWS):
        sizes[size] = directory / f"{size}.csv"
        pl.DataFrame({TEXT_COLUMN: table[:size]}).write_csv(sizes[size])
    _check(sizes[CHECKED], model, oracle, table[:CHECKED])
    took: dict[int, list[float]] = {1: [], 2: []}
    peak: dict[int, int] = {}
    for _ in range(1 if quick else 3):
        for workers in took:
            seconds, peak[workers] = _score(sizes[ROWS], model, workers)
            took[workers].append(seconds)
    return {
        "rows": ROWS,
        "seconds": {str(workers): round(statistics.median(some), 3) for workers, some in took.items()},
        "peak": {str(workers): bytes_ for workers, bytes_ in peak.items()},
        "peak_of_a_fifth": _score(sizes[ROWS // 5], model, 1)[1],
    }


def _check(source: Path, model: Path, oracle: Oracle, texts: list[str]) -> None:
    _score(source, model, 2)
    scored = pl.read_csv(source.with_suffix(".out.csv")).select("prediction", "probability").rows()
    for (label, probability), right in zip(scored, oracle(texts), strict=True):
        if label != right[0] or abs(probability - right[1]) > EXACT:
            raise WrongAnswer(f"fyke score: {label} {probability} instead of {right}")


def _score(source: Path, model: Path, workers: int) -> tuple[float, int]:
    """Seconds that the command took, and the most bytes that its processes had in memory together."""
    command = [sys.executable, "-m", "fyke", "score", str(source), "--output", str(source.with_suffix(".out.csv"))]
    command += ["--model", str(model), "--cache-url", "none://", "--workers", str(workers), "--force"]
    begun = time.perf_counter()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603
    most = 0
    try:
        while running.poll() is None and time.perf_counter() - begun < _LONGEST:
            most = max(most, sum(resident(pid) for pid in family(running.pid)))
            time.sleep(_POLL_SECONDS)
        took = time.perf_counter() - begun
    finally:
        if running.poll() is None:
            running.kill()
        _, said = running.communicate()
    if running.returncode:
        raise RuntimeError(f"fyke score failed: {said.decode()}")
    return took, most
