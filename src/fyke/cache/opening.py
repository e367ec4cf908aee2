"""From a cache URL to a store and its secret."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from fyke.cache.entry import Entry
from fyke.cache.keys import PUBLIC_SECRET
from fyke.cache.memory import Memory
from fyke.cache.store import Store
from fyke.errors import EmbeddedError, SettingsError, StoreError

if TYPE_CHECKING:
    from fyke.cache.redis import RedisStore

LOCAL_REDIS = "redis://localhost:6379/0"
SERVERS = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
SCHEMES = (*SERVERS, "embedded", "memory", "none", "auto")

TESTABLE = (
    "FYKE_CACHE_SECRET is not set: anyone who can read this Redis can test whether an item was seen, and anyone who "
    "can write to it can forge predictions. Set one secret for all replicas."
)

UNVERIFIED = (
    "{option} in FYKE_CACHE_URL turns off the check of who Redis is: whoever is between can read and change what goes "
    "there. Leave it out, and name the authority with ssl_ca_certs=FILE."
)


@dataclass(frozen=True)
class Opened:
    """What a cache URL led to: a store, or ``only_memory``, or neither for ``none://``.

    ``where`` is it in words, ``warnings`` what its owner should know, ``trouble`` why the store does not answer now.
    """

    store: Store | None
    only_memory: bool
    secret: bytes
    where: str
    warnings: tuple[str, ...] = ()
    trouble: str | None = None


async def open_cache(url: str, *, secret: bytes | None, directory: Path, max_bytes: int, deadline: float) -> Opened:
    """Open the store that ``url`` names. ``deadline`` in seconds, ``max_bytes`` bounds the embedded server.

    A Redis that does not answer is opened all the same: it may come back.

    Raises:
        SettingsError: the URL names no known kind of store.
        StoreError: the URL cannot be read, or the embedded server was asked for and cannot start.
    """
    try:
        scheme = "auto" if url == "auto" else urlsplit(url).scheme
    except ValueError as error:
        raise SettingsError(f"FYKE_CACHE_URL cannot be read: {error}.") from None
    if scheme not in SCHEMES or (scheme == "auto" and url != "auto"):
        kinds = ", ".join(f"{one}://" for one in SCHEMES if one != "auto")
        raise SettingsError(f"FYKE_CACHE_URL={_without_password(url)!r} names no known store; give {kinds} or auto.")
    if scheme == "none":
        return Opened(None, False, PUBLIC_SECRET, "nowhere (none://)")
    if scheme == "memory":
        return _memory()
    if scheme == "embedded":
        return _embedded(directory, max_bytes, deadline, secret)
    if scheme == "auto":
        return await _auto(directory, max_bytes, deadline, secret)
    return await _shared(_redis_store(url, deadline=deadline), url, secret)


async def _auto(directory: Path, max_bytes: int, deadline: float, secret: bytes | None) -> Opened:
    local = _redis_store(LOCAL_REDIS, deadline=deadline, patience=0.5)
    try:
        await local.ping()
    except StoreError as error:
        await local.close()
        refused = "" if "onnect" in str(error) else f"The Redis at {LOCAL_REDIS} is left alone: {error}."
    else:
        await local.close()
        return await _shared(_redis_store(LOCAL_REDIS, deadline=deadline), LOCAL_REDIS, secret)
    try:
        found = _embedded(directory, max_bytes, deadline, secret)
    except EmbeddedError as error:
        found = replace(_memory(), warnings=(f"{error} Predictions are kept in this process's memory.",))
    return replace(found, warnings=(refused, *found.warnings)) if refused else found


def _redis_store(url: str, **options: Any) -> "RedisStore":
    """The client takes a tenth of a second to import, which nobody should wait for who does not use it."""
    from fyke.cache.redis import RedisStore

    return RedisStore(url, **options)


async def _shared(store: "RedisStore", url: str, secret: bytes | None) -> Opened:
    where = _without_password(url)
    warnings = (*(() if secret else (TESTABLE,)), *_unverified(url))
    trouble = None
    try:
        await store.ping()
    except StoreError as error:
        trouble = f"The cache at {where} cannot be reached: {str(error).rstrip('.')}."
    return Opened(store, False, secret or PUBLIC_SECRET, where, warnings, trouble)


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
    store = _redis_store(f"unix://{server.socket_path}", deadline=deadline, owner=server)
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
    secret = path.read_bytes()
    if len(secret) < 16:
        raise EmbeddedError(f"{path}: not a secret; delete it, and a new one is made.")
    return secret


def _unverified(url: str) -> list[str]:
    """A warning for each option that has TLS believe anybody; redis-py takes them silently."""
    said = dict(parse_qsl(urlsplit(url).query))
    off = {"ssl_cert_reqs": ("none",), "ssl_check_hostname": ("0", "f", "false", "n", "no")}
    return [
        UNVERIFIED.format(option=f"{name}={said[name]}")
        for name, values in off.items()
        if said.get(name, "").lower() in values
    ]


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2].partition('?')[0]}"
