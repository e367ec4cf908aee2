"""How processes that share a listening socket share what comes: no one takes all of it.

The kernel wakes every process for a new connection, and whoever is first takes it. A client that opens sixteen at once
would have them all in one process, which takes them in a millisecond, and keeps them for as long as they live. So a
process that took one leaves the rest to the others for a moment. Whatever is still there then, it takes twice as many
of, and so on: when the others do not come, because they hang or are busy, nothing waits for them for long.
"""

import asyncio
import logging
import socket
import sys

from fyke.service.closing import Server

PAUSE_SECONDS = 0.001
FULL_SECONDS = 1.0  # when there is no file descriptor left, or no memory
MOST_AT_ONCE = 256

log = logging.getLogger(__name__)


class SharingServer(Server):
    """uvicorn's server for one of several processes."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, but listen here."""
        self._takers: list[Taker] = []
        if sys.platform == "win32":  # where sockets are shared in another way
            await super().startup(sockets)
            return
        await super().startup(sockets=[])
        self._takers = [Taker(self, one) for one in sockets or []]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End listening, then as ever."""
        for taker in self._takers:
            taker.close()
        await super().shutdown(sockets)


class Taker:
    """Takes the connections of one socket, a share at a time."""

    def __init__(self, server: SharingServer, listener: socket.socket):
        self._server = server
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._share = 1
        self._connecting: set[asyncio.Task[None]] = set()
        self._pausing: asyncio.TimerHandle | None = None
        listener.listen(server.config.backlog)
        listener.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Take no more; what has been taken is served."""
        if self._pausing is None:
            self._loop.remove_reader(self._listener)
        else:
            self._pausing.cancel()

    def _listen(self) -> None:
        self._pausing = None
        self._loop.add_reader(self._listener, self._take)

    def _take(self) -> None:
        """Up to a share; then a pause in which others take theirs."""
        for _ in range(self._share):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                self._share = 1
                return
            except OSError as error:
                log.error("a connection cannot be taken (%s); others are in %.0f s", error, FULL_SECONDS)
                self._pause(FULL_SECONDS)
                return
            connecting = self._loop.create_task(self._server.serve_one(connection))
            self._connecting.add(connecting)
            connecting.add_done_callback(self._connecting.discard)
        self._share = min(2 * self._share, MOST_AT_ONCE)
        self._pause(PAUSE_SECONDS)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._pausing = self._loop.call_later(seconds, self._listen)
