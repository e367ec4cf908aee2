"""From a cache URL to a store and its secret."""

import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fyke.cache.entry import Entry
from fyke.cache.keys import PUBLIC_SECRET
from fyke.cache.memory import Memory
from fyke.cache.redis import RedisStore
from fyke.cache.store import Store
from fyke.errors import EmbeddedError, SettingsError, StoreError

log = logging.getLogger(__name__)

LOCAL_REDIS = "redis://localhost:6379/0"
SERVERS = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
SCHEMES = (*SERVERS, "embedded", "memory", "none", "auto")


@dataclass(frozen=True)
class Opened:
    """What a cache URL led to: a store, or ``only_memory``, or neither for ``none://``."""

    store: Store | None
    only_memory: bool
    secret: bytes
    where: str
    reachable: bool = True


async def open_cache(url: str, *, secret: bytes | None, directory: Path, max_bytes: int, deadline: float) -> Opened:
    """Open the store that ``url`` names. ``deadline`` in seconds, ``max_bytes`` bounds the embedded server.

    A Redis that does not answer is said once, and opened all the same: it may come back.

    Raises:
        SettingsError: the URL names no known kind of store.
        StoreError: the URL cannot be read, or the embedded server was asked for and cannot start.
    """
    scheme = "auto" if url == "auto" else urlsplit(url).scheme
    if scheme not in SCHEMES:
        kinds = ", ".join(f"{one}://" for one in SCHEMES if one != "auto")
        raise SettingsError(f"FYKE_CACHE_URL={url!r} names no known store; give {kinds} or auto.")
    if scheme == "none":
        return Opened(None, False, PUBLIC_SECRET, "nowhere (none://)")
    if scheme == "memory":
        return _memory()
    if scheme == "embedded":
        return _embedded(directory, max_bytes, deadline, secret)
    if scheme == "auto":
        return await _auto(directory, max_bytes, deadline, secret)
    store = RedisStore(url, deadline=deadline)
    where = _without_password(url)
    reachable = True
    try:
        await store.ping()
    except StoreError as error:
        reachable = False
        log.warning("the cache at %s cannot be reached (%s); predictions go on without it", where, error)
    return Opened(store, False, _shared_secret(secret), where, reachable)


async def _auto(directory: Path, max_bytes: int, deadline: float, secret: bytes | None) -> Opened:
    store = RedisStore(LOCAL_REDIS, deadline=deadline, patience=0.5)
    try:
        await store.ping()
    except StoreError:
        await store.close()
    else:
        await store.close()
        return Opened(RedisStore(LOCAL_REDIS, deadline=deadline), False, _shared_secret(secret), LOCAL_REDIS)
    try:
        return _embedded(directory, max_bytes, deadline, secret)
    except EmbeddedError as error:
        log.warning("%s Predictions are kept in this process's memory.", error)
        return _memory()


def _memory() -> Opened:
    return Opened(None, True, secrets.token_bytes(32), "memory of this process (memory://)")


def new_memory(*, max_entries: int, max_bytes: int) -> Memory[Entry] | None:
    """The memory tier; None where either bound is 0."""
    if not (max_entries and max_bytes):
        return None
    size: Callable[[Entry], int] = lambda entry: len(entry.payload) + len(entry.preview)  # noqa: E731
    return Memory(size, max_entries=max_entries, max_bytes=max_bytes)


def _embedded(directory: Path, max_bytes: int, deadline: float, secret: bytes | None) -> Opened:
    from fyke.cache.embedded import EmbeddedServer

    server = EmbeddedServer.attach(directory, max_bytes=max_bytes)
    try:
        kept = secret or kept_secret(directory)
    except OSError as error:
        server.close()
        raise EmbeddedError(f"{directory}: the cache's secret cannot be kept ({error.strerror}).") from error
    store = RedisStore(f"unix://{server.socket_path}", deadline=deadline, owner=server)
    return Opened(store, False, kept, f"embedded server in {directory}")


def kept_secret(directory: Path) -> bytes:
    """The secret of an embedded store: made on first use, readable by its owner only."""
    path = directory / "secret"
    staged = directory / f".secret-{secrets.token_hex(8)}"
    if not path.exists():
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(staged, path)
        except FileExistsError:
            pass
        finally:
            staged.unlink()
    return path.read_bytes()


def _shared_secret(secret: bytes | None) -> bytes:
    if secret is None:
        log.warning(
            "FYKE_CACHE_SECRET is not set: anyone who can read this Redis can test whether an item was seen, "
            "and anyone who can write to it can forge predictions. Set one secret for all replicas."
        )
        return PUBLIC_SECRET
    return secret


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
