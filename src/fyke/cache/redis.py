"""Entries in Redis or Valkey: one MGET for many keys, one pipeline for many writes, SCAN and UNLINK."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast

import redis.asyncio as redis
from redis.exceptions import RedisError

from fyke.cache.clients import make_client
from fyke.cache.keys import LEASES
from fyke.cache.store import Write
from fyke.errors import StoreError

PURGES = "fyke:1:purges"  # the channel on which purges are told
_SCAN_COUNT = 500
_RECONNECT_SECONDS = 0.25


class Closable(Protocol):
    """What a store may own: a server that must outlive its connections."""

    def close(self) -> None:
        """Let go of it."""
        ...


class RedisStore:
    """A `fyke.cache.store.Store` over one server, a Sentinel group or a cluster; see `make_client` for URLs.

    ``deadline`` bounds every lookup and write, connecting included, in seconds; a step of a listing or a purge
    may take ``patience`` seconds. Nothing is retried: a cache that is late is a cache that missed.

    Raises:
        StoreError: the URL cannot be read.
    """

    def __init__(self, url: str, *, deadline: float = 0.05, patience: float = 5.0, owner: Closable | None = None):
        self._client: Any = make_client(url, patience=patience)
        self._cluster = isinstance(self._client, redis.RedisCluster)
        self._deadline = deadline
        self._patience = patience
        self._owner = owner

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """One MGET within the deadline; on a cluster one for each slot, in parallel over the nodes."""
        async with _within(self._deadline):
            return await self._mget(keys)

    async def set_many(self, writes: Sequence[Write], done: Sequence[str] = ()) -> list[bool]:
        """One pipeline of SET with PX, and UNLINK for the leases, within the deadline."""
        async with _within(self._deadline), self._pipeline() as pipeline:
            for write in writes:
                pipeline.set(write.key, write.value, px=write.ttl_ms, xx=write.renewal)
            for key in done:
                pipeline.unlink(LEASES + key)
            replies = await pipeline.execute()
        return [bool(reply) for reply in replies[: len(writes)]]

    async def drop_many(self, keys: Sequence[str]) -> None:
        """One pipeline of UNLINK, within the deadline."""
        async with _within(self._deadline), self._pipeline() as pipeline:
            for key in keys:
                pipeline.unlink(key)
            await pipeline.execute()

    async def lease_many(self, keys: Sequence[str], ttl_ms: int) -> list[tuple[bytes | None, bool]]:
        """One pipeline of SET with NX and PX for the leases, then GET for the values, within the deadline.

        The lease is taken first: whoever gets one sees the value if another wrote it before giving the lease back.
        """
        async with _within(self._deadline), self._pipeline() as pipeline:
            for key in keys:
                pipeline.set(LEASES + key, b"", nx=True, px=ttl_ms)
                pipeline.get(key)
            replies = await pipeline.execute()
        return [(value, bool(leased)) for leased, value in zip(replies[::2], replies[1::2], strict=True)]

    async def scan(self, prefix: str) -> AsyncIterator[list[tuple[str, bytes]]]:
        """Walk the keys with SCAN and read each batch with one MGET."""
        async for keys in self._walk(prefix):
            async with _within(self._patience):
                values = await self._mget(keys)
            yield [(key, value) for key, value in zip(keys, values, strict=True) if value is not None]

    async def purge(self, prefix: str) -> int:
        """Walk the keys with SCAN, let the server forget them with UNLINK, then publish the prefix."""
        gone = 0
        async for keys in self._walk(prefix):
            async with _within(self._patience), self._pipeline() as pipeline:
                for key in keys:
                    pipeline.unlink(key)
                gone += sum(await pipeline.execute())
        async with _within(self._patience):
            await self._client.execute_command("PUBLISH", PURGES, prefix)
        return gone

    async def listen(self, purged: Callable[[str], None]) -> None:
        """Follow the channel of purges, connecting again for as long as it takes."""
        while True:
            try:
                async with self._client.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(PURGES)
                    purged("")
                    while True:
                        message = await channel.get_message(timeout=None)
                        if message is not None:
                            purged(message["data"].decode())
            except (RedisError, OSError):
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def ping(self) -> None:
        """One PING; patient, because it is asked at the start."""
        async with _within(self._patience):
            await self._client.ping()

    async def close(self) -> None:
        """Close the connections, then let go of the embedded server if there is one."""
        await self._client.aclose()
        if self._owner is not None:
            self._owner.close()

    async def _mget(self, keys: Sequence[str]) -> list[bytes | None]:
        ask = self._client.mget_nonatomic if self._cluster else self._client.mget
        return cast(list[bytes | None], await ask(keys))

    def _pipeline(self) -> Any:
        return self._client.pipeline() if self._cluster else self._client.pipeline(transaction=False)

    async def _walk(self, prefix: str) -> AsyncIterator[list[str]]:
        pattern = _literal(prefix) + "*"
        if self._cluster:
            async with _within(self._patience):
                await self._client.initialize()
            nodes = [{"target_nodes": node} for node in self._client.get_primaries()]
        else:
            nodes = [{}]
        for node in nodes:
            cursor = 0
            while True:
                async with _within(self._patience):
                    reply = await self._client.scan(cursor, match=pattern, count=_SCAN_COUNT, **node)
                cursor, keys = _scanned(reply)
                if keys:
                    yield [key.decode() for key in keys]
                if not cursor:
                    break


def _scanned(reply: Any) -> tuple[int, list[bytes]]:
    """A reply to SCAN; on a cluster the cursors come by node, here of one node."""
    cursor, keys = reply
    if isinstance(cursor, dict):
        (cursor,) = cursor.values()
    return int(cursor), keys


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


def _literal(prefix: str) -> str:
    """The prefix with the characters that SCAN's MATCH treats as a pattern escaped."""
    return "".join("\\" + char if char in "*?[]\\^" else char for char in prefix)
