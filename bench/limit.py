"""The limit: an ASGI application that reads the body and answers a constant, as large as a prediction.

No ASGI application on the same HTTP server can be faster.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

ANSWER = b'{"prediction":"Phishing Email","probability":0.8151690561633216}'
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())],
}
_BODY = {"type": "http.response.body", "body": ANSWER}

Message = MutableMapping[str, Any]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Read everything, then answer."""
    if scope["type"] == "lifespan":
        for answer in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
            await receive()
            await send({"type": answer})
        return
    while (await receive()).get("more_body"):
        pass
    await send(_START)
    await send(_BODY)
