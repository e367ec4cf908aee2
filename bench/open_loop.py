"""Open-loop load: requests leave when they are due, however long the answers to others take.

``python -m bench.open_loop PORT RATE SECONDS FIRST`` prints one JSON line: how many answers of each status, and the
quantiles of their latency in milliseconds, counted from when a request was due, not from when it could be sent.
"""

import asyncio
import json
import random
import sys
from collections import defaultdict
from typing import Any

import uvloop

HOST = "127.0.0.1"
CHARACTERS = 16_000
MOST_CONNECTIONS = 400
PATIENCE = 30.0  # seconds for the last answers

_WORDS = [
    "meeting",
    "account",
    "prize",
    "invoice",
    "please",
    "click",
    "team",
    "report",
    "money",
    "offer",
    "free",
    "lunch",
]
_HEAD = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"


def request(number: int) -> bytes:
    """A request with a text that was never sent before; its words are those of honest and other mail."""
    rng = random.Random(number)  # noqa: S311 - texts, not secrets
    words = rng.choices(_WORDS, k=CHARACTERS // 6)
    body = json.dumps({"text": f"{number} {' '.join(words)}"}).encode()
    return _HEAD.format(len(body)).encode() + body


class _Connection(asyncio.Protocol):
    """One request at a time; its status and the end of its answer are all that is read."""

    def __init__(self, load: "_Load"):
        self._load = load
        self._said = bytearray()
        self._due = 0.0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, message: bytes, due: float) -> None:
        self._due = due
        self._transport.write(message)

    def data_received(self, data: bytes) -> None:
        self._said += data
        end = self._said.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._said[:end])
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
        if len(self._said) >= end + 4 + length:
            self._said.clear()
            self._load.answered(int(head[9:12]), self._due)
            self._load.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(self)


class _Load:
    """Requests that are due, connections that are free, and what came back."""

    def __init__(self, port: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle: list[_Connection] = []
        self._due: list[tuple[bytes, float]] = []
        self._open: set[asyncio.Task[None]] = set()
        self._port = port
        self.left = 0
        self.latencies: dict[int, list[float]] = defaultdict(list)

    def ask(self, message: bytes, due: float) -> None:
        self.left += 1
        if self._idle:
            self._idle.pop().ask(message, due)
            return
        self._due.append((message, due))
        if len(self._open) < MOST_CONNECTIONS:
            self._open.add(self._loop.create_task(self._connect()))

    async def _connect(self) -> None:
        _, connection = await self._loop.create_connection(lambda: _Connection(self), HOST, self._port)
        self.free(connection)

    def answered(self, status: int, due: float) -> None:
        self.left -= 1
        self.latencies[status].append((self._loop.time() - due) * 1000)

    def free(self, connection: _Connection) -> None:
        if self._due:
            connection.ask(*self._due.pop(0))
        else:
            self._idle.append(connection)

    def lost(self, connection: _Connection) -> None:
        if connection in self._idle:  # it was not used for a while
            self._idle.remove(connection)
            self._open.pop()
        else:
            self.latencies[0].append(0.0)


async def _run(port: int, rate: float, seconds: float, first: int) -> dict[str, Any]:
    load = _Load(port)
    messages = [request(first + number) for number in range(min(int(rate * seconds), 20_000))]
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (wait := due - loop.time()) > 0:
            await asyncio.sleep(wait)
        elif number % 20 == 0:
            await asyncio.sleep(0)
        load.ask(messages[number % len(messages)], due)
    late = loop.time() - began - seconds
    end = loop.time() + PATIENCE
    while load.left and loop.time() < end:  # noqa: ASYNC110 - nobody minds ten milliseconds
        await asyncio.sleep(0.01)
    found = {status: _quantiles(sorted(all_of)) for status, all_of in sorted(load.latencies.items())}
    return {"rate": rate, "late_s": round(late, 3), "unanswered": load.left, "statuses": found}


def _quantiles(ms: list[float]) -> dict[str, float]:
    p50, p99 = (round(ms[min(len(ms) - 1, int(share * len(ms)))], 2) for share in (0.5, 0.99))
    return {"count": len(ms), "p50": p50, "p99": p99, "worst": round(ms[-1], 2)}


if __name__ == "__main__":
    given_port, given_rate, given_seconds, given_first = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_run(int(given_port), float(given_rate), float(given_seconds), int(given_first)))))
