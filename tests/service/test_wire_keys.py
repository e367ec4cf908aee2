"""The short way through HTTP with keys: as fast, and a head that was let in is not for ever."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from fyke.service.wire import Wire
from tests.service.keyed import Keys, keyed_app, look_now


class Server:
    """A service that asks for keys, in a thread, spoken to on one connection."""

    def __init__(self, keys: Keys):
        self.keys = keys
        self.app, _ = keyed_app(keys)
        config = uvicorn.Config(
            self.app, http=Wire, access_log=False, log_level="critical", server_header=False, proxy_headers=False
        )
        self._server = uvicorn.Server(config)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))
        self._thread.start()
        self._client = socket.create_connection(self._listener.getsockname(), timeout=60)
        self._answers = self._client.makefile("rb")

    def ask(self, text: str, who: str) -> tuple[int, str]:
        """Status, and where the answer came from."""
        body = json.dumps({"text": text})
        self._client.sendall(
            f"POST /predict HTTP/1.1\r\nHost: it\r\nContent-Type: application/json\r\nAuthorization: Bearer "
            f"{self.keys.tokens[who]}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        status = int(self._answers.readline().split()[1])
        headers = {}
        while (line := self._answers.readline().strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name] = value
        self._answers.read(int(headers["content-length"]))
        return status, headers.get("cache-status", "").rpartition("=")[2]

    def stop(self) -> None:
        """Stop it."""
        self._answers.close()
        self._client.close()
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """With a key for each of two tenants, and one that may only read."""
    keys = Keys(tmp_path / "keys.json")
    for name in ("ann", "bob"):
        keys.add(name, "predict", namespace=name)
    keys.add("reads", "read")
    found = Server(keys)
    yield found
    found.stop()


def test_a_known_head_leads_into_its_namespace(server: Server) -> None:
    """Two tenants on one connection: each head is known with its tenant, and neither hits what the other asked."""
    asked = [server.ask("a prize", who) for who in ("ann", "ann", "bob", "bob", "ann", "bob")]
    assert asked == [(200, tier) for tier in ("model", "memory", "model", "memory", "memory", "memory")]
    assert len(server.app.lane.heads) == 2


def test_a_head_that_is_refused_is_never_known(server: Server) -> None:
    """However often it comes."""
    assert [server.ask("a prize", "reads")[0] for _ in range(3)] == [403] * 3
    assert server.app.lane.heads == {}


def test_a_revoked_key_loses_its_known_head(server: Server) -> None:
    """As soon as the file is looked at again; another key's requests go on."""
    for who in ("ann", "bob", "ann", "bob"):
        assert server.ask("a prize", who)[0] == 200
    server.keys.revoke("ann")
    look_now(server.app)
    assert server.ask("a prize", "ann")[0] == 401
    assert server.ask("a prize", "bob") == (200, "memory")
