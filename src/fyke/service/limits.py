"""Limits: the size of bodies, kept before anything is parsed; the length of texts; and how many may wait."""

import contextlib
from collections.abc import Mapping
from contextlib import AbstractContextManager

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fyke.errors import Overloaded
from fyke.service.load import Load


class BodyTooLarge(Exception):
    """The body of a request is over the limit; ``args[0]`` is the limit in bytes."""


class BodyLimit:
    """ASGI middleware: a body over ``limit`` bytes, declared or sent, is refused with 413.

    ``others`` has the limits of paths that have their own.
    """

    def __init__(self, app: ASGIApp, limit: int, others: Mapping[str, int] | None = None):
        self.app = app
        self.limit = limit
        self.others = others or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a ``receive`` that counts."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        limit = self.others.get(scope["path"], self.limit)
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > limit:
                return await _refuse(send, limit)
        received = 0
        too_large = started = False

        async def counted() -> Message:
            nonlocal received, too_large
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                too_large = True
                raise BodyTooLarge(limit)
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            if too_large and not started:
                return
            started = True
            await send(message)

        with contextlib.suppress(BodyTooLarge):
            await self.app(scope, counted, watched)
        if too_large and not started:
            await _refuse(send, limit)
        return None


def waiting(request: Request, texts: int = 1) -> AbstractContextManager[None]:
    """Counts a request's texts among those that wait for the model; see `fyke.service.load`.

    Raises:
        Overloaded: it would wait too long.
    """
    load: Load = request.app.state.load
    return load.admitted(texts)


def check_length(request: Request, text: str, field: str) -> None:
    """Refuse a text that is too long.

    Raises:
        HTTPException: 413, with the field and the limit.
    """
    most: int = request.app.state.max_text_chars
    if len(text) > most:
        raise HTTPException(413, f"{field}: {len(text):,} characters; send at most {most:,}.")


class Shedding:
    """ASGI middleware: while too much is waiting, what is under ``roots`` is refused before it is read."""

    def __init__(self, app: ASGIApp, load: Load, roots: tuple[str, ...]):
        self.app = app
        self._load = load
        self._roots = roots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on or refuse."""
        if scope["type"] == "http" and self._load.full and scope["path"].startswith(self._roots):
            try:
                self._load.check()
            except Overloaded as error:
                return await too_much(error)(scope, receive, send)
        return await self.app(scope, receive, send)


def too_much(error: Overloaded) -> JSONResponse:
    """503 for whom would have to wait too long."""
    return JSONResponse({"detail": str(error)}, 503, headers={"retry-after": str(error.seconds)})


async def _refuse(send: Send, limit: int) -> None:
    body = b'{"detail":"The body is over the limit of %d bytes."}' % limit
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
