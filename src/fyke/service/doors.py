"""Connections with limits: how many, how long a head, how long a client may take."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from fyke.service.headers import SECURITY
from fyke.service.observing import REQUEST_ID, request_ids
from fyke.service.replies import JSON, header_lines

LONGEST_HEAD = 64 * 1024  # bytes

_ids = request_ids()  # where the application has none
_BEGINNINGS: dict[int, tuple[list[tuple[bytes, bytes]], bytes]] = {}


class Door(HttpToolsProtocol):
    """uvicorn's protocol for HTTP, with limits that it has none of.

    The application says them as ``max_connections``, ``head_seconds`` and ``body_seconds``; without one there is none.
    A head is timed from the making of the connection, or from its first byte, a body from the end of its head. What is
    over a limit is told so, where no answer has begun, and hung up on.
    """

    def __init__(self, *arguments: Any, **keywords: Any):
        super().__init__(*arguments, **keywords)
        self._new_id: Callable[[], str] = getattr(self.app, "new_id", None) or _ids
        self._max_connections: int | None = getattr(self.app, "max_connections", None)
        self._seconds: dict[str, float | None] = {
            "head": getattr(self.app, "head_seconds", None),
            "body": getattr(self.app, "body_seconds", None),
        }
        self._stage = "head"  # of the message that is coming; "" between two
        self._messages = 0  # begun on this connection
        self._head_bytes = 0
        self._timed: tuple[int, str] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let one in, or tell it that there are too many."""
        super().connection_made(transport)
        if self._max_connections is not None and len(self.connections) > self._max_connections:
            self._refuse(503, "There are too many connections.", {"retry-after": "1"})
            return
        self._time()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is timed any longer."""
        self._stage = ""
        self._time()
        super().connection_lost(exc)

    def parse(self, data: bytes) -> None:
        """Give bytes to uvicorn's parser, and time what they leave incomplete."""
        if self._ends_long_head(data):
            self._refuse_long_head()
            return
        between, begun = self._stage == "" or self._head_bytes == 0, self._messages
        if self._stage == "head":
            self._head_bytes += len(data)
        super().data_received(data)
        if between and self._messages == begun + 1:
            self._head_bytes = len(data)  # which begins with the head
        if self._stage == "head" and self._head_bytes > LONGEST_HEAD:
            self._refuse_long_head()
        self._time()

    def _ends_long_head(self, data: bytes) -> bool:
        """Whether a head that is too long ends in these bytes: the parser would take it before its length is known."""
        before = self._head_bytes if self._stage == "head" else 0
        if self._stage == "body" or before + len(data) <= LONGEST_HEAD:
            return False
        end = data.find(b"\r\n\r\n")
        return end >= 0 and before + end > LONGEST_HEAD

    def _refuse_long_head(self) -> None:
        if not self.transport.is_closing():
            self._refuse(431, f"The head is over the limit of {LONGEST_HEAD} bytes.")

    def come(self, stage: str) -> None:
        """Time a stage, or with ``""`` none, of a message that is not parsed here."""
        self._stage = stage
        self._time()

    def on_message_begin(self) -> None:
        """uvicorn's, noted."""
        self._messages += 1
        self._stage = "head"
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """uvicorn's, noted."""
        self._stage = "body"
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """uvicorn's, noted."""
        self._stage = ""
        super().on_message_complete()

    def _time(self) -> None:
        """One timer for what is coming, begun once for each stage of each message."""
        timed = (self._messages, self._stage) if self._stage else None
        if timed == self._timed:
            return
        self._timed = timed
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        seconds = self._seconds.get(self._stage)
        if timed is not None and seconds is not None and not self.transport.is_closing():
            self._timer = self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        if self._stage == "body" and self.flow.read_paused:  # it is we who are slow
            self._timer = self.loop.call_later(cast(float, self._seconds["body"]), self._too_slow)
            return
        self._refuse(408, f"The {self._stage} of the request did not come in time.")

    def send_400_response(self, msg: str) -> None:
        """uvicorn's, in the form of our other refusals."""
        self._say(400, "This is no request in HTTP.")
        self.transport.close()

    def _refuse(self, status: int, detail: str, more: dict[str, str] | None = None) -> None:
        """Say why, unless an answer has begun, and hang up."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self._say(status, detail, more)
        self.transport.close()

    def _say(self, status: int, detail: str, more: dict[str, str] | None = None) -> None:
        body = b'{"detail":"%b"}' % detail.encode()
        headers = {"content-type": JSON, "content-length": str(len(body)), **(more or {})}
        lines = header_lines(headers | {REQUEST_ID: self._new_id(), "connection": "close"})
        self.transport.write(beginning(status, self.server_state.default_headers) + lines + b"\r\n" + body)


def beginning(status: int, own: list[tuple[bytes, bytes]]) -> bytes:
    """The status line, uvicorn's ``own`` headers, which are another list each second, and those of every response."""
    known = _BEGINNINGS.get(status)
    if known is None or known[0] is not own:
        ours = [(name.encode(), value.encode()) for name, value in SECURITY.items()]
        lines = b"".join([b"%b: %b\r\n" % header for header in (*own, *ours)])
        known = _BEGINNINGS[status] = (own, STATUS_LINE[status] + lines)
    return known[1]
