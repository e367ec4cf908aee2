"""The servers that are compared, each with a redis-server of its own where it needs one."""

import asyncio
import contextlib
import http.client
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

import fyke
from bench.machine import ROOT
from bench.servers import HOST, FykeServer, RedisServer, Server

SECRET = "the bench's own"  # noqa: S105
NAIVE, LIMIT, SHIPPED = "naive", "limit", "fyke, shipped model"
ON_REDIS, ON_MEMORY, OFF = "fyke, memory off", "fyke", "fyke, cache off"

SAID = {
    NAIVE: "the tutorial's design: FastAPI, a Redis GET for each request, two passes of the pipeline for each miss",
    ON_REDIS: "`fyke serve` over Redis with `FYKE_CACHE_MEMORY_ENTRIES=0`",
    ON_MEMORY: "`fyke serve` over Redis, all settings as they come",
    OFF: "`fyke serve` with `FYKE_CACHE_URL=none://`",
    SHIPPED: "`fyke` with the model that it comes with, recipe {recipe}; the others have the weights that naive has",
    LIMIT: "a bare ASGI application that reads the body and answers a constant, on the same uvicorn",
}
_SETTINGS = {
    ON_REDIS: {"FYKE_CACHE_MEMORY_ENTRIES": "0"},
    ON_MEMORY: {},
    OFF: {"FYKE_CACHE_URL": "none://"},
    SHIPPED: {},
}


@dataclass(frozen=True)
class Contestant:
    """A server that is up. ``redis_port`` is 0 where it has no Redis."""

    name: str
    workers: int
    server: Server
    redis_port: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.server.port}"

    def kept(self) -> tuple[int, int] | None:
        """Texts answered so far without and with a computation of their own; None where nobody counts.

        Fyke's are those of all its workers together.
        """
        if self.name == NAIVE:
            with redis.Redis(HOST, self.redis_port) as client:
                stats: dict[str, int] = client.info("stats")
            return stats["keyspace_hits"], stats["keyspace_misses"]
        if self.name == LIMIT:
            return None
        sums: dict[str, float] = {}
        for line in self._get("/metrics").decode().splitlines():
            name, _, value = line.rpartition(" ")
            if (
                'of="verdict"' in name
            ):  # of other workers up to a second ago: a turn's warming has the same kind of answers
                name = name.partition("{")[0]
                sums[name] = sums.get(name, 0) + float(value)
        return int(sums["fyke_hits_total"] + sums["fyke_shared_total"]), int(sums["fyke_misses_total"])

    def settle(self) -> None:
        """Return when what a run left behind is done: another request has been answered."""
        self._get("/readyz")

    def _get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection(HOST, self.server.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read()

    def resident(self) -> int:
        """Resident memory in bytes of the largest of its processes: a worker (proc(5), VmRSS)."""
        return max(resident(pid) for pid in family(self.server.pid))


def can_have_two_workers() -> bool:
    """Whether this version of ``fyke serve`` can."""
    from fyke.settings import Settings

    return "workers" in Settings.model_fields


@contextmanager
def prepared(
    name: str, workers: int, directory: Path, pipeline: Path, model: Path
) -> Iterator[Callable[[], Contestant]]:
    """What starts a contestant in a new directory and waits until it answers; it is stopped at the end.

    Its Redis is up before. ``pipeline`` is naive's model, ``model`` the directory of the same weights.
    """
    directory.mkdir()
    with ExitStack() as stack:
        port = 0
        if name not in (LIMIT, OFF):
            store = RedisServer(directory)
            stack.callback(store.kill)
            store.spawn_redis()
            asyncio.run(store.wait_until_ready())
            port = store.port

        def start() -> Contestant:
            server = _spawn(name, workers, directory, port, pipeline, model)
            stack.callback(server.stop)
            asyncio.run(server.wait_until_ready())
            return Contestant(name, workers, server, port)

        yield start


@contextmanager
def running(name: str, workers: int, directory: Path, pipeline: Path, model: Path) -> Iterator[Contestant]:
    """The same, started.

    Raises:
        RuntimeError: it did not start.
    """
    with prepared(name, workers, directory, pipeline, model) as start:
        yield start()


def _spawn(name: str, workers: int, directory: Path, redis_port: int, pipeline: Path, model: Path) -> Server:
    if name == NAIVE:
        own = {"NAIVE_REDIS": str(redis_port), "NAIVE_MODEL": str(pipeline)}
        return _spawn_uvicorn(directory, workers, ["--factory", "bench.naive:create_app"], own)
    if name == LIMIT:  # as fyke.cli.serving sets uvicorn
        return _spawn_uvicorn(directory, workers, ["--no-server-header", "--no-proxy-headers", "bench.limit:app"], {})
    settings = {"FYKE_CACHE_URL": f"redis://{HOST}:{redis_port}/0", "FYKE_CACHE_SECRET": SECRET} | _SETTINGS[name]
    if name != SHIPPED:
        settings["FYKE_MODEL"] = str(model)
    if workers > 1:
        settings["FYKE_WORKERS"] = str(workers)
    server = FykeServer(directory)
    server.spawn_fyke(**settings)
    return server


def _spawn_uvicorn(directory: Path, workers: int, arguments: list[str], own: dict[str, str]) -> Server:
    server = Server("uvicorn", directory, b"GET /readyz HTTP/1.0\r\n\r\n", b"HTTP/1.1 200")
    path = f"{ROOT}{os.pathsep}{Path(fyke.__file__).parent.parent}"
    environment = {"PATH": os.defpath, "HOME": str(directory), "PYTHONPATH": path} | own
    command = [sys.executable, "-m", "uvicorn", "--host", HOST, "--port", str(server.port)]
    command += ["--workers", str(workers), "--no-access-log", "--log-level", "warning", *arguments]
    server.spawn(command, environment)
    return server


def family(pid: int) -> list[int]:
    """A process and its descendants; nothing when it has ended."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


def resident(pid: int, which: str = "VmRSS") -> int:
    """Resident memory of a process in bytes (proc(5)), now or with ``VmHWM`` at its peak; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{which}:")), 0)
