"""What happens at four times the load that the service can bear: ``python -m bench.overload``.

One worker, every text new and 16,000 characters long, so that each request costs the model the same. First the most
that it answers, in a closed loop without shedding; then, in an open loop, a fifth of that and four times as much; the
same as the service is unless told otherwise; then with shedding as given a fifth, four times as much, and a fifth
again. A table for people, then one line of JSON.
"""

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.open_loop import request
from bench.servers import HOST, Server
from fyke.settings import Settings

UNLOADED, OVERLOADED = 0.2, 4.0
DEFAULT_MS = float(Settings.model_fields["max_wait_ms"].default)
CLOSED = 8  # connections of the closed loop
_FIRST = itertools.count(int(time.time()) % 10**6 * 10**6, 10**5)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="of each run")
    parser.add_argument("--wait-ms", type=float, default=3, help="FYKE_MAX_WAIT_MS")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        bare = asyncio.run(_measured(Path(directory), given.seconds, None))
        most = bare["sustainable"]
        usual = asyncio.run(_measured(Path(directory), given.seconds, DEFAULT_MS, most))
        shed = asyncio.run(_measured(Path(directory), given.seconds, given.wait_ms, most))
    print(f"sustainable: {bare['sustainable']:.0f} requests/s\n")
    print("| shedding | offered/s | answered/s | p50 ms | p99 ms | refused/s | p99 ms of refusals |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, found in (("off", bare), (f"{DEFAULT_MS:g} ms, the default", usual), (f"{given.wait_ms:g} ms", shed)):
        for run in found["runs"]:
            print(_row(name, run, given.seconds))
    before, over, after = (run["statuses"]["200"]["p99"] for run in shed["runs"])
    print(f"\naccepted at four times the load: p99 {over / ((before + after) / 2):.1f} times the unloaded one")
    print(
        json.dumps(
            {"machine": machine(), "wait_ms": given.wait_ms, "shedding": shed, "default": usual, "without": bare}
        )
    )


async def _measured(directory: Path, seconds: float, wait_ms: float | None, sustainable: float = 0) -> dict[str, Any]:
    """The runs of one server; the closed loop first, where it is not known what is ``sustainable``."""
    server = Server(
        f"overload-{wait_ms}", directory, b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"HTTP/1.1 200"
    )
    limits = {"FYKE_MAX_WAIT_MS": str(wait_ms or 10**7), "FYKE_MAX_WAITING": "1000000"}
    command = [sys.executable, "-m", "fyke", "serve", "--port", str(server.port), "--cache-url", "none://"]
    server.spawn(["env", *(f"{name}={value}" for name, value in limits.items()), *command])
    try:
        await server.wait_until_ready()
        await _closed(server.port, 1)
        sustainable = sustainable or await _closed(server.port, seconds / 2)
        shares = (UNLOADED, OVERLOADED, UNLOADED) if wait_ms else (UNLOADED, OVERLOADED)
        runs = [await asyncio.to_thread(_open, server.port, share * sustainable, seconds) for share in shares]
    finally:
        server.stop()
    return {"sustainable": sustainable, "runs": runs}


async def _closed(port: int, seconds: float) -> float:
    """Answers per second with `CLOSED` connections that ask again as soon as they are answered."""
    end = asyncio.get_running_loop().time() + seconds
    first = next(_FIRST)

    async def ask(place: int) -> int:
        reader, writer = await asyncio.open_connection(HOST, port)
        done = 0
        while asyncio.get_running_loop().time() < end:
            writer.write(request(first + place * 10_000 + done))
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0]))
            done += head.startswith(b"HTTP/1.1 200")
        writer.close()
        return done

    return sum(await asyncio.gather(*map(ask, range(CLOSED)))) / seconds


def _open(port: int, rate: float, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.open_loop", *map(str, (port, rate, seconds, next(_FIRST)))]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    found: dict[str, Any] = json.loads(said)
    return found


def _row(name: str, run: dict[str, Any], seconds: float) -> str:
    accepted = run["statuses"].get("200", {"count": 0, "p50": 0, "p99": 0})
    refused = run["statuses"].get("503", {"count": 0, "p99": 0})
    cells = [name, f"{run['rate']:.0f}", f"{accepted['count'] / seconds:.0f}", accepted["p50"], accepted["p99"]]
    return "| " + " | ".join(map(str, [*cells, f"{refused['count'] / seconds:.0f}", refused["p99"] or ""])) + " |"


if __name__ == "__main__":
    main()
