"""The short way through HTTP: byte for byte what uvicorn's own protocol answers."""

import asyncio
import itertools
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fyke.predictor import Predictor
from fyke.service.app import Service, create_app
from fyke.service.lane import FastLane, Known
from fyke.service.wire import MOST_HEADS, Wire
from fyke.settings import load
from tests.predictor.test_tiers import memory
from tests.waiting import until

HOST = "127.0.0.1"
_REFUSED = re.compile(rb"HTTP/1.1 400 Bad Request\r\n([^\r]+\r\n)*\r\n(Invalid HTTP|{\"detail\":\"This is no).+")
_CHANGING = re.compile(rb"(date|x-request-id): [^\r]+")


def request(body: bytes, *headers: str, line: str = "POST /predict HTTP/1.1", length: int | None = None) -> bytes:
    """A request as a client sends it."""
    lines = [line, "Host: it", "Content-Type: application/json", *headers]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def text(said: str) -> bytes:
    """A plain body."""
    return json.dumps({"text": said}).encode()


PLAIN = [request(text("you have won")), request(text("the meeting")), request(text("é" * 400)), request(text(""))]
UNUSUAL = [
    request(b"{}"),
    request(b"not json"),
    request(text("you have won"), "X-More: 1"),
    request(text("you have won"), "Cache-Control: no-store"),
    request(text("you have won"), "Connection: keep-alive"),
    request(text("you have won"), line="POST /predict?a=1 HTTP/1.1"),
    request(b"", line="GET /livez HTTP/1.1"),
    request(b"[]", line="PUT /predict HTTP/1.1"),
    request(text("you have won"), "Expect: 100-continue"),
    b"POST /predict HTTP/1.1\r\nHost: it\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"c\r\n" + text("")[:12] + b"\r\n0\r\n\r\n",
]
LAST = [  # after these the server hangs up; after what is malformed it does so at once, whatever it owes
    request(text("you have won"), "Connection: close"),
    request(text("you have won"), line="POST /predict HTTP/1.0"),
]
MALFORMED = [
    b"POST /predict HTTP/1.1\r\nHost: it\nContent-Type: application/json\r\n\r\n",
    b"nonsense\r\n\r\n",
    request(text("you have won"), "Content-Length: 3"),
    request(text("you have won"), length=3),
]


def _config(app: Any, protocol: type[asyncio.Protocol], keep_alive: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=protocol,
        access_log=False,
        log_level="critical",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=keep_alive,
    )


class Server:
    """A service on a free port, in a thread, spoken to over sockets."""

    def __init__(self, protocol: type[asyncio.Protocol]):
        self.app = create_app(load(cache_url="none://"))
        config = _config(self.app, protocol, 30)
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server((HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()

    def says(self, chunks: Sequence[bytes]) -> bytes:
        """All that comes back on one connection to which the chunks are sent, each in a segment of its own."""
        with socket.create_connection((HOST, self.port), timeout=60) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for chunk in chunks:
                client.sendall(chunk)
            said = b""
            while received := client.recv(65536):
                said += received
        return _CHANGING.sub(rb"\1: -", said)

    def converses(self, first: bytes, rest: Sequence[bytes]) -> bytes:
        """Send, wait until something comes back, then send the rest: all that came back until the server hung up."""
        with socket.create_connection((HOST, self.port), timeout=60) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(first)
            said = client.recv(65536)
            for chunk in rest:
                client.sendall(chunk)
            while received := client.recv(65536):
                said += received
        return _CHANGING.sub(rb"\1: -", said)

    def asks(self, requests: Sequence[bytes]) -> None:
        """Send requests on one connection, each when the last was answered; what follows the last one is not read."""
        with socket.create_connection((HOST, self.port), timeout=60) as client, client.makefile("rb") as answers:
            for one in requests:
                client.sendall(one)
                length = 0
                while (line := answers.readline()) not in (b"\r\n", b""):
                    name, _, value = line.partition(b":")
                    length = int(value) if name == b"content-length" else length
                answers.read(length)

    def stop(self) -> None:
        """Stop it."""
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    """The service with `Wire`, and with uvicorn's own protocol."""
    both = Server(Wire), Server(HttpToolsProtocol)
    for one in both:
        assert one.says([*PLAIN, LAST[0]]).count(b"HTTP/1.1 200 OK") == len(PLAIN) + 1
    yield both
    for one in both:
        one.stop()


def cut(message: bytes, places: Sequence[int]) -> list[bytes]:
    """A message in pieces."""
    edges = sorted({0, len(message), *(place % (len(message) + 1) for place in places)})
    return [message[start:end] for start, end in itertools.pairwise(edges)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(PLAIN) | st.sampled_from(PLAIN + UNUSUAL), max_size=5),
    st.lists(st.integers(0, 3000), max_size=6),
    st.sampled_from(LAST),
)
def test_it_answers_as_uvicorn_does(
    servers: tuple[Server, Server], requests: list[bytes], places: list[int], last: bytes
) -> None:
    """Whatever is sent on a connection, in whatever pieces: the same bytes come back, in the same order."""
    wire, own = servers
    chunks = [*cut(b"".join(requests), places), last]
    assert wire.says(chunks) == own.says(chunks)


@pytest.mark.parametrize("message", MALFORMED)
def test_it_refuses_what_uvicorn_refuses(servers: tuple[Server, Server], message: bytes) -> None:
    """What is no request is refused alike, in words of our own, though its beginning may be known."""
    wire, own = servers
    wire.asks(PLAIN)
    assert _REFUSED.sub(b"refused", wire.says([message])) == _REFUSED.sub(b"refused", own.says([message]))


@pytest.mark.parametrize("line", ["PUT /predict HTTP/1.1", "POST /nowhere HTTP/1.1"])
def test_a_body_is_never_taken_for_a_request(servers: tuple[Server, Server], line: str) -> None:
    """A request is answered before its body is there, and its body is a known request: there is one answer, not two."""
    wire, own = servers
    wire.asks(PLAIN)
    inner = PLAIN[0]
    outer = request(b"", line=line, length=len(inner))
    for split in (0, 1, len(inner) - 1):
        steps = [outer, *([inner[:split]] if split else []), inner[split:] + LAST[0]]
        assert wire.converses(outer, steps[1:]) == own.converses(outer, steps[1:])


def test_a_known_head_takes_the_short_way(servers: tuple[Server, Server]) -> None:
    """A plain head is known after its first time, with the length of its body."""
    heads = servers[0].app.lane.heads
    before = set(heads)
    new = request(text("new"), "User-Agent: new")
    servers[0].asks([new, new])
    (head,) = set(heads) - before
    assert new.startswith(head)
    assert heads[head].length == len(text("new"))


def test_unusual_heads_are_never_known(servers: tuple[Server, Server]) -> None:
    """What the fast lane does not take, or what closes the connection, is parsed each time."""
    for one in [*UNUSUAL, *LAST, *MALFORMED]:
        servers[0].asks([one])
    for head in servers[0].app.lane.heads:
        assert not any(word in head for word in (b"close", b"X-More", b"Cache-Control", b"?", b"1.0", b"GET", b"chunk"))


def test_heads_are_forgotten_in_turn(servers: tuple[Server, Server]) -> None:
    """However many there are, a bounded number is remembered."""
    heads = servers[0].app.lane.heads
    known = Known(servers[0].app.lane, 1)
    heads.update(
        (f"POST /predict HTTP/1.1\r\nx: {number}".encode(), known) for number in range(MOST_HEADS - len(heads))
    )
    oldest = next(iter(heads))
    servers[0].asks([request(text("one more"), "User-Agent: more")])
    assert len(heads) == MOST_HEADS
    assert oldest not in heads


class Held:
    """A model whose predictions wait for ``go``."""

    id = "held"

    def __init__(self) -> None:
        self.go = threading.Event()
        self.calls = 0

    def canonical(self, item: str) -> bytes:
        return item.encode()

    def predict_many(self, items: list[str]) -> list[float]:
        self.go.wait(20)
        self.calls += 1
        if items == ["fails"]:
            raise ValueError("no")
        return [0.9 for _ in items]


@asynccontextmanager
async def holding(keep_alive: int = 30) -> AsyncIterator[tuple[Held, int, uvicorn.Server]]:
    """A service in this loop over a model that waits."""
    app = create_app(load(cache_url="memory://"))
    assert isinstance(app, Service)
    config = _config(app, Wire, keep_alive)
    server = uvicorn.Server(config)
    listener = socket.create_server((HOST, 0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    model = Held()
    app.state.predictor = Predictor(model, memory=memory())
    try:
        yield model, listener.getsockname()[1], server
    finally:
        model.go.set()
        server.should_exit = True
        await serving


def lane_of(server: uvicorn.Server) -> FastLane:
    """The fast lane of a server's application."""
    lane: FastLane = server.config.loaded_app.lane
    return lane


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of the next response."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head)
    assert found is not None
    return head, await reader.readexactly(int(found[1]))


async def connected(model: Held, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which a plain head is known; from now on the model waits."""
    model.go.set()
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(request(text("a")))
    await answer(reader)
    model.go.clear()
    return reader, writer


def run(check: Callable[[], Any]) -> None:
    """Run a coroutine function, for no longer than half a minute."""
    asyncio.run(asyncio.wait_for(check(), 30))


def test_requests_wait_their_turn() -> None:
    """What is sent while another request is being answered is answered after it, whatever its kind."""

    async def check() -> None:
        async with holding() as (model, port, _):
            reader, writer = await asyncio.open_connection(HOST, port)
            model.go.set()
            writer.write(request(text("a")))
            await answer(reader)
            model.go.clear()
            for one in (request(text("b")), request(text("c")), request(b"{}"), request(text("d"))):
                writer.write(one)
                await writer.drain()
            model.go.set()
            codes = [(await answer(reader))[0].split()[1] for _ in range(4)]
            assert codes == [b"200", b"200", b"422", b"200"]
            writer.close()

    run(check)


def test_many_requests_wait_their_turn() -> None:
    """A hundred kilobytes of requests that come while one is being answered are all answered."""

    async def check() -> None:
        async with holding() as (model, port, server):
            reader, writer = await connected(model, port)
            writer.write(request(text("b")))
            await until(lambda: any(one._asked for one in server.server_state.connections))  # type: ignore[union-attr]
            writer.write(b"".join(request(text(f"{number:04}")) for number in range(1500)))
            await until(lambda: any(one.flow.read_paused for one in server.server_state.connections))  # type: ignore[union-attr]
            model.go.set()
            for _ in range(1501):
                assert (await answer(reader))[0].startswith(b"HTTP/1.1 200")
            writer.close()

    run(check)


def test_a_request_that_has_begun_is_answered_before_the_end() -> None:
    """A known head whose body is still arriving when the server is told to stop is answered, then it ends."""

    async def check() -> None:
        async with holding() as (model, port, server):
            model.go.set()
            long = request(text("a" * 50_000))
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(long)
            await answer(reader)
            writer.write(long[:20_000])
            await until(lambda: any(one._begun for one in server.server_state.connections))  # type: ignore[union-attr]
            server.should_exit = True
            await until(lambda: all(one._ending for one in server.server_state.connections))  # type: ignore[union-attr]
            writer.write(long[20_000:])
            assert (await answer(reader))[0].startswith(b"HTTP/1.1 200")
            assert await reader.read() == b""
            writer.close()

    run(check)


def test_a_model_that_fails_is_called_once() -> None:
    """The error of the short way is the framework's 500, and the connection goes on."""

    async def check() -> None:
        async with holding() as (model, port, server):
            model.go.set()
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(request(text("passes")))
            assert (await answer(reader))[0].startswith(b"HTTP/1.1 200")
            writer.write(request(text("works")))  # as long as what fails, so that its head is known
            assert (await answer(reader))[0].startswith(b"HTTP/1.1 200")
            calls = model.calls
            assert any(request(text("fails")).startswith(head) for head in lane_of(server).heads)
            writer.write(request(text("fails")))
            head, body = await answer(reader)
            assert head.startswith(b"HTTP/1.1 500")
            assert b"log says why" in body
            assert model.calls == calls + 1
            writer.close()

    run(check)


def test_a_client_that_leaves_disturbs_nobody() -> None:
    """Its answer is dropped, and the next client is served."""

    async def check() -> None:
        async with holding() as (model, port, _):
            reader, writer = await connected(model, port)
            writer.write(request(text("b")))
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            model.go.set()
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(request(text("b")))
            assert (await answer(reader))[0].startswith(b"HTTP/1.1 200")
            writer.close()

    run(check)


def test_a_server_that_stops_answers_first() -> None:
    """A request that is being answered when the server is told to stop gets its answer, then the connection ends."""

    async def check() -> None:
        async with holding() as (model, port, server):
            reader, writer = await connected(model, port)
            writer.write(request(text("b")))
            await until(lambda: any(one._asked for one in server.server_state.connections))  # type: ignore[union-attr]
            server.should_exit = True
            await until(lambda: all(one._ending for one in server.server_state.connections))  # type: ignore[union-attr]
            model.go.set()
            head, _ = await answer(reader)
            assert head.startswith(b"HTTP/1.1 200")
            assert b"connection: close" in head
            assert await reader.read() == b""
            writer.close()

    run(check)


def test_an_idle_connection_is_closed_and_a_busy_one_is_not() -> None:
    """The keep-alive timeout counts from the last answer, and never ends a request that is being answered."""

    async def check() -> None:
        async with holding(keep_alive=1) as (model, port, _):
            model.go.set()
            reader, writer = await asyncio.open_connection(HOST, port)
            loop = asyncio.get_running_loop()
            for _ in range(2):
                writer.write(request(text("a")))
                await answer(reader)
            model.go.clear()
            writer.write(request(text("b")))
            loop.call_later(1.5, model.go.set)
            assert (await answer(reader))[0].startswith(b"HTTP/1.1 200")
            answered = loop.time()
            assert await reader.read() == b""
            assert loop.time() - answered > 0.8
            writer.close()

    run(check)
