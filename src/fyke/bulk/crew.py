"""The crew: this process and its helpers, each on a core. Batches go to whoever has room; scores come in order.

This process reads and writes the tables, and scores when the helpers have enough to do; without helpers it does all.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Self

from fyke.bulk.helpers import AHEAD, Helpers, Scored
from fyke.bulk.scorer import Scorer, for_bulk
from fyke.bulk.tables import Batch
from fyke.bulk.work import run
from fyke.model.classifier import Classifier
from fyke.settings import Settings

_PATIENCE = 10.0


class Own:
    """This process's own scorer, on a thread with an event loop."""

    def __init__(self, classifier: Classifier):
        self._classifier = classifier
        self._opened: Future[tuple[Scorer, Settings]] = Future()
        self._thread: threading.Thread | None = None

    def open(self, settings: Settings) -> Settings:
        """Open the cache; gives the settings that lead others to the same.

        Raises:
            FykeError: it cannot be opened.
        """
        work = self._work(settings)
        self._thread = threading.Thread(target=lambda: run(work), name="fyke-bulk", daemon=True)
        self._thread.start()
        self._scorer, settings = self._opened.result()
        return settings

    def submit(self, texts: list[str]) -> "Future[Scored]":
        """Have a batch scored."""
        return asyncio.run_coroutine_threadsafe(self._scorer.score(texts), self._loop)

    def finish(self) -> None:
        """End the writes."""
        if self._thread and self._thread.is_alive():
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._over.set)

    def close(self) -> None:
        """Wait for that."""
        if self._thread:
            self._thread.join(_PATIENCE)

    async def _work(self, settings: Settings) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        try:
            scorer, settings = await Scorer.open(settings, self._classifier, say=True)
        except Exception as error:
            self._opened.set_exception(error)
            return
        async with scorer:
            self._opened.set_result((scorer, settings))
            await self._over.wait()


class Crew:
    """This process and its helpers."""

    def __init__(self, classifier: Classifier, helpers: Helpers):
        self._own = Own(classifier)
        self._own_work: Future[Scored] | None = None
        self._helpers = helpers
        self._workers = 1 + len(helpers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._own.finish()
        self._own.close()

    def open(self, settings: Settings) -> None:
        """Open the cache here, then have the helpers open theirs.

        Raises:
            FykeError: it cannot be opened.
        """
        self._helpers.tell(self._own.open(for_bulk(settings, self._workers)))

    def in_order(
        self, batches: Iterable[Batch], again: Callable[[], Iterable[Batch]]
    ) -> Iterator[tuple[Batch, Scored]]:
        """Batches with their scores; a bounded number of them is under way, and nothing is needed ``again``.

        Raises:
            FykeError: a helper could not begin, or has ended.
        """
        waiting: deque[tuple[Batch, Future[Scored]]] = deque()
        for batch in batches:
            waiting.append((batch, self._submit(batch.texts)))
            while waiting and (waiting[0][1].done() or len(waiting) > (AHEAD + 1) * self._workers):
                first, future = waiting.popleft()
                yield first, future.result()
        for batch, future in waiting:
            yield batch, future.result()

    def finish(self) -> None:
        """No more batches will come: end the writes to the store, without being waited for."""
        self._helpers.tell(None)
        self._own.finish()

    def _submit(self, texts: list[str]) -> "Future[Scored]":
        """Hand a batch to a helper, or to this process when they have enough; wait until someone has room."""
        with self._helpers.change:
            while True:
                helper = self._helpers.roomiest()
                if helper:
                    return helper.submit(texts)
                if self._own_work is None or self._own_work.done():
                    self._own_work = self._own.submit(texts)
                    self._own_work.add_done_callback(lambda _: self._changed())
                    return self._own_work
                self._helpers.change.wait()

    def _changed(self) -> None:
        with self._helpers.change:
            self._helpers.change.notify()
