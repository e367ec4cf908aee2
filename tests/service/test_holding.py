"""One bound on the bodies that are held at a time."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from fyke.service.app import Service, create_app
from fyke.settings import load
from tests.service.keyed import shipped
from tests.service.test_doors import Stream, listening, run
from tests.waiting import until

MESSAGE = b"Subject: x\r\n\r\n" + b"word " * 20_000
SIZE = len(MESSAGE)  # which is all that may be held
TEXT = json.dumps({"text": "word " * 19_990}).encode()
BATCH = json.dumps({"texts": ["word " * 9_990, "more " * 9_990]}).encode()
JSON, RFC822 = "application/json", "message/rfc822"
WAYS = [
    ("/predict", JSON, TEXT),
    ("/predict/batch", JSON, BATCH),
    ("/predict/message", RFC822, MESSAGE),
    ("/explain", JSON, TEXT),
    ("/explain/message", RFC822, MESSAGE),
]
SMALL = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
SMALL += b'{"text": "a"}'


def bounded(**flags: object) -> Service:
    """An application that has room for one largest body."""
    limits = {"max_body_bytes": SIZE, "max_message_bytes": SIZE, "max_held_bytes": 1}
    app = create_app(load(**{"cache_url": "none://"} | limits | flags), shipped())
    assert isinstance(app, Service)
    return app


def request(path: str, kind: str, body: bytes) -> bytes:
    """As it is sent."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def status(stream: Stream) -> int:
    """Of the next answer."""
    return int((await stream[0].readline()).split()[1])


@pytest.mark.parametrize(("path", "kind", "body"), WAYS)
@pytest.mark.parametrize("ends", ["answered", "gone"])
def test_a_body_too_many_is_told_to_come_again(path: str, kind: str, body: bytes, ends: str) -> None:
    """At once, on the long way and on the short one; others are answered, and what ends makes room."""
    whole = request(path, kind, body)
    app = bounded()

    async def check() -> None:
        async with listening(app) as connect:
            for _ in range(2):  # the head is new, then known
                reader, writer = await connect()
                writer.write(whole[:-10])
                await until(lambda: app.lane.bodies.held == len(body) - 10)
                for sent in (whole[:-20], request("/predict/message", RFC822, MESSAGE)[:-1000]):
                    late = await connect()
                    late[1].write(sent)
                    said = await late[0].readuntil(b"\r\n\r\n")
                    assert said.startswith(b"HTTP/1.1 503 ")
                    for line in (b"retry-after: 1\r\n", b"connection: close\r\n", b"x-request-id: ", b"nosniff"):
                        assert line in said
                    assert "FYKE" not in json.loads(await late[0].readuntil(b"}"))["detail"]
                other = await connect()
                other[1].write(SMALL)
                assert await status(other) == 200
                if ends == "gone":
                    writer.close()
                else:
                    writer.write(whole[-10:])
                    assert await status((reader, writer)) == 200
                await until(lambda: app.lane.bodies.held == 0)

    run(check)


@pytest.mark.parametrize(("path", "kind", "body"), WAYS[:3])
def test_a_slow_body_makes_room_when_its_time_is_over(path: str, kind: str, body: bytes) -> None:
    """408, and nothing is held."""
    whole = request(path, kind, body)
    app = bounded(body_seconds=0.2)

    async def check() -> None:
        async with listening(app) as connect:
            for _ in range(2):
                stream = await connect()
                stream[1].write(whole[:-10])
                assert await status(stream) == 408
                await until(lambda: app.lane.bodies.held == 0)

    run(check)


def test_bodies_of_no_declared_length_count_too() -> None:
    """What comes in pieces is refused where it would be too much, whichever way it goes."""
    app = bounded()

    async def check() -> None:
        transport = httpx.ASGITransport(app=app)
        came, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield MESSAGE[:50_000]
            came.set()  # asked for more: what went before was received
            await go_on.wait()

        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            held = asyncio.create_task(
                client.post("/predict/message", content=slow(), headers={"content-type": RFC822})
            )
            await came.wait()
            for path, kind, body in WAYS:
                refused = await client.post(path, content=_pieces(body), headers={"content-type": kind})
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            figures = (await client.get("/metrics")).text
            assert 'fyke_requests_total{route="/predict",status="503"} 1.0' in figures
            go_on.set()
            assert (await held).status_code == 200
            assert app.lane.bodies.held == 0

    asyncio.run(check())


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 10_000):
        yield body[at : at + 10_000]
