"""A TCP proxy with faults."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """A TCP proxy on loopback: it can delay what it passes on, and forget connections without closing them."""

    def __init__(self, target: int):
        self.port = 0
        self.delay = 0.0
        self.accepted = 0
        self._target = target
        self._pumps: set[asyncio.Task[None]] = set()
        self._muted = asyncio.Event()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def mute(self) -> None:
        """From now on nothing comes through the connections that exist; new ones work."""
        self._muted.set()
        self._muted = asyncio.Event()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on both ways until either side ends."""
        self.accepted += 1
        muted = self._muted
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        pumps = [asyncio.create_task(self._pump(*ways, muted)) for ways in ((reader, back), (there, writer))]
        self._pumps.update(pumps)
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            back.close()
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event) -> None:
        while data := await reader.read(65536):
            if self.delay:
                await asyncio.sleep(self.delay)
            if not muted.is_set():
                writer.write(data)


@asynccontextmanager
async def proxy(target: int) -> AsyncIterator[Proxy]:
    """A proxy before a port of loopback."""
    between = Proxy(target)
    handlers: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(between.handle(reader, writer))
        handlers.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    between.port = server.sockets[0].getsockname()[1]
    try:
        yield between
    finally:
        server.close()
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
