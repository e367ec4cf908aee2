"""Requests to an ASGI application without an HTTP server: what is left is the application's own cost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


class Exchange:
    """Asks an application for ``/predict``, with one of the ``bodies`` after the other."""

    def __init__(self, app: App, bodies: Iterator[bytes], path: str = "/predict"):
        self._app = app
        self._bodies = bodies
        self._path = path

    async def ask(self) -> None:
        """One request.

        Raises:
            RuntimeError: the answer is not 200.
        """
        body = next(self._bodies)
        status = 0

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)

        await self._app(self._scope(len(body)), receive, send)
        if status != 200:
            raise RuntimeError(f"{self._path} answered {status}")

    async def ask_together(self, number: int) -> None:
        """So many requests at once, each a task of its own, as an HTTP server has them."""
        await asyncio.gather(*(self.ask() for _ in range(number)))

    def _scope(self, length: int) -> Message:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": self._path,
            "raw_path": self._path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                (b"host", b"localhost"),
                (b"content-type", b"application/json"),
                (b"content-length", str(length).encode()),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }


@asynccontextmanager
async def started(app: App) -> AsyncIterator[App]:
    """The application between its startup and its shutdown."""
    events: asyncio.Queue[Message] = asyncio.Queue()
    said: asyncio.Queue[Message] = asyncio.Queue()
    scope: Message = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    life = asyncio.ensure_future(app(scope, events.get, said.put))
    try:
        for event in ("startup", "shutdown"):
            events.put_nowait({"type": f"lifespan.{event}"})
            answer = await said.get()
            if not answer["type"].endswith(".complete"):
                raise RuntimeError(f"{event} failed: {answer.get('message')}")
            if event == "startup":
                yield app
    finally:
        await asyncio.gather(life, return_exceptions=True)
