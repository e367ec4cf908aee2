"""Answers out of entries: whether they are wanted, when they are renewed, and a sample of them computed again."""

import logging
import random
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Literal, TypeVar

from fyke.cache.entry import Entry
from fyke.cache.tiers import Tiers
from fyke.predictor.engine import Engine
from fyke.predictor.words import Answer, Wishes

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Prediction = TypeVar("Prediction")

MOST_SAMPLED = 1000  # hits that wait to be verified


class Kept(Generic[Item, Prediction]):
    """What hits have in common, from whichever tier.

    ``share`` of them is verified, drawn by ``rng``. ``clock`` is in milliseconds since the epoch. ``spawn`` starts what
    nobody waits for, among it ``write``, which writes the entries in ``renewed``; where the store is ``dearer`` than
    computing, entries are renewed in this process alone.
    """

    def __init__(
        self,
        model_id: str,
        tiers: Tiers,
        engine: Engine[Item, Prediction],
        *,
        share: float,
        clock: Callable[[], int],
        rng: random.Random,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        write: Callable[[], Coroutine[Any, Any, None]],
        dearer: Callable[[], bool],
    ):
        self.renewed: dict[str, Entry] = {}
        self.waiting: deque[tuple[str, Callable[[], Item], Entry]] = deque()  # to be verified
        self.closing = False
        self._model_id = model_id
        self._tiers = tiers
        self._ledger = tiers.ledger
        self._engine = engine
        self._share = share
        self._clock = clock
        self._rng = rng
        self._spawn = spawn
        self._write = write
        self._dearer = dearer

    def answer(
        self, key: str, read: Callable[[], Item], entry: Entry, tier: Literal["memory", "redis"], wishes: Wishes
    ) -> Answer[Prediction] | None:
        """The answer in an entry; None when it is older than wanted or holds no prediction."""
        now = self._clock()
        if wishes.max_age is not None and now - entry.created > wishes.max_age * 1000:
            return None
        try:
            prediction = self._engine.decode(entry.payload)
        except Exception:
            self._ledger.rejected += 1
            return None
        if tier == "memory":
            self._ledger.memory_hits += 1
        else:
            self._ledger.redis_hits += 1
        if not wishes.no_store:
            self._renew(key, entry)
        if self._share and self._rng.random() < self._share and len(self.waiting) < MOST_SAMPLED:
            if not self.waiting:
                self._spawn(self._verify_all())
            self.waiting.append((key, read, entry))
        return Answer(prediction, tier, key, entry.age(now), entry.ttl(now))

    def _renew(self, key: str, entry: Entry) -> None:
        """Renewals of a turn are written together, with the turn's fresh entries when those come in time."""
        again = self._tiers.renewal(key, entry)
        if again is None:
            return
        if self._dearer():
            self._tiers.renew_here(key, again)
            return
        if not self.renewed:
            self._spawn(self._write())
        self.renewed[key] = again

    async def _verify_all(self) -> None:
        """One after the other, so that a miss waits for one of them at most."""
        while self.waiting and not self.closing:
            try:
                await self._verify(*self.waiting[0])
            except Exception:
                log.exception("a hit could not be verified")
            finally:
                self.waiting.popleft()
        self.waiting.clear()

    async def _verify(self, key: str, read: Callable[[], Item], entry: Entry) -> None:
        """Compute a hit again; a difference is an alarm, and the new prediction takes its place."""
        generation = self._tiers.generation
        anew = await self._engine.again(read, entry.payload)
        self._ledger.verified += 1
        if anew is None:
            return
        self._ledger.mismatches += 1
        log.error("a cached prediction differs from the model's: model %s, key %s", self._model_id, key)
        if generation == self._tiers.generation:
            right = self._tiers.make(anew, entry.preview)
            self._tiers.admit(key, right)
            await self._tiers.settle({key: right}, {}, (), generation)
