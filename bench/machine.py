"""Where a measurement was taken."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "data" / "sample_emails.csv"


def machine() -> dict[str, Any]:
    """Processor, cores, load, and the versions of what takes part; what cannot be found out is "unknown"."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "redis_server": _said("redis-server", "--version").partition("v=")[2].split(" ")[0] or "unknown",
        **{name.replace("-", "_"): importlib.metadata.version(name) for name in ("redis", "uvicorn", "uvloop")},
        "commit": _commit(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def _commit() -> str:
    commit = _said("git", "rev-parse", "--short=12", "HEAD") or "unknown"
    return commit + ("+changes" if _said("git", "status", "--porcelain", "--", "src", "bench") else "")


def _said(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)  # noqa: S603
    return done.stdout.strip() if done.returncode == 0 else ""
