"""One bound on the bytes of all request bodies that a process holds at a time, however they come to it."""

import json
import sys

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fyke.errors import Overloaded

RETRY_SECONDS = 1


class TooMuchHeld(Overloaded):
    """There is no room for more of a body."""


class Budget:
    """``held`` of at most ``most`` bytes; ``most`` must let the largest body in."""

    def __init__(self, most: int = sys.maxsize):
        self.most = most
        self.held = 0


class Share:
    """What one request holds of a budget, from the arrival of its body until `give_back`."""

    def __init__(self, budget: Budget):
        self._budget = budget
        self.bytes = 0

    def check(self, more: int) -> None:
        """Whether there is room.

        Raises:
            TooMuchHeld: there is not.
        """
        if self._budget.held + more > self._budget.most:
            raise TooMuchHeld(RETRY_SECONDS, f"The bodies under way would be over {self._budget.most} bytes")

    def take(self, more: int) -> None:
        """Take room.

        Raises:
            TooMuchHeld: there is none.
        """
        self.check(more)
        self.bytes += more
        self._budget.held += more

    def give_back(self) -> None:
        """All of it; harmless when there is none."""
        self._budget.held -= self.bytes
        self.bytes = 0

    async def whole(self, message: Message, receive: Receive) -> bytes:
        """A body whose first part is in ``message``; what is left of one whose client has gone decodes to an error.

        Raises:
            TooMuchHeld: there is no room for it.
        """
        parts = [message.get("body", b"")]
        self.take(len(parts[0]))
        while message["type"] == "http.request" and message.get("more_body"):
            message = await receive()
            parts.append(message.get("body", b""))
            self.take(len(parts[-1]))
        return b"".join(parts)


class HeldBodies:
    """ASGI middleware: a body for which the budget has no room is refused with 503, and its connection ends.

    A body counts from its arrival until the application has done with its request, whether its client waits or not.
    """

    def __init__(self, app: ASGIApp, budget: Budget):
        self.app = app
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a ``receive`` that counts."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        share = Share(self._budget)
        refused: TooMuchHeld | None = None
        started = False

        async def counted() -> Message:
            nonlocal refused
            message = await receive()
            try:
                share.take(len(message.get("body", b"")))
            except TooMuchHeld as error:
                refused = error
                raise
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            if refused is None or started:
                started = True
                await send(message)

        try:
            share.check(_declared(scope))
            await self.app(scope, counted, watched)
        except TooMuchHeld as error:
            refused = error
        finally:
            share.give_back()
        if refused is not None and not started:
            await _refuse(send, refused)
        return None


async def _refuse(send: Send, error: TooMuchHeld) -> None:
    body = json.dumps({"detail": str(error)}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", str(error.seconds).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _declared(scope: Scope) -> int:
    """The length of the body as its head says, 0 where it does not."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length" and value.isdigit()), 0)


def again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body that was read, then whatever comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
