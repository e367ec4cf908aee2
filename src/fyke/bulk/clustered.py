"""A crew on a Ray cluster: Ray Data hands batches of texts to actors, each with a predictor and a cache of its own.

This process reads and writes the tables, as ever, so that the nodes need no file that it sees: the texts of all batches
go into Ray's object store, which spills to disk, and the model travels as its files. A node needs Fyke alone, in the
same version, and whatever the cache's URL leads to from there.
"""

import asyncio
import logging
import socket
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from fyke.bulk.helpers import Scored
from fyke.bulk.scorer import Scorer, for_bulk
from fyke.bulk.tables import Batch
from fyke.bulk.work import spare_collector
from fyke.errors import DataError, FykeError, ModelError, SettingsError
from fyke.model.classifier import Classifier
from fyke.model.selftest import load_tried
from fyke.settings import Settings, quieten_ray

log = logging.getLogger(__name__)

_PATIENCE = 10.0

Result = TypeVar("Result")


class Actor:
    """What each actor holds: a scorer, in an event loop on a thread of its own, for as long as the actor lives.

    ``files`` is a reference to the files of the model's directory by name. What goes wrong is an answer like others:
    an exception would be several pages of Ray's on its user's terminal.
    """

    def __init__(self, files: Any, prior: float | None, model_id: str, settings: Settings):
        import ray

        spare_collector()
        self._loop = asyncio.new_event_loop()
        self._scorer: Scorer | None = None
        self._error = ""
        try:
            classifier = _classifier(ray.get(files), prior, model_id)
            threading.Thread(target=self._loop.run_forever, name="fyke-bulk", daemon=True).start()
            self._scorer = self._run(_started(settings, classifier))
        except FykeError as error:
            self._error = str(error)

    def __call__(self, rows: Any) -> Any:
        """Rows of a number and a list of texts become rows of the number, the scores, how many were known, an error."""
        import pyarrow

        said = [self._answer(texts) for texts in rows["texts"].to_pylist()]
        scores, known, errors = zip(*said, strict=True)
        return pyarrow.table({"number": rows["number"], "scores": scores, "known": known, "error": errors})

    def _answer(self, texts: list[str]) -> tuple[bytes, int, str]:
        if self._scorer is None:
            return b"", 0, self._error
        try:
            scored = self._run(self._scorer.score(texts, keep=True))
        except Exception as error:
            log.exception("a batch could not be scored")
            return b"", 0, f"A batch could not be scored ({error!r})."
        return scored.scores, scored.known, ""

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _classifier(files: dict[str, bytes], prior: float | None, model_id: str) -> Classifier:
    with tempfile.TemporaryDirectory() as directory:
        for name, content in files.items():
            Path(directory, name).write_bytes(content)
        classifier = load_tried(Path(directory), prior).classifier
    if classifier.id != model_id:
        raise ModelError("The model is another on a node of the cluster; install the same versions everywhere.")
    return classifier


async def _started(settings: Settings, classifier: Classifier) -> Scorer:
    scorer, _ = await Scorer.open(settings, classifier, say=False)
    return await scorer.__aenter__()


class RayCrew:
    """The actors of a cluster.

    ``address`` is Ray's: ``auto`` or HOST:PORT for a cluster that runs, ``local`` for one that ends with this process,
    None for what ``RAY_ADDRESS`` says, or else ``local``. There are ``workers`` actors, or as many as cores.

    Raises:
        SettingsError: Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(self, directory: Path, prior: float | None, model_id: str, address: str | None, workers: int | None):
        self._files = {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}
        self._prior = prior
        self._model_id = model_id
        self._address = address
        self._workers = workers

    def __enter__(self) -> Self:
        self._ray = _connected(self._address)
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def open(self, settings: Settings) -> None:
        """Take note of the settings: each actor opens its cache when it starts."""
        cores = int(self._ray.cluster_resources().get("CPU", 1))
        self._actors = max(1, self._workers or cores)
        self._settings = for_bulk(settings, self._actors)

    def in_order(
        self, batches: Iterable[Batch], again: Callable[[], Iterable[Batch]]
    ) -> Iterator[tuple[Batch, Scored]]:
        """Batches with their scores; ``again`` gives the same batches once more, so that only texts are held.

        Raises:
            FykeError: an actor could not begin, a batch could not be scored, or the batches are not the same.
        """
        rows = self._scored([self._put(number, batch.texts) for number, batch in enumerate(batches)])
        with _told():
            for number, (batch, row) in enumerate(zip(again(), rows, strict=True)):
                scored = Scored(row["scores"], row["known"])
                if row["error"]:
                    raise FykeError(row["error"])
                if row["number"] != number or len(scored.scores) != 8 * len(batch.texts):
                    raise DataError("The input was changed while it was being scored; run the command again.")
                yield batch, scored

    def finish(self) -> None:
        """Nothing is left to do: actors have written to the store before they answered."""

    def _put(self, number: int, texts: list[str]) -> Any:
        import pyarrow

        column = pyarrow.array([texts], pyarrow.list_(pyarrow.large_string()))
        return self._ray.put(pyarrow.table({"number": [number], "texts": column}))

    def _scored(self, references: list[Any]) -> Iterator[dict[str, Any]]:
        data = self._ray.data
        context = data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        made = (self._ray.put(self._files), self._prior, self._model_id, self._settings)
        rows = data.from_arrow_refs(references).map_batches(
            Actor,
            fn_constructor_args=made,
            compute=data.ActorPoolStrategy(size=min(self._actors, max(1, len(references)))),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=1,
        )
        found: Iterator[dict[str, Any]] = rows.iter_rows()
        return found


def _connected(address: str | None) -> Any:
    quieten_ray()
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise SettingsError(f"--engine ray needs the package {error.name}: pip install 'fyke[ray]'") from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    _knock(address)
    own = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise SettingsError(f"--ray-address: no cluster can be reached ({_first_line(error)}).") from error
    return ray


def _knock(address: str | None) -> None:
    """Refuse a HOST:PORT that nobody listens on: Ray itself would try for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        try:
            socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
        except (OSError, OverflowError) as error:
            raise SettingsError(f"--ray-address {address}: nobody can be reached there ({error}).") from error


@contextmanager
def _told() -> Iterator[None]:
    """What Ray raises, in a line."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        raise FykeError(f"The cluster could not score ({_first_line(error)}).") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
