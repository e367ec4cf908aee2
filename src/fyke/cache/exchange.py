"""Commands and replies over the connections of redis-py's pool.

redis-py's client and its pipelines spend most of a command's time on retries, observability and response callbacks,
none of which a lookup with a deadline uses. Its connections connect, authenticate, select and parse; that is all that
is needed here. A connection that has answered is kept for the next exchange.
"""

from collections.abc import Sequence
from typing import Any

from hiredis import pack_command
from redis.asyncio.connection import ConnectionPool
from redis.exceptions import RedisError, ResponseError

Command = tuple[str | bytes | int, ...]

MOST_IDLE = 8  # connections kept out of the pool


class Exchange:
    """Takes connections from a pool, and keeps a few of them: at most half, so that others find some there too."""

    def __init__(self, pool: ConnectionPool):
        self._pool: Any = pool
        self._most_idle = min(MOST_IDLE, max(1, pool.max_connections // 2))
        self._idle: list[Any] = []

    async def __call__(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to commands that are sent in one write, in order; replies that are errors are values.

        A connection on which anything went wrong, or whose replies nobody waits for any longer, is closed.

        Raises:
            RedisError, OSError: the server was not reached, or does not speak the protocol.
        """
        connection = await self._take()
        try:
            packed = b"".join([pack_command(command) for command in commands])  # type: ignore[arg-type]
            await connection.send_packed_command(packed, check_health=False)
            replies = [await _reply(connection) for _ in commands]
        except BaseException:
            await self._let_go(connection)
            raise
        if len(self._idle) < self._most_idle:
            self._idle.append(connection)
        else:
            await self._pool.release(connection)
        return replies

    async def _take(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            try:
                if not await connection.can_read():  # that is, neither closed nor with a reply that nobody waits for
                    return connection
            except (RedisError, OSError):
                pass
            await self._let_go(connection)
        return await self._pool.get_connection()

    async def _let_go(self, connection: Any) -> None:
        await connection.disconnect(nowait=True)
        await self._pool.release(connection)


async def _reply(connection: Any) -> Any:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error
