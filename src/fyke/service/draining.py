"""SIGTERM: first not ready, then no new connections, and whatever was accepted is answered."""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from starlette.types import Message, Send


class Draining:
    """Between SIGTERM and the end. ``seconds``: how long the service still accepts, so that it is no longer asked.

    The server's own way to stop comes after that: it closes its socket and finishes what was accepted. ``leaving`` is
    called at the beginning.
    """

    def __init__(self, seconds: float, leaving: Callable[[], None]):
        self.begun = False
        self._seconds = seconds
        self._leaving = leaving
        self._server: Any = None

    def start(self) -> None:
        """Come before the server's handler of SIGTERM, if there is one."""
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGTERM)
            if callable(handler):
                self._server = handler
                self._loop = asyncio.get_running_loop()
                signal.signal(signal.SIGTERM, self._told)

    def _told(self, number: int, _: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._begin, number)

    def _begin(self, number: int) -> None:
        if not self.begun:  # a supervisor and its parent may both say so
            self.begun = True
            self._leaving()
            self._loop.call_later(self._seconds, self._server, number, None)


def last(send: Send) -> Send:
    """Say with an answer that its connection ends, so that no request follows on it."""

    async def saying(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
        await send(message)

    return saying
