"""A server in a thread."""

import socket
import threading
from typing import Self

import uvicorn


class Running:
    """It listens on a free ``port`` of this machine while the context lasts."""

    def __init__(self, config: uvicorn.Config):
        self._server = uvicorn.Server(config)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
