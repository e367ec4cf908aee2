"""What a store is: a place for sealed bytes under keys, shared by processes, asked for many at a time."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NamedTuple, Protocol


class Write(NamedTuple):
    """One value to keep under ``key`` for ``ttl_ms`` milliseconds; a renewal only replaces what is there."""

    key: str
    value: bytes
    ttl_ms: int
    renewal: bool = False


class Store(Protocol):
    """Keeps sealed entries. Every method but ``close`` may raise `fyke.errors.StoreError`."""

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values of ``keys`` in order, None where there is none."""
        ...

    async def set_many(self, writes: Sequence[Write], done: Sequence[str] = ()) -> list[bool]:
        """Keep every value and give back the leases on ``done``, in one exchange; says which were kept.

        Only a renewal may not be: when there is nothing to renew.
        """
        ...

    async def drop_many(self, keys: Sequence[str]) -> None:
        """Forget these keys."""
        ...

    async def lease_many(self, keys: Sequence[str], ttl_ms: int) -> list[tuple[bytes | None, bool]]:
        """For each key its value, and whether the lease to compute it is now the caller's, in one exchange."""
        ...

    def scan(self, prefix: str) -> AsyncGenerator[list[tuple[str, bytes]], None]:
        """Batches of keys that begin with ``prefix``, with their values, in no order; some may be empty."""
        ...

    async def purge(self, prefix: str) -> int:
        """Forget every key that begins with ``prefix`` and tell every listener; says how many there were."""
        ...

    async def listen(self, purged: Callable[[str], None]) -> None:
        """Call ``purged`` with each purge's prefix until cancelled; with ``""`` when some may have been missed."""
        ...

    async def ping(self) -> None:
        """Return when the store answers."""
        ...

    async def close(self) -> None:
        """Let go of connections and servers; safe to call twice."""
        ...
