"""A limit on the messages that a process holds in memory at a time."""

import json
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

RETRY_SECONDS = 1


class TooMuchHeld(Exception):
    """There is no room for more of a message."""


class HeldMessages:
    """ASGI middleware: what would make the bodies under ``paths`` more than ``most`` bytes in all is refused with 503.

    A body counts from its arrival until its request is answered. ``most`` must let the largest body in.
    """

    def __init__(self, app: ASGIApp, most: int, paths: Collection[str]):
        self.app = app
        self._most = most
        self._paths = frozenset(paths)
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a ``receive`` that counts."""
        if scope["type"] != "http" or scope["path"] not in self._paths:
            return await self.app(scope, receive, send)
        if self._held + _declared(scope) > self._most:
            return await self._refuse(send)
        own, refused, started = 0, False, False

        async def counted() -> Message:
            nonlocal own, refused
            message = await receive()
            size = len(message.get("body", b""))
            if self._held + size > self._most:
                refused = True
                raise TooMuchHeld
            own += size
            self._held += size
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            if not refused or started:
                started = True
                await send(message)

        try:
            await self.app(scope, counted, watched)
        except TooMuchHeld:
            pass
        finally:
            self._held -= own
        if refused and not started:
            await self._refuse(send)
        return None

    async def _refuse(self, send: Send) -> None:
        said = f"The messages under way would be over {self._most} bytes; send this one again later."
        body = json.dumps({"detail": said}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", str(RETRY_SECONDS).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _declared(scope: Scope) -> int:
    """The length of the body as its head says, 0 where it does not."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length" and value.isdigit()), 0)
