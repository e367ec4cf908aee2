"""The corpora at hand as one table of mail, prepared once and kept in a cache outside the repository.

Columns: ``id``; ``corpus``, one of `CORPORA`; ``label`` (1 phishing, 0 honest); ``year`` of the message, or the latest
that its corpus allows; ``lang``, empty where unknown; ``text``, as a model would be asked; ``masked``, the same without
the tokens that give the corpus away (`bench.quality.masking`); ``cluster``, equal for near-duplicates
(`bench.quality.near`); ``kaggle_row``, the row in the published file, or -1.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import polars as pl
from numpy.typing import NDArray

import fyke.mail
from bench.quality import readers
from bench.quality.masking import mask
from bench.quality.near import clusters
from fyke.errors import DataError
from fyke.model.labels import PHISHING, SAFE

Rows = NDArray[np.int64]

CORPORA: dict[str, Callable[[Path], pl.DataFrame]] = {
    "kaggle": readers.kaggle,
    "spamassassin": readers.spamassassin,
    "nazario": readers.nazario,
    "nazario raw": readers.nazario_raw,
    "political": readers.political,
    "rlists": readers.rlists,
    "csdmc": readers.csdmc,
    "phishing_pot": readers.phishing_pot,
    "transactional": readers.transactional,
}
MAY_TRAIN = (
    "enron and ling",
    "spamassassin table",
    "spamassassin",
    "nazario",
    "nazario raw",
    "political",
)
PUBLISHED = ("enron and ling", "spamassassin table")
EMPTY = "kaggle empty"
KAGGLE = (*PUBLISHED, EMPTY)  # 526 rows hold no mail: only the published split has them


class Mail:
    """All rows, addressed by number; every method takes and gives arrays of row numbers."""

    def __init__(self, frame: pl.DataFrame):
        self.frame = frame
        self.corpus = frame["corpus"].to_numpy()
        self.label: NDArray[np.int8] = frame["label"].to_numpy()
        self.year: NDArray[np.int16] = frame["year"].to_numpy()
        self.lang = frame["lang"].to_numpy()
        self.cluster: NDArray[np.int64] = frame["cluster"].to_numpy()
        self.kaggle_row: NDArray[np.int64] = frame["kaggle_row"].to_numpy()

    def rows(self, *corpora: str) -> Rows:
        """The rows of these corpora, in order; none where a corpus is not at hand."""
        return np.flatnonzero(np.isin(self.corpus, corpora)).astype(np.int64)

    def texts(self, rows: Rows, *, masked: bool = True) -> list[str]:
        """The texts of rows, masked unless told otherwise."""
        return self.frame["masked" if masked else "text"].gather(rows).to_list()

    def labels(self, rows: Rows) -> list[str]:
        """The published labels of rows, as recipes are trained with."""
        return [PHISHING if one else SAFE for one in self.label[rows]]

    def outside(self, rows: Rows, training: Rows) -> Rows:
        """Those of ``rows`` of which no near-duplicate is among ``training``."""
        return rows[~np.isin(self.cluster[rows], self.cluster[training])]


def load(data: Path, cache: Path | None = None, log: Callable[[str], None] = lambda said: None) -> Mail:
    """Read, mask and cluster every corpus of a directory; the second time from the cache.

    Raises:
        DataError: a corpus but the transactional one is missing.
    """
    files = sorted({file for name in CORPORA for file in readers.files(name, data)})
    for file in files:
        if not file.is_file():
            raise DataError(f"{file}: the quality protocol needs this corpus; name its directory with --data.")
    kept = (cache or cache_directory()) / f"mail-{_digest(files)}.parquet"
    if kept.is_file():
        return Mail(pl.read_parquet(kept))
    log("preparing the corpora (once)")
    frame = _prepare(data, log)
    kept.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(kept)
    return Mail(frame)


def cache_directory() -> Path:
    """Where prepared corpora are kept: with the user's caches, never in the repository."""
    return platformdirs.user_cache_path("fyke") / "quality"


def _prepare(data: Path, log: Callable[[str], None]) -> pl.DataFrame:
    frames: list[pl.DataFrame] = []
    for name, read in CORPORA.items():
        if readers.files(name, data):
            log(f"reading {name}")
            frames.append(read(data))
    frame = pl.concat(frames)
    log("masking")
    masked = [mask(text) for text in frame["text"]]
    log("looking for near-duplicates")
    return frame.with_columns(pl.Series("masked", masked), pl.Series("cluster", clusters(frame["text"].to_list())))


def _digest(files: list[Path]) -> str:
    """Of the files' names, sizes and times, and of the code that prepares them."""
    code = [path for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem in _PREPARING]
    code += sorted(Path(fyke.mail.__file__).parent.glob("*.py"))
    said: list[Any] = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    said += [hashlib.sha256(path.read_bytes()).hexdigest() for path in code]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


_PREPARING = ("corpora", "readers", "raw", "masking", "near")
