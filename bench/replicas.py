"""Four services as replicas over a Redis Cluster, of which a primary is killed: ``python -m bench.replicas``.

The same Zipf load, from an empty cache, for one service over one Redis and for four over each kind of cluster. It
writes into docs/operations.md. The exit status is 1 when an answer was wrong or missing, or four services together hit
less often than one.
"""

import argparse
import asyncio
import gc
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from bench.asks import Oracle, Texts, zipf
from bench.machine import ROOT, machine
from bench.mixed import Client, Shot, Traffic
from bench.pages import put
from bench.servers import HOST, FykeServer, RedisServer, free_port
from bench.words import known_words
from fyke.model.directory import SHIPPED, load_model

PAGE = ROOT / "docs" / "operations.md"
REPLICAS = 4
NODE_MS = "2000"  # cluster-node-timeout
SHARED = {"FYKE_CACHE_SECRET": "the bench's own, and long enough"}
NEAR = 0.01  # of the hit rate, by which four may fall behind one


@dataclass(frozen=True)
class Setup:
    """What is measured. ``primaries`` 0 is one Redis without a cluster."""

    name: str
    services: int
    primaries: int = 0
    replicas: int = 0  # of each primary
    full_coverage: bool = True
    kill: bool = False


SETUPS = (
    Setup("one service, one Redis", 1),
    Setup("four, three primaries", REPLICAS, 3),
    Setup("four, each primary with a replica; one primary killed", REPLICAS, 3, replicas=1, kill=True),
    Setup("four, no replicas, `cluster-require-full-coverage no`; killed", REPLICAS, 3, full_coverage=False, kill=True),
    Setup("four, no replicas, Redis' defaults; killed", REPLICAS, 3, kill=True),
)


async def measure(setup: Setup, seconds: float, rate: float) -> dict[str, Any]:
    """Everything up, the load, a primary killed half-way, everything down; the figures."""
    with tempfile.TemporaryDirectory(prefix="fyke-replicas-") as name, ExitStack() as stack:
        room = Path(name)
        nodes = [RedisServer(_made(room / f"redis-{n}")) for n in range(max(1, setup.primaries * (1 + setup.replicas)))]
        url = await _redis(setup, nodes, stack)
        services = [FykeServer(_made(room / f"fyke-{n}")) for n in range(setup.services)]
        for service in services:
            stack.callback(service.stop)
            service.spawn_fyke(FYKE_CACHE_URL=url, **SHARED)
        for service in services:
            await service.wait_until_ready()
        model = load_model(SHIPPED).classifier
        asked = zipf(Texts(known_words(model)), Oracle([model]), random.Random(1))  # noqa: S311
        traffic = Traffic([Client(service.port) for service in services], asked, rate)
        gc.collect()
        await traffic.start()
        await asyncio.sleep(seconds / 2)
        half = time.perf_counter()
        if setup.kill:
            nodes[0].kill()
        await asyncio.sleep(seconds / 2)
        await traffic.stop()
        said = "".join(service.said() for service in services)
        return {"setup": setup.name, "tracebacks": said.count("Traceback"), **summary(traffic.shots, half)}


async def _redis(setup: Setup, nodes: list[RedisServer], stack: ExitStack) -> str:
    """Start it, or the cluster of which the primaries come first; its URL."""
    options: tuple[str, ...] = ()
    if setup.primaries:
        for node in nodes:
            node.port = _port()
        full = "yes" if setup.full_coverage else "no"
        options = (
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            NODE_MS,
            "--cluster-require-full-coverage",
            full,
        )
    for node in nodes:
        stack.callback(node.kill)
        node.spawn_redis(*options)
    for node in nodes:
        await node.wait_until_ready()
    hosts = [f"{HOST}:{node.port}" for node in nodes]
    if not setup.primaries:
        return f"redis://{hosts[0]}/0"
    create = ["redis-cli", "--cluster", "create", *hosts, "--cluster-replicas", str(setup.replicas), "--cluster-yes"]
    await asyncio.to_thread(subprocess.run, create, check=True, capture_output=True)
    for node in nodes:
        while b"cluster_state:ok" not in _said(node, "CLUSTER", "INFO"):  # noqa: ASYNC110 - nobody minds
            await asyncio.sleep(0.1)
    while any(b"master_link_status:down" in _said(node, "INFO", "replication") for node in nodes):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    return "redis+cluster://" + ",".join(hosts[: setup.primaries])


def _said(node: RedisServer, *command: str) -> bytes:
    asked = ["redis-cli", "-h", HOST, "-p", str(node.port), *command]
    return subprocess.run(asked, check=True, capture_output=True).stdout  # noqa: S603


def _port() -> int:
    """A free port, above which the one 10,000 further, for the nodes among themselves, is one."""
    while (port := free_port()) > 55_000:
        pass
    return port


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def summary(shots: list[Shot], half: float) -> dict[str, Any]:
    """The figures of the whole, and of both halves."""
    halves = [[one for one in shots if one.due < half], [one for one in shots if one.due >= half]]
    return {
        "requests": len(shots),
        "failed": sum(not one.right for one in shots),
        "reconnects": sum(bool(one.broken) for one in shots),
        "hits": round(_share(shots, "memory", "redis"), 4),
        "redis": [round(_share(some, "redis"), 4) for some in halves],
        "half": [round(_share(some, "memory", "redis"), 4) for some in halves],
        "p50_ms": [_quantile(some, 0.5) for some in halves],
        "p99_ms": [_quantile(some, 0.99) for some in halves],
        "worst_ms": [_quantile(some, 1.0) for some in halves],
        "late_ms": round(1000 * max(one.late for one in shots), 1),
    }


def _share(shots: list[Shot], *tiers: str) -> float:
    return sum(one.tier in tiers for one in shots) / max(1, len(shots))


def _quantile(shots: list[Shot], share: float) -> float:
    ranked = sorted(one.seconds for one in shots)
    return round(1000 * ranked[int(share * (len(ranked) - 1))], 1) if ranked else 0.0


def complaints(measured: list[dict[str, Any]]) -> list[str]:
    """What is not as it should be."""
    said = [f"{one['setup']}: {one['failed']} requests failed" for one in measured if one["failed"]]
    said += [f"{one['setup']}: {one['tracebacks']} tracebacks in the log" for one in measured if one["tracebacks"]]
    one, four = measured[0]["hits"], measured[1]["hits"]
    if four < one - NEAR:
        said.append(f"four services hit {four:.1%} of the time, one {one:.1%}")
    return said


def text(measured: list[dict[str, Any]], seconds: float, rate: float, where: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = "\n".join(map(_row, measured))
    return f"""{rate:.0f} requests a second for {seconds:.0f} s in all; "1st" and "2nd" are the halves of a run, \
between which the primary was killed where one was.

| setup | requests | failed | hits | hits 1st | hits 2nd | from Redis 1st | from Redis 2nd | p99 ms 1st | p99 ms 2nd |
| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |
{rows}

Measured on {where["cpu"]}, {where["cores"]} cores, shared by all of it, Python {where["python"]}, redis-server \
{where["redis_server"]}, `cluster-node-timeout {NODE_MS}`, commit `{where["commit"]}`."""


def _row(one: dict[str, Any]) -> str:
    shares = [f"{share:.1%}" for share in (one["hits"], *one["half"], *one["redis"])]
    return (
        "| "
        + " | ".join(map(str, [one["setup"], f"{one['requests']:,}", one["failed"], *shares, *one["p99_ms"]]))
        + " |"
    )


async def run(seconds: float, rate: float) -> list[dict[str, Any]]:
    """Measure the setups one after another."""
    measured = []
    for setup in SETUPS:
        measured.append(await measure(setup, seconds, rate))
        print(json.dumps(measured[-1]), file=sys.stderr, flush=True)
    return measured


def main() -> int:
    """Read the arguments, measure, report."""
    parser = argparse.ArgumentParser(prog="python -m bench.replicas", description="Replicas over a Redis Cluster.")
    parser.add_argument("--seconds", type=float, default=60, help="of each run; fewer write no report")
    parser.add_argument("--rate", type=float, default=200, help="requests a second, to all services together")
    options = parser.parse_args()
    if shutil.which("redis-server") is None or shutil.which("redis-cli") is None:
        print("redis-server is not installed; on Debian and Ubuntu: apt install redis-server", file=sys.stderr)
        return 2
    where = machine()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(run(options.seconds, options.rate))
    report = text(measured, options.seconds, options.rate, where)
    print(report)
    if options.seconds >= 60:
        put(PAGE, "make replicas", report)
    said = complaints(measured)
    print(*said, sep="\n", file=sys.stderr, end="\n" if said else "")
    print(json.dumps({"machine": where, "measured": measured}))
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
