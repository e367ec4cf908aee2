"""Entries in Redis or Valkey: one MGET for many keys, one pipeline for many writes, SCAN and UNLINK."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from fyke.cache.store import Write
from fyke.errors import StoreError

_SCAN_COUNT = 500


class RedisStore:
    """A `fyke.cache.store.Store` over one server.

    ``deadline`` bounds connecting and every lookup and write, in seconds; a listing or a purge may take
    ``patience`` seconds for each step. Nothing is retried: a cache that is late is a cache that missed.

    Raises:
        StoreError: the URL is not one that the client can read.
    """

    name = "redis"

    def __init__(self, url: str, *, deadline: float = 0.05, patience: float = 5.0, owner: Any = None):
        try:
            self._client = redis.Redis.from_url(
                url,
                socket_connect_timeout=patience,
                socket_timeout=patience,
                retry=Retry(NoBackoff(), 0),
                protocol=3,
                client_name="fyke",
            )
        except (ValueError, RedisError) as error:
            raise StoreError(f"The cache URL cannot be read: {error}.") from error
        self._deadline = deadline
        self._patience = patience
        self._owner = owner  # the embedded server that must outlive the connections

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """One MGET within the deadline."""
        async with _within(self._deadline):
            return _bytes(await self._client.mget(keys))

    async def set_many(self, writes: Sequence[Write]) -> None:
        """One pipeline of SET with PX within the deadline."""
        async with _within(self._deadline), self._client.pipeline(transaction=False) as pipeline:
            for write in writes:
                pipeline.set(write.key, write.value, px=write.ttl_ms)
            await pipeline.execute()

    async def scan(self, prefix: str) -> AsyncIterator[list[tuple[str, bytes]]]:
        """Walk the keys with SCAN and read each batch with one MGET."""
        async for keys in self._walk(prefix):
            async with _within(self._patience):
                values = _bytes(await self._client.mget(keys))
            pairs = zip(keys, values, strict=True)
            yield [(key.decode(), value) for key, value in pairs if value is not None]

    async def purge(self, prefix: str) -> int:
        """Walk the keys with SCAN and let the server forget them with UNLINK."""
        gone = 0
        async for keys in self._walk(prefix):
            async with _within(self._patience):
                gone += await self._client.unlink(*keys)
        return gone

    async def _walk(self, prefix: str) -> AsyncIterator[list[bytes]]:
        cursor = 0
        while True:
            async with _within(self._patience):
                cursor, keys = await self._client.scan(cursor, match=_literal(prefix) + "*", count=_SCAN_COUNT)
            if keys:
                yield cast(list[bytes], keys)
            if not cursor:
                return

    async def ping(self) -> None:
        """One PING; patient, because it is asked at the start."""
        async with _within(self._patience):
            await self._client.ping()

    async def close(self) -> None:
        """Close the connections, then let go of the embedded server if there is one."""
        await self._client.aclose()
        if self._owner is not None:
            self._owner.close()


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """Bound what happens inside, and turn every failure of the client into a `StoreError`."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise StoreError(f"no answer within {seconds * 1000:.0f} ms") from error
    except (RedisError, OSError) as error:
        raise StoreError(str(error) or type(error).__name__) from error


def _bytes(values: object) -> list[bytes | None]:
    """What the client read: bytes, since it was not told to decode."""
    return cast(list[bytes | None], values)


def _literal(prefix: str) -> str:
    """The prefix with the characters that SCAN's MATCH treats as a pattern escaped."""
    return "".join("\\" + char if char in "*?[]\\^" else char for char in prefix)
