"""How long it takes to start: a server until it is ready, and ``fyke --help`` until it has answered."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.contestants import prepared


def start_seconds(name: str, times: int, root: Path, pipeline: Path, model: Path) -> float:
    """The median time from the start of the process to its first answer; its Redis is up already."""
    took = []
    for number in range(times):
        directory = root / f"start-{name}-{number}".replace(" ", "-")
        with prepared(name, 1, directory, pipeline, model) as start:
            begun = time.perf_counter()
            start()
            took.append(time.perf_counter() - begun)
    return statistics.median(took)


def help_seconds(times: int) -> float:
    """The median time of ``fyke --help``."""
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "fyke", "--help"], stdout=subprocess.DEVNULL, check=True)
        took.append(time.perf_counter() - begun)
    return statistics.median(took)
