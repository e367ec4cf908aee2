"""Connections of `fyke serve` without sockets: what is left is the service's own cost of a request."""

import asyncio
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from bench.asgi import App
from fyke.service.lane import FastLane, Known
from fyke.service.wire import Wire

_HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class _Transport(asyncio.Transport):
    """Takes what is written, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = b""
        self.awaited = 0
        self.answered: asyncio.Future[None] | None = None

    def write(self, data: Any) -> None:
        if not data.startswith(b"HTTP/1.1 200"):
            self.refused = bytes(data)
        self.awaited -= 1
        if self.awaited == 0 and self.answered is not None:
            self.answered.set_result(None)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Connections:
    """So many connections to an application, on which one of the ``bodies`` after the other is sent.

    Every head is known from the start, as it is after a while with a real client.
    """

    def __init__(self, app: App, bodies: Iterator[bytes], number: int = 1):
        self._bodies = bodies
        self._lane: FastLane = getattr(app, "lane")  # noqa: B009 - which an application of ours has
        self._transport = _Transport()
        config = uvicorn.Config(app, http=Wire, access_log=False, server_header=False, proxy_headers=False)
        state = ServerState()
        state.default_headers = [(b"date", b"Tue, 24 Nov 2026 12:00:00 GMT")]
        self._all = [Wire(config=config, server_state=state, app_state={}) for _ in range(number)]
        for one in self._all:
            one.connection_made(self._transport)

    def _request(self) -> bytes:
        body = next(self._bodies)
        head = _HEAD % len(body)
        self._all[0].know(head[:-4], Known(self._lane, len(body)))
        return head + body

    async def ask(self) -> None:
        """A request on each connection; returns when all are answered.

        Raises:
            RuntimeError: an answer is not 200.
        """
        transport = self._transport
        requests = [self._request() for _ in self._all]
        transport.awaited = len(requests)
        transport.answered = asyncio.get_running_loop().create_future()
        for connection, request in zip(self._all, requests, strict=True):
            connection.data_received(request)
        await transport.answered
        if transport.refused:
            raise RuntimeError(f"/predict answered {transport.refused!r}")
