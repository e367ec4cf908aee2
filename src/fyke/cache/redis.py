"""Entries in Redis or Valkey: one MGET for many keys, one pipeline for many writes, SCAN and UNLINK."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from itertools import chain
from typing import Any, Protocol

import redis.asyncio as redis
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import InvalidResponse, ResponseError

from fyke.cache.clients import close_client, make_client
from fyke.cache.exchange import Command, Exchange
from fyke.cache.keys import LEASES
from fyke.cache.reach import Reach, within
from fyke.cache.store import Write

log = logging.getLogger(__name__)

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

    ``deadline`` bounds every lookup and write in seconds; a step of a listing or a purge may take ``patience``
    seconds; see `fyke.cache.reach`. Nothing is retried: a cache that is late is a cache that missed.
    When `listen` has heard nothing for ``silence`` seconds it asks whether the channel lives.

    Raises:
        StoreError: the URL cannot be read.
    """

    def __init__(
        self,
        url: str,
        *,
        deadline: float = 0.05,
        patience: float = 5.0,
        silence: float = 2.0,
        owner: Closable | None = None,
    ):
        client = make_client(url, patience=patience)
        self._client: Any = client
        self._exchange = None if isinstance(client, redis.RedisCluster) else Exchange(client.connection_pool)
        self._cluster = self._exchange is None
        self._reach = Reach(self._probe, deadline, patience)
        self._patience = patience
        self._silence = silence
        self._owner = owner
        self._closed = False

    @property
    def client(self) -> Any:
        """redis-py's client, for what else is kept in the same place; it is closed with the store."""
        return self._client

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """One MGET within the deadline; on a cluster one for each slot, in parallel over the nodes."""
        return await self._reach.in_time(lambda: self._mget(keys))

    async def set_many(self, writes: Sequence[Write], done: Sequence[str] = ()) -> list[bool]:
        """One pipeline of SET with PX, and UNLINK for the leases, within the deadline."""
        sets = [_set(write.key, write.value, write.ttl_ms, *(["XX"] if write.renewal else [])) for write in writes]
        replies = await self._reach.in_time(lambda: self._send(sets, [("UNLINK", LEASES + key) for key in done]))
        return [bool(reply) for reply in replies[: len(sets)]]

    async def drop_many(self, keys: Sequence[str]) -> None:
        """One pipeline of UNLINK within the deadline."""
        await self._reach.in_time(lambda: self._send([("UNLINK", key) for key in keys]))

    async def lease_many(self, keys: Sequence[str], ttl_ms: int) -> list[tuple[bytes | None, bool]]:
        """One pipeline of SET with NX and PX for the leases, then GET for the values, within the deadline.

        The leases are taken first: whoever gets one sees the value if another wrote it before giving the lease back.
        """
        leases = [_set(LEASES + key, b"", ttl_ms, "NX") for key in keys]

        async def ask() -> list[tuple[bytes | None, bool]]:
            replies = await self._send(leases, [("GET", key) for key in keys])
            taken, values = replies[: len(keys)], _values(replies[len(keys) :], len(keys))
            return [(value, bool(leased)) for value, leased in zip(values, taken, strict=True)]

        return await self._reach.in_time(ask)

    async def scan(self, prefix: str) -> AsyncGenerator[list[tuple[str, bytes]], None]:
        """Walk the keys with SCAN and read each batch with one MGET; a batch may be empty."""
        async for keys in self._walk(prefix):
            async with within(self._patience):
                values = await self._mget(keys)
            pairs = zip(keys, values, strict=True)
            yield [(key.decode(errors="replace"), value) for key, value in pairs if value is not None]

    async def purge(self, prefix: str) -> int:
        """Walk the keys with SCAN, let the server forget them with UNLINK, then publish the prefix."""
        gone = 0
        async for keys in self._walk(prefix):
            if not keys:
                continue
            async with within(self._patience):
                gone += sum(await self._send([("UNLINK", key) for key in keys]))
        async with within(self._patience):
            await self._client.execute_command("PUBLISH", PURGES, prefix)
        return gone

    async def listen(self, purged: Callable[[str], None]) -> None:
        """Follow the channel of purges, connecting again for as long as it takes; ends when the store is closed."""
        told = False
        while not self._closed:
            try:
                await self._follow(purged)
            except ResponseError as error:
                if not told:
                    log.warning("the store does not let us hear of purges in other processes (%s)", error)
                told = True
            except Exception:  # TROUBLE; but a client that is told nonsense raises anything
                self._reach.sure = False
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def ping(self) -> None:
        """Reach the server or the cluster; patient, because it is asked at the start."""
        async with within(self._patience):
            await self._reach.reached()

    async def close(self) -> None:
        """Close the connections, then let go of the embedded server if there is one."""
        self._closed = True
        await self._reach.close()
        await close_client(self._client)
        if self._owner is not None:
            self._owner.close()

    async def _probe(self) -> None:
        if self._exchange is None:
            await self._client.initialize()
            # Pipelines never notice that another node has taken over the slots of a dead one.
            await self._client.nodes_manager.initialize()
        else:
            await self._send([("PING",)])

    async def _follow(self, purged: Callable[[str], None]) -> None:
        async with asyncio.timeout(self._patience):
            if not self._reach.sure:
                await self._reach.reached()
        where = {"node": self._client.get_random_primary_node()} if self._cluster else {}
        async with self._client.pubsub(**where) as channel:
            async with asyncio.timeout(self._patience):
                await channel.subscribe(PURGES)
            if self._closed:  # meanwhile: nobody would close this connection
                return
            asked = False
            while True:
                async with asyncio.timeout(self._silence + self._patience):
                    message = await channel.get_message(timeout=self._silence)
                    if message is None and asked:
                        raise Disconnected("the channel of purges is dead")
                    asked = message is None
                    if asked:
                        await channel.ping()
                if message is not None and message["type"] == "subscribe":
                    purged("")
                elif message is not None and message["type"] == "message":
                    purged(message["data"].decode(errors="replace"))

    async def _mget(self, keys: Sequence[str | bytes]) -> list[bytes | None]:
        if not keys:
            return []
        if self._cluster:
            return _values(await self._client.mget_nonatomic(keys), len(keys))
        (reply,) = await self._send([("MGET", *keys)])
        return _values(reply, len(keys))

    async def _send(self, *stages: list[Command]) -> list[Any]:
        """The replies to all commands in order, from one pipeline.

        On a cluster, where one node does not wait for another, from one pipeline for each stage.
        """
        if self._exchange is not None:
            replies = await self._exchange([*chain(*stages)])
        else:
            replies = []
            for commands in stages:
                pipeline = self._client.pipeline()
                for command in commands:
                    pipeline.execute_command(*command)
                # Raised from the pipeline, an error would quote the command, and with it the value.
                replies += await pipeline.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    async def _walk(self, prefix: str) -> AsyncIterator[list[bytes]]:
        pattern = _literal(prefix) + "*"
        nodes: list[dict[str, Any]] = [{}]
        if self._cluster:
            async with within(self._patience):
                await self._client.initialize()
            nodes = [{"target_nodes": node} for node in self._client.get_primaries()]
        for node in nodes:
            cursor = 0
            while True:
                async with within(self._patience):
                    reply = await self._client.scan(cursor, match=pattern, count=_SCAN_COUNT, **node)
                cursor, keys = _scanned(reply)
                yield keys  # even none: whoever has seen enough can stop
                if not cursor:
                    break


def _values(reply: Any, count: int) -> list[bytes | None]:
    """A reply to a lookup, after a look at whether it is one."""
    if not isinstance(reply, list) or len(reply) != count:
        raise InvalidResponse(f"{type(reply).__name__} is no answer to a lookup of {count} keys")
    if not all(value is None or isinstance(value, bytes) for value in reply):
        raise InvalidResponse("the answer to a lookup holds what is no value")
    return reply


def _set(key: str, value: bytes, ttl_ms: int, *condition: str) -> Command:
    return ("SET", key, value, "PX", ttl_ms, *condition)


def _scanned(reply: Any) -> tuple[int, list[bytes]]:
    """A reply to SCAN; on a cluster the cursors come by node, here of one node."""
    cursor, keys = reply
    if isinstance(cursor, dict):
        (cursor,) = cursor.values()
    return int(cursor), keys


def _literal(prefix: str) -> str:
    """The prefix with the characters that SCAN's MATCH treats as a pattern escaped."""
    return "".join("\\" + char if char in "*?[]\\^" else char for char in prefix)
