"""The exchange with Redis over connections of redis-py's pool, which others use too."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis

from fyke.cache.exchange import Exchange
from tests.conftest import RedisServer
from tests.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncIterator[redis.Redis]:
    """A client with a pool of two, of which an exchange keeps one."""
    async with redis.Redis.from_url(redis_server.url, max_connections=2, protocol=3) as client:
        yield client


async def test_a_connection_that_is_given_back_is_as_it_was(client: redis.Redis) -> None:
    """Two exchanges at once take two connections; the one that the pool gets again serves the client's own commands."""
    exchange = Exchange(client.connection_pool)
    both = await asyncio.gather(exchange([("ECHO", "a")]), exchange([("ECHO", "b"), ("NOSUCH",), ("ECHO", b"c")]))
    assert both[0] == [b"a"]
    assert both[1][::2] == [b"b", b"c"]
    assert isinstance(both[1][1], redis.ResponseError)
    assert await client.echo("d") == b"d"
    assert await exchange([("ECHO", "e")]) == [b"e"]
    assert await exchange([]) == []


async def test_a_connection_that_the_server_closed_is_not_used_again(client: redis.Redis) -> None:
    """Closed while nothing was asked, it is replaced."""
    exchange = Exchange(client.connection_pool)
    (own,) = await exchange([("CLIENT", "ID")])
    await client.client_kill_filter(_id=own)
    (line,) = exchange._idle
    await until(lambda: not line.usable)
    (other,) = await exchange([("CLIENT", "ID")])
    assert other != own


async def test_what_nobody_asked_for_is_not_taken_for_an_answer(client: redis.Redis) -> None:
    """What the server tells at will is passed over; a reply too many ends the connection."""
    exchange = Exchange(client.connection_pool)
    await exchange([("ECHO", "a")])
    (line,) = exchange._idle
    line.data_received(b">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n")
    assert line.usable
    assert await exchange([("ECHO", "b")]) == [b"b"]
    line.data_received(b"+OK\r\n")
    assert not line.usable
    assert await exchange([("ECHO", "c")]) == [b"c"]


async def test_who_is_cancelled_leaves_no_reply_for_the_next(client: redis.Redis) -> None:
    """A question that is given up costs its connection."""
    exchange = Exchange(client.connection_pool)
    asking = asyncio.create_task(exchange([("BLPOP", "nothing", "30")]))

    async def blocked() -> bool:
        return bool((await client.info("clients"))["blocked_clients"])

    await until(blocked)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert await exchange([("ECHO", "a")]) == [b"a"]
