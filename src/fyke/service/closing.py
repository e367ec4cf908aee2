"""The end of listening: what the kernel has accepted by then is served, though no process has seen it yet."""

import asyncio
import contextlib
import socket

import uvicorn


class Server(uvicorn.Server):
    """uvicorn's, which leaves no connection behind in the listening sockets when it closes them.

    The kernel completes handshakes by itself, and resets what nobody has accepted when the last process lets go of a
    socket. So each process takes what is there just before it does; between the two lie some microseconds.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take the last connections, then close as uvicorn does."""
        last = [one.dup() for one in sockets or []]  # uvloop closes its own in a later turn
        for server in self.servers:
            server.close()
        for one in sockets or []:
            one.close()
        for _ in range(3):
            await asyncio.sleep(0)
        for one in last:
            with contextlib.closing(one):
                accepted = _accepted(one)
            for connection in accepted:
                await self._serve_last(connection)
        await super().shutdown(sockets)

    async def _serve_last(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # its client has gone
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        state = self.lifespan.state
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=state
        )


def _accepted(listener: socket.socket) -> list[socket.socket]:
    """What waits to be accepted."""
    listener.setblocking(False)
    found = []
    with contextlib.suppress(OSError):  # nothing more
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            found.append(connection)
    return found
