"""What a store is: a place for sealed bytes under keys, asked for many at a time."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Write:
    """One value to keep under ``key`` for ``ttl_ms`` milliseconds."""

    key: str
    value: bytes
    ttl_ms: int


class Store(Protocol):
    """Keeps sealed entries. Every method but ``close`` may raise `fyke.errors.StoreError`."""

    name: str
    """The tier as answers name it: ``redis`` or ``memory``."""

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values of ``keys`` in order, None where there is none."""
        ...

    async def set_many(self, writes: Sequence[Write]) -> None:
        """Keep every value, replacing what is there."""
        ...

    def scan(self, prefix: str) -> AsyncIterator[list[tuple[str, bytes]]]:
        """Batches of keys that begin with ``prefix``, with their values, in no order."""
        ...

    async def purge(self, prefix: str) -> int:
        """Forget every key that begins with ``prefix``; says how many there were."""
        ...

    async def ping(self) -> None:
        """Return when the store answers."""
        ...

    async def close(self) -> None:
        """Let go of connections and servers; safe to call twice."""
        ...
