"""Mail of our own, which the recipes learn from beside the rows that they are given.

The public corpora are old and have next to no honest mail of the last fifteen years. Three tables, each with the
published columns:

- ``written.csv``: mail of both labels, every text written singly;
- ``background.csv``: honest mail of today, most of it put together from patterns;
- ``everyday.csv``: what people write in a line or two, from patterns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fyke.model.corpus import LABEL_COLUMN, TEXT_COLUMN
from fyke.model.labels import PHISHING

FOLDER = Path(__file__).parent
TABLES = WRITTEN, BACKGROUND, EVERYDAY = (FOLDER / "written.csv", FOLDER / "background.csv", FOLDER / "everyday.csv")


@dataclass(frozen=True)
class Ours:
    """Texts (n,), which of them are phishing (n,), and the table that each is of (n,)."""

    texts: list[str]
    phishing: NDArray[np.bool_]
    tables: list[Path]

    def counts(self, of_table: Mapping[Path, float]) -> NDArray[np.float64]:
        """How often each text counts, (n,), where tables do; not at all where a table is not named."""
        return np.array([of_table.get(table, 0.0) for table in self.tables], np.float64)


@cache
def ours() -> Ours:
    """All mail of our own, read once."""
    frames = [pl.read_csv(path) for path in TABLES]
    texts = [text for frame in frames for text in frame[TEXT_COLUMN]]
    phishing = [label == PHISHING for frame in frames for label in frame[LABEL_COLUMN]]
    of = [table for table, frame in zip(TABLES, frames, strict=True) for _ in range(frame.height)]
    return Ours(texts, np.array(phishing, np.bool_), of)
