"""Commands and replies over the connections of redis-py's pool.

redis-py's client and its pipelines spend most of a command's time on retries, observability and response callbacks,
and its connections on streams and a task switch for each reply; a lookup with a deadline uses none of that. Its
connections connect, authenticate and select. Then their transport is led past them, to a `Line`, for as long as it is
kept here.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
from hiredis import pack_command
from redis.asyncio.connection import ConnectionPool
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import InvalidResponse

Command = tuple[str | bytes | int, ...]

MOST_IDLE = 8  # connections kept out of the pool
_INCOMPLETE = object()


class Line(asyncio.Protocol):
    """One connection of redis-py's, without its streams."""

    def __init__(self, connection: Any):
        self.connection = connection
        self._transport: Any = connection._writer.transport
        self._streams: Any = self._transport.get_protocol()
        said = connection._parser.parse_error
        self._reader: Any = hiredis.Reader(protocolError=InvalidResponse, replyError=said, notEnoughData=_INCOMPLETE)
        self._replies: list[Any] = []
        self._wanted = 0
        self._waiting: asyncio.Future[list[Any]] | None = None
        self._transport.set_protocol(self)
        self.usable = not self._transport.is_closing()

    def ask(self, commands: Sequence[Command]) -> "asyncio.Future[list[Any]]":
        """The replies to come; one question at a time. Replies that are errors are values."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._wanted = len(commands)
        self._replies = []
        self._transport.write(b"".join([pack_command(command) for command in commands]))  # type: ignore[arg-type]
        return self._waiting

    def data_received(self, data: bytes) -> None:
        """Read replies; what nobody asked for makes the connection useless, but for what a server may tell at will."""
        try:
            self._reader.feed(data)
            reply = self._reader.gets(False)
            while reply is not _INCOMPLETE:
                if not isinstance(reply, hiredis.PushNotification):
                    self._replies.append(reply)
                reply = self._reader.gets(False)
        except Exception as error:
            self._fail(error)
            return
        if self._waiting is None or len(self._replies) > self._wanted:
            if self._replies or self._reader.has_data():
                self._fail(InvalidResponse("more replies than commands"))
        elif len(self._replies) == self._wanted:
            waiting, self._waiting = self._waiting, None
            replies, self._replies = self._replies, []
            if not waiting.done():
                waiting.set_result(replies)

    def eof_received(self) -> None:
        """The server has closed it."""
        self._fail(Disconnected("the server closed the connection"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits, and the streams, which redis-py may be waiting for."""
        self._fail(exc or Disconnected("the connection is lost"))
        self._streams.connection_lost(exc)

    def give_back(self) -> None:
        """Let the streams have it again."""
        self._transport.set_protocol(self._streams)

    def _fail(self, error: Exception) -> None:
        self.usable = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)


class Exchange:
    """Takes connections from a pool, and keeps a few of them: at most half, so that others find some there too."""

    def __init__(self, pool: ConnectionPool):
        self._pool: Any = pool
        self._most_idle = min(MOST_IDLE, max(1, pool.max_connections // 2))
        self._idle: list[Line] = []

    async def __call__(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to commands that are sent in one write, in order; replies that are errors are values.

        A connection on which anything went wrong, or whose replies nobody waits for any longer, is closed.

        Raises:
            RedisError, OSError: the server was not reached, or does not speak the protocol.
        """
        line = await self._take()
        try:
            replies = await line.ask(commands) if commands else []
        except BaseException:
            await self._let_go(line)
            raise
        if len(self._idle) < self._most_idle:
            self._idle.append(line)
        else:
            line.give_back()
            await self._pool.release(line.connection)
        return replies

    async def _take(self) -> Line:
        while self._idle:
            line = self._idle.pop()
            if line.usable and line.connection.is_connected:
                return line
            await self._let_go(line)
        return Line(await self._pool.get_connection())

    async def _let_go(self, line: Line) -> None:
        line.give_back()
        await line.connection.disconnect(nowait=True)
        await self._pool.release(line.connection)
