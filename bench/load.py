"""An open-loop load: requests leave on a fixed schedule, and latency counts from the scheduled moment.

A service that stalls does not slow the schedule down, so a stall is seen by every request that it delays.
"""

import asyncio
import csv
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bench.machine import SAMPLE
from fyke.model.classifier import Classifier, verdict

HOST = "127.0.0.1"
_IDLE_SECONDS = 3.0  # uvicorn closes connections that are idle for five


class Question(NamedTuple):
    """A request body, and the answer that is right: label and probability."""

    body: bytes
    right: tuple[str, float]


class Shot(NamedTuple):
    """One request: when it was due and how late it left, its latency from then on, and what came of it, in seconds."""

    due: float
    late: float
    seconds: float
    right: bool
    tier: str


def questions(classifier: Classifier, terms: list[str], count: int, rng: random.Random) -> list[Question]:
    """``count`` texts that the model tells apart: sample e-mails with eight of ``terms`` behind; answered offline."""
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        emails = [row["Email Text"] for row in csv.DictReader(file)]
    texts: dict[bytes, str] = {}
    while len(texts) < count:
        text = " ".join([rng.choice(emails), *rng.choices(terms, k=8)])
        texts[classifier.canonical(text)] = text
    scores = classifier.predict_many(list(texts.values()))
    return [
        Question(json.dumps({"text": text}).encode(), verdict(score))
        for text, score in zip(texts.values(), scores, strict=True)
    ]


def mixture(known: list[Question], new: Iterator[Question], share: float, rng: random.Random) -> Iterator[Question]:
    """Questions of which ``share`` are among the known ones and the rest are new, until there is nothing new."""
    for question in new:
        while rng.random() < share:
            yield rng.choice(known)
        yield question


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    idle_since: float


class Client:
    """HTTP/1.1 over at most ``connections`` kept-alive connections to one port; no more than the load needs."""

    def __init__(self, port: int, *, connections: int = 256, timeout: float = 10.0):
        self._port = port
        self._timeout = timeout
        self._room = asyncio.Semaphore(connections)
        self._idle: list[_Connection] = []

    async def ask(self, question: Question, due: float | None = None) -> Shot:
        """Send a question; a failure of any kind is an answer that is not right."""
        left = time.perf_counter()
        due = left if due is None else due
        right, tier = False, "none"
        try:
            async with asyncio.timeout(self._timeout), self._room:
                status, cache_status, body = await self._exchange(question.body)
            answer = json.loads(body)
            right = status == 200 and (answer["prediction"], answer["probability"]) == question.right
            tier = cache_status.rpartition("detail=")[2] if "; hit" in cache_status else "miss"
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            pass
        return Shot(due, left - due, time.perf_counter() - due, right, tier)

    async def _exchange(self, body: bytes) -> tuple[int, str, bytes]:
        connection = await self._connect()
        kept = False
        try:
            head = (
                f"POST /predict HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            connection.writer.write(head.encode() + body)
            status_line, *lines = (await connection.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            answer = await connection.reader.readexactly(int(headers["content-length"]))
            kept = headers.get("connection") != "close"
        finally:
            if kept:
                connection.idle_since = time.perf_counter()
                self._idle.append(connection)
            else:
                connection.writer.close()
        return int(status_line.split()[1]), headers.get("cache-status", ""), answer

    async def _connect(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if time.perf_counter() - connection.idle_since < _IDLE_SECONDS and not connection.reader.at_eof():
                return connection
            connection.writer.close()
        reader, writer = await asyncio.open_connection(HOST, self._port)
        return _Connection(reader, writer, 0.0)

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            connection.writer.close()


class Load:
    """``rate`` requests a second from `start` to `stop`; ``shots`` are those that have been answered."""

    def __init__(self, client: Client, asked: Iterator[Question], rate: float):
        self.shots: list[Shot] = []
        self._client = client
        self._asked = asked
        self._rate = rate
        self._under_way: set[asyncio.Task[None]] = set()
        self._schedule: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._schedule = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End, and wait for the answers that are due."""
        if self._schedule is not None:
            self._schedule.cancel()
            await asyncio.wait([self._schedule])
        await asyncio.gather(*self._under_way)

    async def _run(self) -> None:
        started = time.perf_counter()
        for number, question in enumerate(self._asked):
            due = started + number / self._rate
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._shoot(question, due))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _shoot(self, question: Question, due: float) -> None:
        self.shots.append(await self._client.ask(question, due))
