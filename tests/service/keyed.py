"""A service that asks for keys, in this process."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from fyke.model.directory import SHIPPED, Model, load_model
from fyke.service.app import Service, create_app
from fyke.service.keys import ApiKey, new_key, write_keys
from fyke.settings import Settings, load

_LOADED: list[Model] = []


def shipped() -> Model:
    """The shipped model, loaded once."""
    if not _LOADED:
        _LOADED.append(load_model(SHIPPED))
    return _LOADED[0]


class Keys:
    """A file of keys and the text of each."""

    def __init__(self, path: Path):
        self.path = path
        self.kept: dict[str, ApiKey] = {}
        self.tokens: dict[str, str] = {}

    def add(self, name: str, *scopes: str, namespace: str = "default", rate: str | None = None) -> dict[str, str]:
        """A key in the file, and the headers that show it."""
        self.tokens[name], self.kept[name] = new_key(name, scopes or ["predict"], namespace, rate)
        self.write()
        return self.shows(name)

    def revoke(self, name: str) -> None:
        """Out of the file."""
        del self.kept[name]
        self.write()

    def write(self) -> None:
        """All that are kept."""
        write_keys(self.path, [*self.kept.values()])

    def shows(self, name: str) -> dict[str, str]:
        """The headers that show a key, revoked or not."""
        return {"authorization": f"Bearer {self.tokens[name]}"}


def keyed_app(keys: Keys, **flags: object) -> tuple[Service, Settings]:
    """An application that asks for these keys, with predictions in memory."""
    settings = load(**{"cache_url": "memory://", "cache_verify": 0, "keys_file": keys.path} | flags)
    app = create_app(settings, shipped())
    assert isinstance(app, Service)
    return app, settings


@asynccontextmanager
async def asking(app: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running application."""
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://it") as client:
        yield client


def look_now(app: Service) -> None:
    """The file of keys is due to be looked at, as it is after a second."""
    assert app.lane.access is not None
    app.lane.access.keys._next = 0


def bodies(*texts: str) -> Iterator[bytes]:
    """Plain bodies."""
    return (json.dumps({"text": text}).encode() for text in texts)
