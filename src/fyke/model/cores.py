"""One model on several cores: its texts shared out among processes, each with the model loaded from its directory.

For programs that score many texts again and again; `fyke score` has processes of its own, which share the cache too.
"""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Self

from fyke.errors import ModelError
from fyke.model.classifier import Classifier
from fyke.model.directory import load_model

LEAST = 512  # texts, in all; fewer are scored here
_SHARES = 4  # for each process, so that one with longer texts does not keep the others waiting


class OnCores:
    """A classifier over ``cores`` processes, as a context manager.

    The scores are those of one process, to the bit. Processes start with the first texts that are worth it.

    Raises:
        ModelError: the directory holds no model.
    """

    def __init__(self, directory: Path, cores: int):
        self._directory = directory
        self._here = load_model(directory).classifier
        self._cores = cores
        self._pool: ProcessPoolExecutor | None = None

    def predict_many(self, items: Sequence[str]) -> list[float]:
        """The probability of phishing for each text, in order.

        Raises:
            ModelError: a process has ended, or found another model in the directory.
        """
        if self._cores == 1 or len(items) < LEAST:
            return self._here.predict_many(items)
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._cores, spawn)
        share = -(-len(items) // (_SHARES * self._cores))
        shares = [items[at : at + share] for at in range(0, len(items), share)]
        try:
            return list(chain.from_iterable(self._pool.map(partial(_predict, self._directory, self._here.id), shares)))
        except BrokenProcessPool as error:
            self.close()
            raise ModelError("A process that scored has ended, for lack of memory perhaps; try again.") from error

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _predict(directory: Path, model_id: str, texts: Sequence[str]) -> list[float]:
    classifier = _classifier(directory)
    if classifier.id != model_id:
        raise ModelError(f"{directory}: the model was replaced meanwhile; load it again.")
    return classifier.predict_many(texts)


@lru_cache(maxsize=1)
def _classifier(directory: Path) -> Classifier:
    return load_model(directory).classifier
