"""Half an hour of mixed load with a fault every two minutes: ``python -m bench.soak`` writes into docs/operations.md.

``fyke serve --workers 2`` over a redis-server, 120 requests a second in an open loop: texts that come again, a Zipf
mixture, new ones, batches, messages, explanations and garbage. In turn Redis is killed and started again, a worker is
killed, the model is swapped and put back, and garbage is sent. The exit status is 1 when a request failed that was not
in flight in a killed worker, an answer was 500 or more, a fault was not over in time, or memory grew.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from bench.asks import Oracle, Texts, mixed
from bench.machine import ROOT, machine
from bench.mixed import Client, Shot, Traffic
from bench.pages import put
from bench.processes import children, resident, workers
from bench.servers import HOST, FykeServer, RedisServer
from bench.soak_faults import FAULTS, Rig, train
from bench.words import known_words
from fyke.model.directory import SHIPPED, load_model

PAGE = ROOT / "docs" / "operations.md"
GROWTH = 1.10  # of memory, at most
NOBODY = "none"
MIB = 2**20
SETTINGS = {
    "FYKE_CACHE_SECRET": "the bench's own, and long enough",
    "FYKE_CACHE_TTL": "300",
    "FYKE_CACHE_MEMORY_ENTRIES": "10000",  # full within minutes, so that growth after that is a leak
}


@dataclass
class Watched:
    """What is seen while the load runs. Times are seconds since its start."""

    began: float
    memory: list[tuple[float, int, int]] = field(default_factory=list)  # when, the service's bytes, Redis' bytes
    faults: list[tuple[str, float, str, bool]] = field(default_factory=list)  # name, when, what was seen, over in time


async def soak(seconds: float, every: float, rate: float) -> dict[str, Any]:
    """Servers up, load and faults, servers down; the figures."""
    with tempfile.TemporaryDirectory(prefix="fyke-soak-") as name, ExitStack() as stack:
        room = Path(name)
        second, followed = room / "second", room / "model"
        train(second)
        shutil.copytree(SHIPPED, followed, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        models = [load_model(SHIPPED).classifier, load_model(second).classifier]
        service, server = FykeServer(room), RedisServer(room)
        stack.callback(service.stop)
        stack.callback(server.kill)
        server.spawn_redis()
        await server.wait_until_ready()
        url = f"redis://{HOST}:{server.port}/0"
        service.spawn_fyke(FYKE_WORKERS="2", FYKE_MODEL=str(followed), FYKE_CACHE_URL=url, **SETTINGS)
        await service.wait_until_ready()
        while len(workers(service.pid)) < 2:  # noqa: ASYNC110 - nobody minds
            await asyncio.sleep(0.1)
        ids = {"first": models[0].id, "second": models[1].id}
        rig = Rig(service, server, followed, ids, hold=min(20.0, every / 6))
        asked = mixed(Texts(known_words(models[0])), Oracle(models), random.Random(1))  # noqa: S311
        gc.freeze()
        shots, watched = await _run(rig, Traffic([Client(service.port)], asked, rate), seconds, every)
        figures = summary(shots, watched, rig, seconds, rate)
        said = service.said()
        figures["tracebacks"] = said.count("Traceback")
        if complaints(figures, every):
            print(said[-6000:], file=sys.stderr)
        return figures


async def _run(rig: Rig, traffic: Traffic, seconds: float, every: float) -> tuple[list[Shot], Watched]:
    await traffic.start()
    watched = Watched(time.perf_counter())
    watching = asyncio.create_task(_watch(rig, watched, seconds / 360))
    for number, due in enumerate(_moments(seconds, every)):
        await asyncio.sleep(max(0.0, watched.began + due - time.perf_counter()))
        name = list(FAULTS)[number % len(FAULTS)]
        at = time.perf_counter() - watched.began
        try:
            seen, over = await FAULTS[name](rig), True
        except Exception as error:
            seen, over = f"{type(error).__name__}: {error}", False
        watched.faults.append((name, at, seen, over))
        print(f"{at:7.1f} s  {name}: {seen}", file=sys.stderr, flush=True)
    await asyncio.sleep(max(0.0, watched.began + seconds - time.perf_counter()))
    await traffic.stop()
    watching.cancel()
    return traffic.shots, watched


def _moments(seconds: float, every: float) -> list[float]:
    """When a fault begins: none at the very end."""
    return [every * number for number in range(1, int(seconds / every) + 1) if every * number < seconds - every / 2]


async def _watch(rig: Rig, watched: Watched, period: float) -> None:
    while True:
        service = resident(rig.service.pid) + sum(map(resident, children(rig.service.pid)))
        watched.memory.append((time.perf_counter() - watched.began, service, resident(rig.redis.pid)))
        await asyncio.sleep(period)


def summary(shots: list[Shot], watched: Watched, rig: Rig, seconds: float, rate: float) -> dict[str, Any]:
    """The figures. A request belongs to the fault that began last before it left."""
    starts = [(0.0, NOBODY), *((at, name) for name, at, _, _ in watched.faults)]
    by: dict[str, dict[str, Any]] = {
        name: {"times": 0, "requests": 0, "failed": 0, "lost": 0, "reconnects": 0, "p50": [], "p99": []}
        for name in (NOBODY, *FAULTS)
    }
    for name, *_ in watched.faults:
        by[name]["times"] += 1
    latencies: dict[str, list[float]] = {name: [] for name in by}
    for shot in shots:
        name = [one for at, one in starts if watched.began + at <= shot.due + shot.late or one == NOBODY][-1]
        lost = any(shot.sent <= at <= shot.broken for at in rig.killed)
        by[name]["requests"] += 1
        by[name]["lost"] += lost
        by[name]["reconnects"] += bool(shot.broken) and not lost
        by[name]["failed"] += not shot.right
        latencies[name].append(shot.seconds)
    for name, some in latencies.items():
        by[name]["p50"], by[name]["p99"] = _quantile(some, 0.5), _quantile(some, 0.99)
    cached = [shot for shot in shots if shot.tier]
    kinds = {
        kind: round(sum(shot.tier != "miss" for shot in cached if shot.kind == kind) / count, 3)
        for kind, count in sorted(Counter(shot.kind for shot in cached).items())
    }
    return {
        "seconds": seconds,
        "rate": rate,
        "requests": len(shots),
        "statuses": {str(status): count for status, count in sorted(Counter(one.status for one in shots).items())},
        "wrong": Counter(f"{one.kind} {one.status}" for one in shots if not one.right),
        "by_fault": by,
        "hits": kinds,
        "late_ms": round(1000 * max(shot.late for shot in shots), 1),
        "memory": [(round(at), _mib(service), _mib(redis)) for at, service, redis in watched.memory],
        "faults": [
            {"fault": name, "at_s": round(at), "seen": seen, "over": over} for name, at, seen, over in watched.faults
        ],
    }


def rounds(figures: dict[str, Any], every: float) -> list[tuple[float, float, float, float]]:
    """Memory of the service: minutes from and to, median and peak in MiB, for each round of all faults after the first.

    A round begins with the same fault as the others, so that like is compared with like; the last ends with the load.
    """
    long, seconds = len(FAULTS) * every, figures["seconds"]
    starts = [every + long * number for number in range(1, int(seconds / long) + 1)]
    starts = [start for start in starts if start + long <= seconds]
    if starts and starts[-1] + long < seconds:
        starts.append(seconds - long)
    found = []
    for start in starts:
        held = [service for at, service, _ in figures["memory"] if start <= at < start + long]
        found.append((start / 60, (start + long) / 60, round(statistics.median(held), 1), max(held)))
    return found


def _mib(count: int) -> float:
    return round(count / MIB, 1)


def _quantile(seconds: list[float], share: float) -> float:
    ranked = sorted(seconds)
    return round(1000 * ranked[int(share * (len(ranked) - 1))], 1) if ranked else 0.0


def complaints(figures: dict[str, Any], every: float) -> list[str]:
    """What is not as it should be."""
    said = [
        f"{fault['fault']} at {fault['at_s']} s: {fault['seen']}" for fault in figures["faults"] if not fault["over"]
    ]
    said += [f"{kind}: {count} wrong answers" for kind, count in figures["wrong"].items()]
    said += [f"{count} answers of {status}" for status, count in figures["statuses"].items() if int(status) >= 500]
    strange = {name: by["reconnects"] for name, by in figures["by_fault"].items() if name != "worker killed"}
    said += [f"{name}: {count} connections were lost" for name, count in strange.items() if count]
    held = [median for _, _, median, _ in rounds(figures, every)]
    if held and held[-1] > GROWTH * held[0]:
        said.append(f"memory grew from {held[0]} to {held[-1]} MiB")
    if figures["tracebacks"]:
        said.append(f"{figures['tracebacks']} tracebacks in the log")
    if figures["requests"] < 0.99 * figures["rate"] * figures["seconds"]:
        said.append(f"only {figures['requests']:,} requests were answered")
    return said


def text(figures: dict[str, Any], every: float, where: dict[str, Any]) -> str:
    """The figures as Markdown."""
    held = "\n".join(
        f"| {one:.0f} to {to:.0f} | {median} | {peak} |" for one, to, median, peak in rounds(figures, every)
    )
    redis = max(redis for _, _, redis in figures["memory"])
    rows = "\n".join(_row(name, by) for name, by in figures["by_fault"].items())
    seen = "\n".join(
        f"| {one['at_s'] // 60}:{one['at_s'] % 60:02} | {one['fault']} | {one['seen']} |" for one in figures["faults"]
    )
    hits = ", ".join(f"{kind} {share:.1%}" for kind, share in figures["hits"].items())
    answers = ", ".join(f"{count:,} of {status}" for status, count in figures["statuses"].items())
    minutes = figures["seconds"] / 60
    return f"""{figures["requests"]:,} requests in {minutes:.0f} minutes, {figures["rate"]:.0f} a second: {answers}. \
Hits: {hits}.

| since | times | requests | wrong or missing | in flight in the killed worker | reconnects | p50 ms | p99 ms |
| --- | --: | --: | --: | --: | --: | --: | --: |
{rows}

Memory of the service, parent and workers together, over each round of the four faults after the first; Redis took \
{redis} MiB at most:

| minutes | median MiB | peak MiB |
| --- | --: | --: |
{held}

| at | fault | seen |
| --- | --- | --- |
{seen}

Measured on {where["cpu"]}, {where["cores"]} cores, shared by all of it, Python {where["python"]}, redis-server \
{where["redis_server"]}, commit `{where["commit"]}`."""


def _row(name: str, by: dict[str, Any]) -> str:
    called = "the start" if name == NOBODY else name
    numbers = [
        by["times"] or "",
        f"{by['requests']:,}",
        by["failed"],
        by["lost"],
        by["reconnects"],
        by["p50"],
        by["p99"],
    ]
    return "| " + " | ".join(map(str, [called, *numbers])) + " |"


def main() -> int:
    """Read the arguments, soak, report."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="A soak with faults.")
    parser.add_argument("--seconds", type=float, default=1800, help="how long; a shorter one writes no report")
    parser.add_argument("--every", type=float, default=120, help="seconds from fault to fault")
    parser.add_argument("--rate", type=float, default=120, help="requests a second")
    options = parser.parse_args()
    if shutil.which("redis-server") is None or not os.path.isdir("/proc"):
        print("It needs Linux and redis-server; on Debian and Ubuntu: apt install redis-server", file=sys.stderr)
        return 2
    where = machine()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(soak(options.seconds, options.every, options.rate))
    report = text(figures, options.every, where)
    print(report)
    if options.seconds >= 1800:
        put(PAGE, "make soak", report)
    said = complaints(figures, options.every)
    print(*said, sep="\n", file=sys.stderr, end="\n" if said else "")
    print(json.dumps({"machine": where, **figures}))
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
