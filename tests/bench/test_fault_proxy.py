"""The fault proxy, before a real redis-server: each fault is what its name says, and ends when it is told to."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from bench.fault_proxy import FaultProxy
from tests.conftest import RedisServer

PING, PONG = b"PING\r\n", b"+PONG\r\n"
PATIENCE = 5.0
Story = Callable[[FaultProxy], Awaitable[None]]


def tell(server: RedisServer, story: Story) -> None:
    """Run a story of at most a few seconds before a proxy to the server."""

    async def run() -> None:
        async with asyncio.timeout(PATIENCE), FaultProxy(server.port, random.Random(0)) as proxy:
            await story(proxy)

    asyncio.run(run())


class Client:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, proxy: FaultProxy) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", proxy.port))

    def send(self, request: bytes) -> None:
        self._writer.write(request)

    async def receive(self, size: int = len(PONG)) -> bytes:
        """So many bytes, or what came before the end of the connection."""
        try:
            return await self._reader.readexactly(size)
        except asyncio.IncompleteReadError as error:
            return error.partial

    async def ask(self, request: bytes = PING, size: int = len(PONG)) -> bytes:
        self.send(request)
        return await self.receive(size)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def test_what_passes_is_not_changed(redis_server: RedisServer) -> None:
    """Requests and replies of a megabyte and more come through whole, in both directions."""

    async def story(proxy: FaultProxy) -> None:
        client = await Client.connect(proxy)
        value = random.Random(1).randbytes(2**20 + 7)
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%b\r\n" % (len(value), value))
        assert await client.receive(5) == b"+OK\r\n"
        reply = b"$%d\r\n%b\r\n" % (len(value), value)
        assert await client.ask(b"GET k\r\n", len(reply)) == reply
        await client.close()

    tell(redis_server, story)


def test_delayed_replies_come_late_and_in_order(redis_server: RedisServer) -> None:
    """Delays of requests that are sent together do not add up, and none is overtaken when the fault ends."""

    async def story(proxy: FaultProxy) -> None:
        loop = asyncio.get_running_loop()
        client = await Client.connect(proxy)
        await proxy.switch("delay", delay=0.2)
        started = loop.time()
        for _ in range(5):
            client.send(b"ECHO a\r\n")
        assert await client.receive(35) == b"$1\r\na\r\n" * 5
        assert 0.2 <= loop.time() - started < 0.6
        direct = Client(*await asyncio.open_connection("127.0.0.1", redis_server.port))
        client.send(b"SET k 1\r\nECHO b\r\n")
        while await direct.ask(b"EXISTS k\r\n", 4) != b":1\r\n":
            pass
        await proxy.switch("pass")
        client.send(b"ECHO c\r\n")
        assert await client.receive(19) == b"+OK\r\n$1\r\nb\r\n$1\r\nc\r\n"
        await client.close()
        await direct.close()

    tell(redis_server, story)


def test_a_cut_reply_is_half_and_the_last(redis_server: RedisServer) -> None:
    """The connection ends after half of the reply; a new one after the fault is whole."""

    async def story(proxy: FaultProxy) -> None:
        client = await Client.connect(proxy)
        assert await client.ask() == PONG
        await proxy.switch("cut")
        assert await client.ask() == b"+PO"
        await client.close()
        await proxy.switch("pass")
        again = await Client.connect(proxy)
        assert await again.ask() == PONG
        await again.close()

    tell(redis_server, story)


def test_a_black_hole_keeps_the_connection_and_loses_the_request(redis_server: RedisServer) -> None:
    """New connections are accepted, nothing is answered, and the server never sees what was asked."""

    async def story(proxy: FaultProxy) -> None:
        await proxy.switch("blackhole")
        client = await Client.connect(proxy)
        client.send(b"SET k 1\r\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.receive(1)
        await proxy.switch("pass")
        assert await client.ask(b"EXISTS k\r\n", 4) == b":0\r\n"
        await client.close()

    tell(redis_server, story)


@pytest.mark.parametrize(("replies", "size"), [((), 64), ((b":1\r\n", b":22\r\n"), 4)], ids=["noise", "given"])
def test_garbage_takes_the_place_of_the_reply(redis_server: RedisServer, replies: tuple[bytes, ...], size: int) -> None:
    """Random bytes, or one of the replies that were given; the request reaches the server."""

    async def story(proxy: FaultProxy) -> None:
        await proxy.switch("garbage", replies=replies)
        client = await Client.connect(proxy)
        answer = await client.ask(b"SET k 1\r\n", size)
        assert len(answer) == size
        assert answer != b"+OK\r\n"
        assert not replies or any(reply.startswith(answer) for reply in replies)
        await client.close()
        await proxy.switch("pass")
        again = await Client.connect(proxy)
        assert await again.ask(b"EXISTS k\r\n", 4) == b":1\r\n"
        await again.close()

    tell(redis_server, story)


def test_a_fault_can_spare_other_requests(redis_server: RedisServer) -> None:
    """With ``only``, a reply is spoiled when its request holds these bytes."""

    async def story(proxy: FaultProxy) -> None:
        await proxy.switch("cut", only=b"ECHO")
        client = await Client.connect(proxy)
        assert await client.ask() == PONG
        assert await client.ask(b"ECHO ab\r\n", 8) == b"$2\r\n"
        await client.close()

    tell(redis_server, story)


def test_a_refused_connection_is_refused_until_the_fault_ends(redis_server: RedisServer) -> None:
    """Open connections end, none is accepted, and afterwards the port is the same as before."""

    async def story(proxy: FaultProxy) -> None:
        client, port = await Client.connect(proxy), proxy.port
        assert await client.ask() == PONG
        await proxy.switch("refuse")
        assert await client.receive() == b""
        await client.close()
        with pytest.raises(ConnectionRefusedError):
            await Client.connect(proxy)
        await proxy.switch("pass")
        assert proxy.port == port
        again = await Client.connect(proxy)
        assert await again.ask() == PONG
        await again.close()

    tell(redis_server, story)


def test_a_dead_server_ends_the_connection(redis_server: RedisServer) -> None:
    """What the server does by itself is passed on: its end, and that it cannot be reached."""

    async def story(proxy: FaultProxy) -> None:
        client = await Client.connect(proxy)
        assert await client.ask() == PONG
        redis_server.process.kill()
        assert await client.receive() == b""
        await client.close()
        redis_server.process.wait()
        again = await Client.connect(proxy)
        assert await again.receive() == b""
        await again.close()

    tell(redis_server, story)
