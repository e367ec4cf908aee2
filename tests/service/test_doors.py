"""Connections have limits: their number, the length of a head, the time that a client may take."""

import asyncio
import contextlib
import gc
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from fyke.service.app import create_app
from fyke.service.doors import LONGEST_HEAD, SLICE
from fyke.service.headers import SECURITY
from fyke.service.wire import Wire
from fyke.settings import load
from tests.service.keyed import shipped
from tests.waiting import until

BODY = json.dumps({"text": "You have won a prize! Click here to claim it."}).encode()
HEAD = f"POST /predict HTTP/1.1\r\nHost: it\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
REQUEST = HEAD.encode() + BODY
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def serving(**flags: object) -> AsyncIterator[Callable[[], Awaitable[Stream]]]:
    """A service in this loop, and what connects to it."""
    app = create_app(load(**{"cache_url": "memory://", "cache_verify": 0} | flags), shipped())
    async with listening(app) as connect:
        yield connect


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[Callable[[], Awaitable[Stream]]]:
    """An application served in this loop, and what connects to it."""
    config = uvicorn.Config(
        app,
        http=Wire,
        access_log=False,
        log_level="critical",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=60,
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    streams: list[Stream] = []

    async def connect() -> Stream:
        streams.append(await asyncio.open_connection(*listener.getsockname()))
        return streams[-1]

    try:
        yield connect
    finally:
        for _, writer in streams:
            writer.close()
        server.should_exit = True
        await task


def run(check: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine function, for no longer than a minute."""
    asyncio.run(asyncio.wait_for(check(), 60))  # type: ignore[arg-type]


async def ask(stream: Stream) -> None:
    """One request, answered with 200."""
    reader, writer = stream
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    length = next(int(line[15:]) for line in head.splitlines() if line.startswith(b"content-length"))
    await reader.readexactly(length)


@pytest.mark.parametrize("sent", [b"", b"POST /pre", HEAD.encode()[:-2]])
def test_a_slow_head_is_hung_up_on(sent: bytes) -> None:
    """408, also for whoever says nothing at all."""

    async def check() -> None:
        async with serving(head_seconds=0.05) as connect:
            reader, writer = await connect()
            writer.write(sent)
            said = await reader.read()
            assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
            assert b"The head of the request did not come in time." in said

    run(check)


@pytest.mark.parametrize("known", [False, True])
def test_a_slow_body_is_hung_up_on(known: bool) -> None:
    """408 on the short way and on the long one."""

    async def check() -> None:
        async with serving(body_seconds=0.05) as connect:
            if known:
                await ask(await connect())
            reader, writer = await connect()
            writer.write(REQUEST[:-1])
            said = await reader.read()
            assert said.startswith(b"HTTP/1.1 408")
            assert b"The body of the request did not come in time." in said

    run(check)


def test_a_body_that_comes_in_time_is_answered() -> None:
    """In pieces, after which the connection rests for longer than a head may take."""

    async def check() -> None:
        async with serving(head_seconds=0.1, body_seconds=30) as connect:
            for _ in range(2):  # on the long way, then on the short one
                reader, writer = await connect()
                writer.write(REQUEST[:-5])
                await writer.drain()
                silent, _ = await connect()
                assert (await silent.read()).startswith(b"HTTP/1.1 408")
                writer.write(REQUEST[-5:])
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            rested = await connect()
            await ask(rested)
            silent, _ = await connect()
            assert (await silent.read()).startswith(b"HTTP/1.1 408")
            await ask(rested)

    run(check)


def test_too_many_connections_are_refused() -> None:
    """503 with Retry-After at once; when one is gone, the next is let in."""

    async def check() -> None:
        async with serving(max_connections=2) as connect:
            first, second = await connect(), await connect()
            await ask(first)
            await ask(second)
            reader, _ = await connect()
            said = await reader.read()
            assert said.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            assert b"retry-after: 1\r\n" in said
            first[1].write(b"GET /livez HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n")
            await first[0].read()
            await ask(await connect())

    run(check)


def test_a_head_without_end_is_refused() -> None:
    """431 when it is longer than any head should be; who goes on sending may see no more than the end."""

    async def check() -> None:
        async with serving() as connect:
            reader, writer = await connect()
            writer.write(b"GET /livez HTTP/1.1\r\nHost: it\r\n")
            await writer.drain()
            for _ in range(LONGEST_HEAD // 1000 + 300):
                writer.write(b"x: " + b"a" * 995 + b"\r\n")
            said = b""
            with contextlib.suppress(ConnectionError):
                said = await reader.read()
            assert said[:12] in (b"", b"HTTP/1.1 431")

    run(check)


@pytest.mark.parametrize("earlier", [b"", b"GET /livez HTTP/1.1\r\nHost: it\r\n\r\n"])
@pytest.mark.parametrize("piece", [1000, 2**20])
def test_a_long_head_that_comes_whole_is_refused_too(earlier: bytes, piece: int) -> None:
    """However it comes in pieces, alone or after another request on the connection; a long body is not meant."""
    long = b"POST /predict HTTP/1.1\r\nHost: it\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    text = json.dumps({"text": "won " * LONGEST_HEAD}).encode()

    async def check() -> None:
        async with serving() as connect:
            for more, status in ((b"", b"200"), (b"x: " + b"a" * LONGEST_HEAD + b"\r\n", b"431")):
                reader, writer = await connect()
                if earlier:
                    writer.write(earlier)
                    assert b" 200 " in await reader.readuntil(b"}")
                whole = long % len(text) + more + b"\r\n" + text
                for start in range(0, len(whole), piece):
                    writer.write(whole[start : start + piece])
                assert (await reader.readuntil(b"\r\n")).split()[1] == status

    run(check)


@pytest.mark.parametrize("sent", [b"GET /livez HTTP/1.1\r\nx: " + b"a" * LONGEST_HEAD, b"nonsense\r\n\r\n", b""])
def test_refusals_at_the_door_have_the_headers_of_all_answers(sent: bytes) -> None:
    """431, 400 and 408: the security headers, the date and an id of its own, as JSON."""

    async def check() -> None:
        async with serving(head_seconds=60 if sent else 0.05) as connect:
            for _ in range(2):
                reader, writer = await connect()
                writer.write(sent)
                head, body = (await reader.read()).split(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 4")
                assert json.loads(body)["detail"]
                said = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
                assert SECURITY.items() <= said.items()
                assert {"date", "x-request-id", "content-type"} <= said.keys()
                ids.add(said["x-request-id"])
            assert len(ids) == 2

    ids: set[str] = set()
    run(check)


def test_requests_that_come_all_at_once_wait_unparsed() -> None:
    """Of thousands that come behind each other a few are parsed at a time; all are answered, in order."""
    number, asked = 3000, b"GET /livez HTTP/1.1\r\nHost: it\r\n\r\n"

    def unanswered() -> int:
        return sum(type(one) is RequestResponseCycle and not one.response_complete for one in gc.get_objects())

    async def check() -> None:
        async with serving() as connect:
            reader, writer = await connect()
            writer.write(asked * number + REQUEST)
            most = 0
            for answered in range(number):
                assert b"HTTP/1.1 200" in await reader.readuntil(b"}")
                if answered % 500 == 0:
                    most = max(most, unanswered())
            assert b"Phishing" in await reader.readuntil(b"}")
            assert 0 < most <= SLICE // len(asked) + 2

    run(check)


@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"])
def test_who_reads_nothing_is_hung_up_on(last: bytes) -> None:
    """However much is left to tell, and whether the connection was to go on or not; then others find room."""
    asked = b"GET /openapi.json HTTP/1.1\r\nHost: it\r\n\r\n"

    async def check() -> None:
        async with serving(body_seconds=0.1, max_connections=1) as connect:
            first = (await connect())[1]
            place = first.get_extra_info("peername")
            first.close()

            async def others_find_room() -> bool:
                reader, writer = await asyncio.open_connection(*place)
                writer.write(REQUEST)
                said = await reader.readline()
                writer.close()
                return b" 200 " in said

            await until(others_find_room)
            with socket.socket() as silent:
                silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                silent.connect(place)
                silent.sendall(asked * 200 + asked[:-2] + last + b"\r\n")
                await until(others_find_room)

    run(check)
