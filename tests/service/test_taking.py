"""Processes that share a socket: connections are shared too, and none is left behind."""

import asyncio
import contextlib
import socket
from collections.abc import Coroutine
from typing import Any

import httpx
import uvloop
from uvicorn import Config

from fyke.service.app import create_app
from fyke.service.taking import SharingServer
from fyke.service.wire import Wire
from fyke.settings import load as settings
from tests.waiting import until

MANY = 40


async def _server(listener: socket.socket) -> SharingServer:
    app = create_app(settings(cache_url="memory://"))
    server = SharingServer(Config(app, http=Wire, log_config=None, server_header=False, timeout_graceful_shutdown=30))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup([listener])
    return server


def test_whoever_takes_a_connection_leaves_others_to_the_rest() -> None:
    """Of many connections that wait, each of two servers has at least a quarter; all are answered; both stop."""

    async def check() -> None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=MANY)
        other = listener.dup()
        with contextlib.ExitStack() as stack:
            servers = [await _server(one) for one in (listener, other)]
            clients = [stack.enter_context(socket.create_connection(listener.getsockname())) for _ in range(MANY)]
            await until(lambda: sum(len(one.server_state.connections) for one in servers) == MANY)
            assert min(len(one.server_state.connections) for one in servers) >= MANY / 4
            loop = asyncio.get_running_loop()
            for client in clients:
                client.setblocking(False)
                await loop.sock_sendall(client, b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n")
                assert (await loop.sock_recv(client, 4096)).startswith(b"HTTP/1.1 200")
        await asyncio.gather(servers[0].shutdown([listener]), servers[1].shutdown([other]))

    _run(check())


def test_one_whose_neighbours_hang_takes_all() -> None:
    """Connections are made for as long as one process lives, though another that has the socket takes none."""

    async def check() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        with contextlib.closing(listener.dup()):  # nobody takes from this one
            server = await _server(listener)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/readyz"
            async with httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0)) as client:
                answers = await asyncio.gather(*(client.get(url) for _ in range(MANY)))
            assert all(answer.is_success for answer in answers)
            await server.shutdown([listener])

    _run(check())


def _run(check: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(check)
