"""The predictor for batches of texts: the service's own, with the service's cache, and more patience."""

from array import array
from typing import Any, Self

from fyke.bulk.helpers import Scored
from fyke.cache.opening import Opened
from fyke.model.classifier import Classifier
from fyke.service.assembly import announce, first_words, open_from, predictor_from, settled
from fyke.settings import Settings

LEAST_DEADLINE_MS = 2000  # nobody waits for one answer here, and a batch is larger than a request


class Scorer:
    """Scores batches in one event loop; an asynchronous context manager."""

    def __init__(self, settings: Settings, classifier: Classifier, cache: Opened):
        words = settings.cache_preview_words
        self._predictor = predictor_from(settings, classifier, cache, preview=lambda text: first_words(text, words))

    @classmethod
    async def open(cls, settings: Settings, classifier: Classifier, *, say: bool) -> tuple[Self, Settings]:
        """A scorer, and the settings that lead another process to the same cache.

        With ``say`` it is logged what its owner should know of the cache.

        Raises:
            FykeError: the cache cannot be opened.
        """
        cache = await open_from(settings)
        if say:
            announce(cache, classifier.id)
        settings = settled(settings, cache)
        return cls(settings, classifier, cache), settings

    async def __aenter__(self) -> Self:
        await self._predictor.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._predictor.close()

    async def score(self, texts: list[str], *, keep: bool = False) -> Scored:
        """The scores in order; with ``keep`` not before they are written to the store."""
        answers = await self._predictor.predict_many(texts)
        known = sum(answer.tier != "model" or answer.shared for answer in answers)
        if keep:
            await self._predictor.drain()
        return Scored(array("d", [answer.prediction for answer in answers]).tobytes(), known)


def for_bulk(settings: Settings, workers: int) -> Settings:
    """The settings for each of so many workers: together they use the memory of one process of the service."""
    changes: dict[str, Any] = {
        "cache_deadline_ms": max(settings.cache_deadline_ms, LEAST_DEADLINE_MS),
        "cache_memory_entries": -(-settings.cache_memory_entries // workers),
        "cache_memory_bytes": -(-settings.cache_memory_bytes // workers),
    }
    return settings.model_copy(update=changes)
