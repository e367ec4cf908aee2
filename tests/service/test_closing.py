"""The end of listening: connections that no process has seen yet, and those on which nothing has come so far."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvloop
from uvicorn import Config

from fyke.service.app import create_app
from fyke.service.closing import Server
from fyke.service.wire import FIRST_SECONDS, Wire
from fyke.settings import load as settings

BODY = b'{"text": "You have won a prize"}'
REQUEST = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
REQUEST %= len(BODY), BODY


def ending(check: Callable[[Server, socket.socket], Awaitable[None]]) -> None:
    """A server that listens, in the event loop that `fyke serve` has."""

    async def run() -> None:
        app = create_app(settings(cache_url="memory://"))
        server = Server(Config(app, http=Wire, log_config=None, server_header=False, timeout_graceful_shutdown=30))
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        listener = socket.create_server(("127.0.0.1", 0))
        await server.startup([listener])
        await check(server, listener)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


@pytest.mark.parametrize("said", [b"", REQUEST[:30], REQUEST], ids=["nothing", "a part", "all"])
def test_what_the_kernel_has_accepted_is_answered(said: bytes) -> None:
    """A connection is made, and no turn of the event loop comes before the end: still its request has its answer."""

    async def check(server: Server, listener: socket.socket) -> None:
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(said)
            over = asyncio.create_task(server.shutdown([listener]))
            await asyncio.sleep(0)
            client.sendall(REQUEST[len(said) :])
            answer = await asyncio.to_thread(_all_of, client)
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.count(b"connection: close") == 1
        await over

    ending(check)


def test_a_client_that_says_nothing_is_not_waited_for() -> None:
    """A connection without a request, as browsers make in advance, holds the end up no longer than a moment."""

    async def check(server: Server, listener: socket.socket) -> None:
        with socket.create_connection(listener.getsockname()) as client:
            await asyncio.wait_for(server.shutdown([listener]), 20 * FIRST_SECONDS)
            assert client.recv(1) == b""

    ending(check)


def _all_of(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))
