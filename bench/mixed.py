"""Mixed traffic in an open loop: texts, batches, messages, explanations and garbage, each with the answer it must get.

Requests leave on a fixed schedule over connections that are used in turn, and are closed now and then.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

HOST = "127.0.0.1"
CONNECTIONS = 16  # to each port
MOST_USES = 200  # of a connection
PATIENCE = 10.0  # seconds for an answer

Right = Callable[[int, bytes], bool]


class Ask(NamedTuple):
    """A whole request, and what tells from status and body whether the answer is right.

    ``alone``: on a connection of its own, which the service may close after its answer.
    """

    kind: str
    message: bytes
    right: Right
    alone: bool = False


class Shot(NamedTuple):
    """What came of a request. Times are of `time.perf_counter`; ``status`` 0 is no answer.

    ``broken`` is when a connection was lost under the request without a byte of an answer, and ``sent`` when the
    request had left on it: then it was sent once more on a new one.
    """

    kind: str
    due: float
    late: float
    seconds: float
    status: int
    right: bool
    tier: str
    sent: float
    broken: float


def post(path: str, body: bytes, kind: str = "application/json") -> bytes:
    """A request as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def post_json(path: str, value: object) -> bytes:
    """A request with a JSON body."""
    return post(path, json.dumps(value).encode())


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    uses: int = 0


class _Lost(Exception):
    """The connection ended before a byte of the answer."""


class Client:
    """HTTP/1.1 to one port."""

    def __init__(self, port: int):
        self._port = port
        self._idle: deque[_Connection] = deque()

    async def open(self) -> None:
        """Open the connections, all at once, so that every process of the service gets some."""
        opened = await asyncio.gather(*(asyncio.open_connection(HOST, self._port) for _ in range(CONNECTIONS)))
        self._idle.extend(_Connection(*pair) for pair in opened)

    async def ask(self, ask: Ask, due: float) -> Shot:
        """Send it and judge the answer."""
        left = time.perf_counter()
        sent = broken = 0.0
        status, right, tier = 0, False, ""
        with suppress(TimeoutError, OSError, EOFError, ValueError, KeyError, IndexError, _Lost):
            async with asyncio.timeout(PATIENCE):
                try:
                    status, tier, body = await self._exchange(ask, fresh=ask.alone)
                except _Lost:
                    sent, broken = left, time.perf_counter()
                    status, tier, body = await self._exchange(ask, fresh=True)
                right = ask.right(status, body)
        return Shot(ask.kind, due, left - due, time.perf_counter() - due, status, right, tier, sent, broken)

    async def _exchange(self, ask: Ask, *, fresh: bool) -> tuple[int, str, bytes]:
        connection = await self._connect(fresh=fresh)
        kept = False
        try:
            connection.writer.write(ask.message)
            try:
                head = await connection.reader.readuntil(b"\r\n\r\n")
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                if getattr(error, "partial", b""):
                    raise
                raise _Lost from error
            status_line, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await connection.reader.readexactly(int(headers["content-length"]))
            kept = headers.get("connection") != "close" and not ask.alone
        finally:
            connection.uses += 1
            if kept and connection.uses < MOST_USES:
                self._idle.append(connection)
            else:
                connection.writer.close()
        cache = headers.get("cache-status", "")
        tier = cache.rpartition("detail=")[2] if "; hit" in cache else "miss" if cache else ""
        return int(status_line.split()[1]), tier, body

    async def _connect(self, *, fresh: bool) -> _Connection:
        while self._idle and not fresh:
            connection = self._idle.popleft()
            if not connection.reader.at_eof() and connection.reader.exception() is None:
                return connection
            connection.writer.close()
        return _Connection(*await asyncio.open_connection(HOST, self._port))

    def close(self) -> None:
        """Close what is idle."""
        for connection in self._idle:
            connection.writer.close()


class Traffic:
    """``rate`` requests a second from `start` to `stop`, to each of the clients in turn; ``shots`` are the answered."""

    def __init__(self, clients: Sequence[Client], asked: Iterator[Ask], rate: float):
        self.shots: list[Shot] = []
        self._clients = clients
        self._asked = asked
        self._rate = rate
        self._under_way: set[asyncio.Task[None]] = set()
        self._schedule: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        for client in self._clients:
            await client.open()
        self._schedule = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End, and wait for the answers that are due.

        Raises:
            Exception: the schedule failed.
        """
        if self._schedule is not None:
            self._schedule.cancel()
            with suppress(asyncio.CancelledError):
                await self._schedule
        await asyncio.gather(*self._under_way)
        for client in self._clients:
            client.close()

    async def _run(self) -> None:
        started = time.perf_counter()
        for number, ask in enumerate(self._asked):
            due = started + number / self._rate
            wait = due - time.perf_counter()
            await asyncio.sleep(max(0.0, wait))
            client = self._clients[number % len(self._clients)]
            task = asyncio.create_task(self._shoot(client, ask, due))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _shoot(self, client: Client, ask: Ask, due: float) -> None:
        self.shots.append(await client.ask(ask, due))
