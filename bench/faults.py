"""What faults of Redis do to predictions: ``python -m bench.faults`` writes ``docs/faults.md``.

For each fault: a fresh redis-server, a fresh ``fyke serve`` without a memory tier, a steady load throughout, and
every answer compared with the one computed beforehand. The exit status is 1 when an answer was wrong or missing,
when hits came back late, or when the load did not hold its rate.
"""

import argparse
import asyncio
import gc
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any

import redis.asyncio as redis
import uvloop

from bench.fault_proxy import FaultProxy
from bench.load import Client, Load, Question, Shot, mixture, questions
from bench.machine import ROOT, machine
from bench.servers import HOST, FykeServer, RedisServer
from bench.words import known_words
from fyke.model.directory import SHIPPED, load_model

REPORT = ROOT / "docs" / "faults.md"
WARM, TAIL, PATIENCE = 5.0, 3.0, 10.0  # seconds
PROBE_SECONDS = 0.02
RECOVERY_LIMIT = 3.0  # seconds until hits must be back
RATE_LIMIT = 200.0  # requests a second that must be answered
KNOWN, REPEATS = 200, 0.6  # so many texts make up this share of the requests
SECRET = "the bench's own"  # noqa: S105
# Well-formed replies that are no answer to MGET or to a pipeline of SET.
NONSENSE = (
    b":1\r\n", b"+OK\r\n", b"_\r\n", b"#t\r\n", b"*0\r\n", b"*1\r\n:7\r\n", b"*1\r\n$3\r\nabc\r\n", b",1.5\r\n",
    b"%1\r\n+a\r\n:1\r\n", b"~1\r\n*1\r\n:1\r\n", b">2\r\n+pushed\r\n+oddity\r\n", b"$-1\r\n", b"-ODD thing\r\n",
)  # fmt: skip


@dataclass
class Rig:
    """What a fault may take hold of."""

    server: RedisServer
    admin: redis.Redis
    proxy: FaultProxy
    seconds: float


Fault = Callable[[Rig], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def killed(rig: Rig) -> AsyncIterator[None]:
    """SIGKILL; at the end an empty server starts on the same port."""
    rig.server.kill()
    yield
    rig.server.spawn_redis()
    await rig.server.wait_until_ready()


@asynccontextmanager
async def stopped(rig: Rig) -> AsyncIterator[None]:
    """SIGSTOP; at the end SIGCONT."""
    rig.server.send(SIGSTOP)
    yield
    rig.server.send(SIGCONT)


@asynccontextmanager
async def loading(rig: Rig) -> AsyncIterator[None]:
    """SIGKILL and restart; the server loads its data for as long as the fault lasts and answers LOADING."""
    fill = "for i = 1, ARGV[1] do redis.call('SET', 'filler:' .. i, 'x') end"
    await rig.admin.eval(fill, 0, int(2000 * rig.seconds + 2000))
    await rig.admin.save()
    rig.server.kill()
    rig.server.spawn_redis("--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024")
    yield
    await rig.admin.config_set("key-load-delay", 0)


@asynccontextmanager
async def out_of_memory(rig: Rig) -> AsyncIterator[None]:
    """`maxmemory` of one byte with `noeviction`: every write fails, reads go on."""
    await rig.admin.config_set("maxmemory-policy", "noeviction")
    await rig.admin.config_set("maxmemory", 1)
    yield
    await rig.admin.config_set("maxmemory", 0)


@asynccontextmanager
async def read_only(rig: Rig) -> AsyncIterator[None]:
    """`REPLICAOF` a dead port: every write fails with READONLY, reads go on; at the end `REPLICAOF NO ONE`."""
    await rig.admin.replicaof(HOST, 1)
    yield
    await rig.admin.replicaof("NO", "ONE")


@asynccontextmanager
async def flushed(rig: Rig) -> AsyncIterator[None]:
    """`FLUSHALL` every tenth of a second."""

    async def flush() -> None:
        while True:
            await rig.admin.flushall()
            await asyncio.sleep(0.1)

    flushing = asyncio.create_task(flush())
    yield
    flushing.cancel()
    await asyncio.wait([flushing])


@asynccontextmanager
async def auth_refused(rig: Rig) -> AsyncIterator[None]:
    """A new `requirepass`, and every open connection killed; at the end no password again."""
    await rig.admin.config_set("requirepass", "changed")
    await rig.admin.client_kill_filter(_type="normal", skipme=True)
    yield
    await rig.admin.config_set("requirepass", "")


def through_proxy(doc: str, *args: Any, **options: Any) -> Fault:
    """A fault that the proxy makes; ``doc`` says what it is, the rest goes to `FaultProxy.switch`."""

    @asynccontextmanager
    async def fault(rig: Rig) -> AsyncIterator[None]:
        await rig.proxy.switch(*args, **options)
        yield
        await rig.proxy.switch("pass")

    fault.__doc__ = doc
    return fault


SLOW = "The proxy delivers each reply 200 ms late, far beyond the deadline of 50 ms."
SLOW_INSIDE = "The proxy delivers each reply 40 ms late, just inside the deadline."
CUT = "The proxy delivers half of each reply to a read or write and closes the connection."
CUT_AT_ONCE = "The same, but of the replies to a new connection's greeting too: none comes about."
FAULTS: dict[str, Fault] = {
    "killed": killed,
    "stopped": stopped,
    "loading": loading,
    "out of memory": out_of_memory,
    "read-only": read_only,
    "flushed": flushed,
    "auth refused": auth_refused,
    "slow, 200 ms": through_proxy(SLOW, "delay", delay=0.2),
    "slow, 40 ms": through_proxy(SLOW_INSIDE, "delay", delay=0.04),
    "cut mid-reply": through_proxy(CUT, "cut", only=b"fyke:"),
    "cut in the greeting": through_proxy(CUT_AT_ONCE, "cut"),
    "black hole": through_proxy("The proxy accepts connections and swallows every request.", "blackhole"),
    "noise": through_proxy("The proxy answers reads and writes with random bytes.", "garbage", only=b"fyke:"),
    "wrong replies": through_proxy(
        "The proxy answers reads and writes with well-formed replies of the wrong kind.",
        "garbage",
        only=b"fyke:",
        replies=NONSENSE,
    ),
    "refused": through_proxy("The proxy ends every connection and accepts none.", "refuse"),
}
PROXIED = {name for name, fault in FAULTS.items() if fault.__qualname__.startswith("through_proxy")}


async def measure(name: str, asked: list[Question], rate: float, seconds: float) -> dict[str, Any]:
    """Everything about one fault: servers up, load on, fault, recovery, servers down."""
    with tempfile.TemporaryDirectory(prefix="fyke-faults-") as directory:
        async with AsyncExitStack() as stack:
            server, service = RedisServer(Path(directory)), FykeServer(Path(directory))
            stack.callback(service.stop)
            stack.callback(server.kill)
            server.spawn_redis()
            await server.wait_until_ready()
            proxy = await stack.enter_async_context(FaultProxy(server.port, random.Random(1)))  # noqa: S311
            admin = await stack.enter_async_context(redis.Redis(host=HOST, port=server.port))
            service.spawn_fyke(
                FYKE_CACHE_URL=f"redis://{HOST}:{proxy.port if name in PROXIED else server.port}/0",
                FYKE_CACHE_SECRET=SECRET,
                FYKE_CACHE_MEMORY_ENTRIES="0",
            )
            await service.wait_until_ready()
            client = Client(service.port)
            stack.callback(client.close)
            figures = await observe(FAULTS[name], Rig(server, admin, proxy, seconds), client, asked, rate)
            figures["tracebacks"] = service.said().count("Traceback (most recent call last)")
            if figures["failed"]:
                print(service.said()[-4000:], file=sys.stderr)
            return {"fault": name} | figures


async def observe(fault: Fault, rig: Rig, client: Client, asked: list[Question], rate: float) -> dict[str, Any]:
    """Warm, fault, recovery, tail, under one load; then the figures."""
    known, new = asked[:KNOWN], iter(asked[KNOWN:])
    shots = [await client.ask(question) for question in known]
    load = Load(client, mixture(known, new, REPEATS, random.Random(2)), rate)  # noqa: S311
    load.start()
    await asyncio.sleep(WARM)
    began = time.perf_counter()
    async with fault(rig):
        await asyncio.sleep(rig.seconds)
        ended = time.perf_counter()
    recovered = await recovery(client, new, ended, shots)
    await asyncio.sleep(TAIL)
    await load.stop()
    return summary(load.shots, shots, began, ended, recovered)


async def recovery(client: Client, new: Iterator[Question], ended: float, shots: list[Shot]) -> float | None:
    """Seconds from the fault's end until a text first asked after it was a hit in Redis; None when none was."""
    last: Question | None = None
    for question in new:
        if last is not None:
            shots.append(await client.ask(last))
            if shots[-1].tier == "redis":
                return time.perf_counter() - ended
        if time.perf_counter() > ended + PATIENCE:
            return None
        shots.append(await client.ask(question))
        last = question
        await asyncio.sleep(PROBE_SECONDS)
    return None


def summary(
    shots: list[Shot], probes: list[Shot], began: float, ended: float, recovered: float | None
) -> dict[str, Any]:
    """The figures. A request belongs to the fault when it was under way at any moment of it."""
    phases: dict[str, list[Shot]] = {"before": [], "during": [], "after": []}
    for shot in shots:
        answered = shot.due + shot.seconds
        phases["before" if answered < began else "after" if shot.due >= ended else "during"].append(shot)
    answered_during = sum(shot.right and began <= shot.due + shot.seconds < ended for shot in shots)
    worst = {name: _ms(max((shot.seconds for shot in phase), default=0.0)) for name, phase in phases.items()}
    return {
        "requests": len(shots) + len(probes),
        "failed": sum(not shot.right for shot in [*shots, *probes]),
        "rate": round(answered_during / (ended - began), 1),
        "hit_share": {name: _share(phase) for name, phase in phases.items()},
        "p50_ms": {name: _quantile(phase, 0.50) for name, phase in phases.items()},
        "p99_ms": {name: _quantile(phase, 0.99) for name, phase in phases.items()},
        "p999_ms": {name: _quantile(phase, 0.999) for name, phase in phases.items()},
        "worst_ms": worst,
        "worst_added_ms": round(worst["during"] - worst["before"], 1),
        "load_late_ms": {name: _ms(max((shot.late for shot in phase), default=0.0)) for name, phase in phases.items()},
        "recovery_seconds": None if recovered is None else round(recovered, 3),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _share(shots: list[Shot]) -> float:
    return round(sum(shot.tier == "redis" for shot in shots) / max(1, len(shots)), 3)


def _quantile(shots: list[Shot], share: float) -> float:
    ranked = sorted(shot.seconds for shot in shots)
    return _ms(ranked[int(share * (len(ranked) - 1))]) if ranked else 0.0


def complaints(figures: dict[str, Any]) -> list[str]:
    """What is not as it should be."""
    name, back = figures["fault"], figures["recovery_seconds"]
    said = []
    if figures["failed"]:
        said.append(f"{name}: {figures['failed']} requests failed")
    if back is None or back >= RECOVERY_LIMIT:
        said.append(f"{name}: hits came back after {'more than ' + str(PATIENCE) if back is None else back} s")
    if figures["rate"] < RATE_LIMIT:
        said.append(f"{name}: {figures['rate']} requests a second were answered, not {RATE_LIMIT:.0f}")
    return said


HEAD = """| fault | requests | failed | answered/s | hits before | hits during | p50 ms | p99 ms \
| worst before ms | worst ms | added ms | hits back after s |
| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |
"""


def row(figures: dict[str, Any]) -> str:
    """A fault as a row of the table."""
    back = figures["recovery_seconds"]
    cells = [
        figures["fault"],
        f"{figures['requests']:,}",
        figures["failed"],
        f"{figures['rate']:.0f}",
        f"{figures['hit_share']['before']:.0%}",
        f"{figures['hit_share']['during']:.0%}",
        figures["p50_ms"]["during"],
        figures["p99_ms"]["during"],
        figures["worst_ms"]["before"],
        figures["worst_ms"]["during"],
        figures["worst_added_ms"],
        "never" if back is None else f"{back:.2f}",
    ]
    return "| " + " | ".join(map(str, cells)) + " |\n"


def document(measured: list[dict[str, Any]], rate: float, seconds: float, where: dict[str, Any]) -> str:
    """The report as Markdown."""
    kinds = "".join(f"- **{name}**: {fault.__doc__}\n" for name, fault in FAULTS.items())
    return f"""# Faults

What trouble with Redis does to predictions. `make faults` writes this page; nothing in it is written by hand.

For each fault a fresh `redis-server` and a fresh `fyke serve` run on loopback, without the memory tier, so that every
hit comes from Redis. {rate:.0f} requests a second leave on a fixed schedule, {REPEATS:.0%} of them for {KNOWN} texts
that come again and the rest for new ones: {WARM:.0f} s in peace, {seconds:.0f} s with the fault, then until hits are
back, and {TAIL:.0f} s more. Latency counts from the moment at which a request was due, so a stall is seen by every
request that it delays. A request has *failed* when its answer is not the one computed beforehand, to the last bit of
the probability. *Hits are back* when a text first sent after the fault's end is answered from Redis the second time,
so both writes and reads work again.

{HEAD}{"".join(map(row, measured))}
p50, p99 and *worst* are of the requests under way during the fault; *added* is *worst* less *worst before*.

Measured on {where["cpu"]}, {where["cores"]} cores, shared by Redis, the service, the proxy and the load, Python
{where["python"]}, redis-server {where["redis_server"]}, redis-py {where["redis"]}, commit `{where["commit"]}`.

{kinds}"""


async def run(names: list[str], rate: float, seconds: float) -> list[dict[str, Any]]:
    """Measure the faults one after another, printing each as it is done."""
    rng = random.Random(0)  # noqa: S311
    classifier = load_model(SHIPPED).classifier
    new = int(rate * (WARM + seconds + PATIENCE + TAIL) * (1 - REPEATS) * 1.2 + PATIENCE / PROBE_SECONDS)
    asked = questions(classifier, known_words(classifier), KNOWN + new, rng)
    gc.freeze()
    print(HEAD, end="")
    measured = []
    for name in names:
        gc.collect()
        measured.append(await measure(name, asked, rate, seconds))
        print(row(measured[-1]), end="", flush=True)
    return measured


def main() -> int:
    """Read the arguments, measure, report."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each fault lasts")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second")
    parser.add_argument("--only", choices=list(FAULTS), action="append", help="this fault alone; writes no report")
    options = parser.parse_args()
    if shutil.which("redis-server") is None:
        print("redis-server is not installed; on Debian and Ubuntu: apt install redis-server", file=sys.stderr)
        return 2
    where = machine()
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(run(options.only or list(FAULTS), options.rate, options.seconds))
        if not options.only:
            REPORT.write_text(document(measured, options.rate, options.seconds, where), encoding="utf-8")
        said = [one for figures in measured for one in complaints(figures)]
        print(*said, sep="\n", file=sys.stderr, end="\n" if said else "")
        print(json.dumps({"rate": options.rate, "seconds": options.seconds, "machine": where, "faults": measured}))
        return 1 if said else 0
    return 130


if __name__ == "__main__":
    sys.exit(main())
