"""Leases: of all processes that miss one key of a dear model, one computes and the others wait for its entry.

A lease is short and renewed while its owner computes, so that an owner that died costs the others no more than
`LEASE_SECONDS`; nobody waits longer than `PATIENCE_SECONDS` in all.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from fyke.cache.tiers import Tiers

LEASE_SECONDS = 2.0
PATIENCE_SECONDS = 30.0
_LEAST_PAUSE, _MOST_PAUSE = 0.02, 0.2


class Leases:
    """Who computes what, for one process. ``threshold``: seconds a prediction must take to be worth a lease."""

    def __init__(self, tiers: Tiers, threshold: float | None):
        self._tiers = tiers
        self._threshold = threshold

    @property
    def worth_it(self) -> bool:
        """Whether the model is measured to be dear; until it is measured, it is presumed to be."""
        if self._threshold is None or self._tiers.store is None:
            return False
        each = self._tiers.ledger.predict.recent
        return each is None or each >= self._threshold

    @asynccontextmanager
    async def kept(self, keys: Sequence[str]) -> AsyncIterator[None]:
        """Renew the leases on ``keys`` for as long as the caller computes; giving them back is a write's part."""
        if not keys:
            yield
            return
        beating = asyncio.get_running_loop().create_task(self._beat(keys))
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self, keys: Sequence[str]) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 4)
            await self._tiers.keep_leases(keys, LEASE_SECONDS)


def pauses() -> Iterator[float]:
    """Seconds to wait before each look at what another process computes; they add up to the patience."""
    waited, pause = 0.0, _LEAST_PAUSE
    while waited < PATIENCE_SECONDS:
        yield pause
        waited += pause
        pause = min(pause * 1.5, _MOST_PAUSE)
