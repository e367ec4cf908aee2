"""A TCP proxy on loopback whose faults are switched while connections are open."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Literal

Mode = Literal["pass", "delay", "cut", "blackhole", "garbage", "refuse"]

HOST = "127.0.0.1"
_CHUNK = 2**16


class FaultProxy:
    """Forwards what comes to ``port`` to ``upstream``, and spoils replies as `switch` says.

    ``pass``: spoils nothing. ``delay``: each reply comes ``delay`` seconds late, in order. ``cut``: half of a
    reply, then the end of the connection. ``blackhole``: requests vanish. ``garbage``: one of ``replies`` instead
    of the server's, random bytes where none are given. ``refuse``: open connections end and none is accepted.
    """

    def __init__(self, upstream: int, rng: random.Random):
        self.port = 0
        self._upstream = upstream
        self._rng = rng
        self._mode: Mode = "pass"
        self._delay = 0.0
        self._only = b""
        self._replies: tuple[bytes, ...] = ()
        self._listener: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "FaultProxy":
        await self.switch("pass")
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.switch("refuse")

    async def switch(
        self, mode: Mode, *, delay: float = 0.0, only: bytes = b"", replies: tuple[bytes, ...] = ()
    ) -> None:
        """From now on misbehave as ``mode`` says, on open connections too.

        ``only`` spares replies to requests that do not hold it, so that a client gets through its greeting.
        """
        self._mode, self._delay, self._only, self._replies = mode, delay, only, replies
        if mode == "refuse":
            if self._listener is not None:
                self._listener.close()
                self._listener = None
            for link in self._links:
                link.cancel()
            await asyncio.gather(*self._links, return_exceptions=True)
        elif self._listener is None:
            self._listener = await asyncio.start_server(self._accept, HOST, self.port, limit=_CHUNK)
            self.port = self._listener.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.ensure_future(self._link(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it or a fault does."""
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(writer.close)
            try:
                server_reader, server_writer = await asyncio.open_connection(HOST, self._upstream)
            except OSError:
                return
            stack.callback(server_writer.close)
            asked = bytearray()
            late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
            ways = [
                asyncio.ensure_future(self._requests(reader, server_writer, asked)),
                asyncio.ensure_future(self._replies_to(asked, server_reader, late)),
                asyncio.ensure_future(_deliver(late, writer)),
            ]
            for way in ways:
                stack.callback(way.cancel)
            await asyncio.wait([ways[0], ways[2]], return_when=asyncio.FIRST_COMPLETED)

    async def _requests(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, asked: bytearray) -> None:
        async for chunk in _chunks(reader):
            asked[:] = chunk
            if self._mode != "blackhole" or self._only not in chunk:
                server.write(chunk)

    async def _replies_to(
        self, asked: bytearray, server: asyncio.StreamReader, late: "asyncio.Queue[tuple[float, bytes]]"
    ) -> None:
        """Queue what the client gets, with the time at which it gets it; empty bytes end the connection."""
        async for chunk in _chunks(server):
            mode = self._mode if self._only in asked else "pass"
            if mode == "cut":
                late.put_nowait((0.0, chunk[: len(chunk) // 2]))
                break
            if mode == "garbage":
                chunk = self._rng.choice(self._replies) if self._replies else self._rng.randbytes(64)
            late.put_nowait((asyncio.get_running_loop().time() + self._delay * (mode == "delay"), chunk))
        late.put_nowait((0.0, b""))


async def _deliver(late: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
    while True:
        due, chunk = await late.get()
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        if not chunk:
            return
        writer.write(chunk)


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """What comes, as it comes, until the end or a reset."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            yield chunk
