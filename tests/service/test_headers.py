"""What browsers are told, which pages may call, and whose word on an address is believed."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from fastapi import Request

from fyke.errors import SettingsError
from fyke.service.app import Service, create_app
from fyke.service.headers import SECURITY
from fyke.settings import load
from tests.service.keyed import asking, shipped

TEXT = {"json": {"text": "you have won a prize"}}
PAGE = "https://mail.example.org"


def run(ask: Callable[[Service, httpx.AsyncClient], Awaitable[None]], **flags: object) -> None:
    """Ask a service with these settings."""

    async def inside() -> None:
        app = create_app(load(**{"cache_url": "memory://"} | flags), shipped())
        assert isinstance(app, Service)
        async with asking(app) as client:
            await ask(app, client)

    asyncio.run(inside())


def test_every_response_has_them_once() -> None:
    """Of both lanes, and of errors; the pages of the documentation have no policy on scripts."""

    async def ask(app: Service, client: httpx.AsyncClient) -> None:
        answers = [
            await client.post("/predict", **TEXT),
            await client.post("/predict", **TEXT, headers={"x-more": "1"}),
            await client.post("/predict", content=b"{", headers={"content-type": "application/json"}),
            await client.post("/predict", content=b"a" * 2_000_000),
            await client.get("/nowhere"),
            await client.get("/docs"),
            await client.get("/livez"),
        ]
        for answer in answers:
            for name, value in SECURITY.items():
                told = answer.headers.get_list(name)
                assert told == (
                    [] if answer.url.path == "/docs" and name.startswith("content-security") else [value]
                ), name

    run(ask)


def test_an_error_has_them_too() -> None:
    """Even one that nobody thought of."""

    async def ask(app: Service, client: httpx.AsyncClient) -> None:
        async def fails(request: Request) -> None:
            raise RuntimeError("no")

        app.add_api_route("/fails", fails)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://it") as careless:
            answer = await careless.get("/fails")
        assert answer.status_code == 500
        assert answer.headers["x-content-type-options"] == "nosniff"

    run(ask)


def test_no_page_may_call_unless_it_is_named() -> None:
    """No CORS header by default; a named origin may ask, with a key, and read what the answer says of its way."""
    preflight = {"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}

    async def closed(app: Service, client: httpx.AsyncClient) -> None:
        for answer in (
            await client.options("/predict", headers=preflight),
            await client.post("/predict", **TEXT, headers={"origin": PAGE}),
        ):
            assert not [name for name in answer.headers if name.startswith("access-control")]

    async def named(app: Service, client: httpx.AsyncClient) -> None:
        assert (await client.options("/predict", headers=preflight)).headers["access-control-allow-origin"] == PAGE
        answer = await client.post("/predict", **TEXT, headers={"origin": PAGE, "sec-fetch-site": "cross-site"})
        assert answer.is_success
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "cache-status" in answer.headers["access-control-expose-headers"]
        other = await client.options("/predict", headers=preflight | {"origin": "https://other.example.org"})
        assert other.status_code == 400

    run(closed)
    run(named, cors_origins=PAGE)


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
def test_another_sites_form_changes_nothing(site: str, status: int) -> None:
    """What a browser sends for another page is refused before it does anything."""

    async def ask(app: Service, client: httpx.AsyncClient) -> None:
        answer = await client.post("/predict", **TEXT, headers={"sec-fetch-site": site, "origin": PAGE})
        assert answer.status_code == status
        if status == 403:
            assert "FYKE_CORS_ORIGINS" in answer.json()["detail"]
        assert (await client.get("/livez", headers={"sec-fetch-site": site})).is_success

    run(ask)


@pytest.mark.parametrize(("trusted", "seen"), [("", "http 127.0.0.1"), ("127.0.0.0/8", "https 192.0.2.7")])
def test_only_named_proxies_are_believed(trusted: str, seen: str) -> None:
    """Without names, what a client says of its address is its own invention; a wire still finds its lane."""
    said = {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}

    async def ask(app: Service, client: httpx.AsyncClient) -> None:
        async def who(request: Request) -> str:
            assert request.client is not None
            return f"{request.url.scheme} {request.client.host}"

        app.add_api_route("/who", who)
        assert (await client.get("/who", headers=said)).json() == seen
        passed = app.lane._app

        async def beyond(scope, receive, send):  # type: ignore[no-untyped-def]
            raise AssertionError("a forwarded request is plain")

        app.lane._app = beyond
        assert (await client.post("/predict", **TEXT, headers=said)).is_success
        app.lane._app = passed

    run(ask, trusted_proxies=trusted)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("cors_origins", "*"),
        ("cors_origins", "mail.example.org"),
        ("cors_origins", "https://mail.example.org/page"),
        ("trusted_proxies", "*"),
        ("trusted_proxies", "proxy"),
    ],
)
def test_what_is_no_name_of_one_is_refused(setting: str, value: str) -> None:
    """Nobody lets everybody in by a star or a slip: the setting is named, with an example."""
    with pytest.raises(SettingsError, match=f"FYKE_{setting.upper()}: .*give some like"):
        load(**{setting: value})
