"""The load generator: wrk, installed where that can be done, else a slower one in Python."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import ROOT
from bench.workloads import Workload

SCRIPT = ROOT / "bench" / "wrk.lua"
INSTALL = ["apt-get", "install", "-y", "--no-install-recommends", "wrk"]
TIMEOUT = 30  # seconds that an answer may take
LONGEST = 300  # seconds that a run which counts its requests may take


@dataclass(frozen=True)
class Run:
    """What one run measured. ``errors``: connections, timeouts, and answers that were not 2xx."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    errors: int


class Generator:
    """Closed-loop load from ``files``: each connection asks again as soon as it is answered."""

    def __init__(self, files: Path):
        self._files = files
        self._wrk = find_wrk()

    @property
    def name(self) -> str:
        """What the figures were taken with."""
        if self._wrk is None:
            return "bench.closed_loop (Python): the generator bounds the figures of fast servers; install wrk"
        said = subprocess.run([self._wrk, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
        return " ".join(said.stdout.split()[:2])

    def run(self, url: str, workload: Workload, *, connections: int, seconds: float, first: int, count: int) -> Run:
        """Ask for so long, or ``count`` requests where the workload has an end.

        ``first`` is the number of the first text that is never repeated.

        Raises:
            RuntimeError: the generator failed.
        """
        ends = workload.kind == "zipf"
        arguments = [str(self._files / workload.directory), workload.kind, str(first), str(count)]
        if self._wrk is None:
            command = [sys.executable, "-m", "bench.closed_loop", url, str(connections), str(seconds), *arguments]
        else:
            duration = LONGEST if ends else max(1, round(seconds))
            command = [self._wrk, "-t1", f"-c{connections}", f"-d{duration}s", f"--timeout={TIMEOUT}s"]
            command += ["--latency", "-s", str(SCRIPT), url, "--", *arguments]
        limit = LONGEST + TIMEOUT if ends else seconds + 2 * TIMEOUT
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=limit, cwd=ROOT
        )
        lines = done.stdout.strip().splitlines()
        if done.returncode or not lines or not lines[-1].startswith("{"):
            raise RuntimeError(f"the load generator failed: {done.stderr or done.stdout}")
        figures: dict[str, Any] = json.loads(lines[-1])
        return Run(**figures)


def find_wrk() -> str | None:
    """Where wrk is, after an attempt to install it on Debian and Ubuntu; None where it cannot be had."""
    found = shutil.which("wrk")
    if found or not shutil.which("apt-get"):
        return found
    may = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if may and not shutil.which("sudo"):
        return None
    for command in (["apt-get", "update"], INSTALL):
        print("wrk is not installed;", " ".join([*may, *command]), file=sys.stderr)
        if subprocess.run([*may, *command], capture_output=True, check=False).returncode:  # noqa: S603
            return shutil.which("wrk")
    return shutil.which("wrk")
