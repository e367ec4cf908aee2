"""A bound on the messages that are held at a time."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from fyke.service.app import create_app
from fyke.settings import Settings

JSON = {"content-type": "application/json"}
RFC822 = {"content-type": "message/rfc822"}
MESSAGE = b"Subject: x\r\n\r\n" + b"word " * 20_000


async def _posts(app: object, size: int) -> None:
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    came, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield MESSAGE[:size]
        came.set()  # asked for more: what went before was received
        await go_on.wait()

    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=RFC822) as client:
        first = asyncio.create_task(client.post("/predict/message", content=slow()))
        await came.wait()
        for path, content in (("/explain/message", MESSAGE), ("/predict/message", _pieces())):
            refused = await client.post(path, content=content)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert "later" in refused.json()["detail"]
        assert (await client.post("/predict", content=b'{"text": "a"}', headers=JSON)).status_code == 200
        go_on.set()
        assert (await first).status_code == 200
        assert (await client.post("/predict/message", content=MESSAGE)).status_code == 200


async def _pieces() -> AsyncIterator[bytes]:
    for at in range(0, len(MESSAGE), 10_000):
        yield MESSAGE[at : at + 10_000]


def test_a_message_too_many_is_told_to_come_again() -> None:
    """Declared or not; texts and later messages are answered, and the largest message always has room."""

    async def run() -> None:
        settings = Settings(cache_url="none://", max_message_bytes=len(MESSAGE), max_messages_bytes=1)
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            await _posts(app, 50_000)

    asyncio.run(run())
