"""The newest entries of a cache, for people who watch it: looked for within bounds, never by walking everything."""

import asyncio
import contextlib
from typing import NamedTuple

from fyke.cache.entry import Entry, open_sealed
from fyke.cache.tiers import Tiers
from fyke.errors import StoreError

MOST_KEYS = 1000
MOST_SECONDS = 0.5


class Listing(NamedTuple):
    """``entries`` by key, the newest first; ``seen`` keys of the store were looked at, ``whole`` if those are all."""

    entries: list[tuple[str, Entry]]
    seen: int
    whole: bool


async def newest(tiers: Tiers, most: int, *, most_keys: int = MOST_KEYS, most_seconds: float = MOST_SECONDS) -> Listing:
    """The newest entries under the tiers' keyring: what this process took in last, and what a walk of the store finds.

    The walk ends after ``most_keys`` keys or ``most_seconds``; it is left out while the store's breaker is not closed.
    """
    now = tiers.clock()
    found = {key: entry for key, entry in tiers.newest if tiers.recall(key) is not None}
    seen, whole = 0, True
    if tiers.store is not None:
        whole = False
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(2 * most_seconds):  # for a store that hangs
                seen, whole = await _walk(tiers, found, most_keys, most_seconds)
    alive = [(key, entry) for key, entry in found.items() if entry.expires > now]
    alive.sort(key=lambda pair: (-pair[1].created, pair[0]))
    return Listing(alive[:most], seen, whole)


async def _walk(tiers: Tiers, found: dict[str, Entry], most_keys: int, most_seconds: float) -> tuple[int, bool]:
    """Add what opens to ``found``; the number of keys, and whether there were no more."""
    if tiers.store is None or tiers.reads.state != "closed":
        return 0, False
    seen = 0
    now = asyncio.get_running_loop().time
    end = now() + most_seconds
    async with contextlib.aclosing(tiers.store.scan(tiers.keyring.prefix)) as batches:
        async for batch in batches:
            for key, value in batch:
                entry = open_sealed(value, key, tiers.keyring)
                if entry is not None:
                    found[key] = entry
            seen += len(batch)
            if seen >= most_keys or now() > end:
                return seen, False
    return seen, True
