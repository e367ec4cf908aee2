"""Processor time of a hit in `fyke.service.wire`, without sockets: ``python -m bench.hit``.

For comparing two checkouts: run it in both in turn, and compare the least of several runs.
"""

import asyncio
import json
import time
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from fyke.service.app import Service, create_app
from fyke.service.wire import Wire
from fyke.settings import load

ROUNDS, HITS = 10, 10_000
BODY = json.dumps({"text": "urgent action required: your account has been compromised, click here " * 5}).encode()
REQUEST = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (
        len(BODY),
        BODY,
    )
)


class _Transport(asyncio.Transport):
    """Takes what is written, and counts it."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = 0

    def write(self, data: Any) -> None:
        self.answers += b"200 OK" in data

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        return None

    def resume_reading(self) -> None:
        return None

    def close(self) -> None:
        return None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in ("sockname", "peername") else default


async def run(app: Service) -> float:
    """The least seconds of processor time for a hit, over the rounds."""
    async with app.router.lifespan_context(app):
        config = uvicorn.Config(app, http=Wire, access_log=False, server_header=False, proxy_headers=False)
        config.load()
        state = ServerState()
        state.default_headers = [(b"date", b"-")]
        wire = Wire(config, state, {})
        transport = _Transport()
        wire.connection_made(transport)
        while transport.answers < 20:
            wire.data_received(REQUEST)
            await asyncio.sleep(0.01)
        best = float("inf")
        for _ in range(ROUNDS):
            started = time.process_time()
            for _ in range(HITS):
                wire.data_received(REQUEST)
            best = min(best, (time.process_time() - started) / HITS)
        wire.connection_lost(None)
        return best


def main() -> None:
    """Print it in microseconds."""
    app = create_app(load(cache_url="memory://"))
    assert isinstance(app, Service)
    print(f"{asyncio.run(run(app)) * 1e6:.2f} us for a hit")


if __name__ == "__main__":
    main()
