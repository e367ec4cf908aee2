"""What the cache costs a service: lookups for each request, and memory over a million keys.

    python -m bench.costs [--keys 1000000] [--seconds 5]

Both are measured on `fyke serve` over HTTP, with Debian's redis-server behind it. Prints a table, writes it to
docs/costs.md, and ends with one line of JSON.
"""

import argparse
import asyncio
import itertools
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import redis

from bench.generator import Generator
from bench.machine import ROOT, machine
from bench.servers import HOST, FykeServer, RedisServer
from bench.words import known_words
from bench.workloads import Workload
from fyke.model.directory import SHIPPED, load_model

BATCH = 500
IN_FLIGHT = 16


def distinct_texts(count: int) -> Iterator[str]:
    """Texts that the shipped model tells apart: one of a hundred words for each of their decimal digit pairs."""
    words = known_words(load_model(SHIPPED).classifier)
    random.Random(1).shuffle(words)  # noqa: S311 - a sample
    digits = [words[at : at + 100] for at in range(0, 400, 100)]
    for number in range(count):
        yield " ".join(digits[place][number // 100**place % 100] for place in range(4))


def resident(pid: int) -> int:
    """Resident memory of a process in bytes (proc(5), VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no VmRSS")


async def memory_over_keys(directory: Path, keys: int) -> list[dict[str, int]]:
    """Resident memory of the service, and the entries in its memory tier, as distinct keys go by."""
    rows = []
    async with _service(directory, FYKE_MAX_BATCH=str(BATCH)) as (service, _), _client(service) as http:
        rows.append(await _sample(service, http, 0))
        texts = distinct_texts(keys)
        milestones = sorted({keys // 10 * tenth for tenth in range(1, 11)})
        sent = 0
        while batch := list(itertools.islice(texts, BATCH)):
            (await http.post("/predict/batch", json={"texts": batch})).raise_for_status()
            sent += len(batch)
            if milestones and sent >= milestones[0]:
                rows.append(await _sample(service, http, sent))
                milestones.pop(0)
    return rows


async def _sample(service: FykeServer, http: httpx.AsyncClient, keys: int) -> dict[str, int]:
    memory = (await http.get("/cache")).json()["memory"]
    return {"keys": keys, "rss": resident(service.pid), "entries": memory["entries"], "bytes": memory["bytes"]}


async def lookups_at(directory: Path, seconds: float, in_flight: int) -> dict[str, Any]:
    """MGETs for each request, from INFO commandstats, with memory off and every request a hit."""
    settings = {"FYKE_CACHE_MEMORY_ENTRIES": "0", "FYKE_CACHE_VERIFY": "0", "FYKE_CACHE_ADMISSION": "always"}
    async with _service(directory, **settings) as (service, server), _client(service) as http:
        known = list(distinct_texts(200))
        (directory / "pool").mkdir()
        (directory / "pool" / "texts").write_text("".join(text + "\n" for text in known))
        await http.post("/predict/batch", json={"texts": known})
        before = (await http.get("/cache")).json()["hits"]["redis"]
        with redis.Redis(HOST, server.port) as client:
            client.config_resetstat()
            workload = Workload("lookups", "kept texts in turn", "pool", "pool", True)
            url = f"http://{HOST}:{service.port}/predict"
            run = Generator(directory).run(url, workload, connections=in_flight, seconds=seconds, first=0, count=0)
            mgets = client.info("commandstats")["cmdstat_mget"]["calls"]
        hits = (await http.get("/cache")).json()["hits"]["redis"] - before
    return {
        "in_flight": in_flight,
        "requests": run.requests,
        "errors": run.errors,
        "hits": hits,
        "mgets": mgets,
        "ratio": mgets / run.requests,
    }


class _service:
    """A redis-server and `fyke serve` over it, both new."""

    def __init__(self, directory: Path, **settings: str):
        directory.mkdir()
        self._redis = RedisServer(directory)
        self._fyke = FykeServer(directory)
        self._settings = settings

    async def __aenter__(self) -> tuple[FykeServer, RedisServer]:
        self._redis.spawn_redis()
        await self._redis.wait_until_ready()
        url = f"redis://{HOST}:{self._redis.port}/0"
        self._fyke.spawn_fyke(**{"FYKE_CACHE_URL": url, "FYKE_CACHE_SECRET": "bench"} | self._settings)
        await self._fyke.wait_until_ready()
        return self._fyke, self._redis

    async def __aexit__(self, *_: object) -> None:
        self._fyke.stop()
        self._redis.stop()


def _client(service: FykeServer) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://{HOST}:{service.port}", timeout=30)


def page(ratios: list[dict[str, Any]], memory: list[dict[str, int]], where: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "# What the cache costs",
        "",
        "Measured by `make costs` on " + where["cpu"] + f", {where['cores']} cores.",
        "",
    ]
    lines += ["## Lookups", "", "Memory off, every request a hit in Redis; `MGET`s from `INFO commandstats`.", ""]
    lines += [
        "| requests in flight | requests | hits | MGETs | MGETs for each request |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {one['in_flight']} | {one['requests']:,} | {one['hits']:,} | {one['mgets']:,} | {one['ratio']:.2f} |"
        for one in ratios
    ]
    lines += ["", "## Memory", "", "Resident memory of the service while distinct keys go by, default settings.", ""]
    lines += ["| keys so far | resident MiB | entries in memory | charged MiB |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {row['keys']:,} | {row['rss'] / 2**20:.0f} | {row['entries']:,} | {row['bytes'] / 2**20:.0f} |"
        for row in memory
    ]
    return "\n".join(lines) + "\n"


async def measure(keys: int, seconds: float) -> dict[str, Any]:
    """Everything, each on servers of its own."""
    with tempfile.TemporaryDirectory(prefix="fyke-costs-") as root:
        ratios = [await lookups_at(Path(root) / f"lookups-{n}", seconds, n) for n in (1, IN_FLIGHT, 64)]
        memory = await memory_over_keys(Path(root) / "memory", keys)
    return {"lookups": ratios, "memory": memory, "machine": machine()}


def main() -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description="Lookups for each request, and memory over many keys.")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=5, help="of load for each number in flight")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.keys, options.seconds))
    text = page(figures["lookups"], figures["memory"], figures["machine"])
    (ROOT / "docs" / "costs.md").write_text(text)
    print(text)
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
