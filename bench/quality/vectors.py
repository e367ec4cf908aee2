"""The shipped encoder with a memory on disk, so that splits that share texts, and later runs, read each text once."""

import hashlib
import sqlite3
from pathlib import Path

import numpy as np

from bench.quality.corpora import cache_directory
from fyke.model.encoding import Encoder, Vector, shipped


class Remembering(Encoder):
    """The encoder; vectors that it has made before come from a file in the user's cache, outside the repository."""

    def __init__(self, encoder: Encoder, folder: Path | None = None):
        super().__init__(encoder.network, encoder.tokenizer)
        folder = folder or cache_directory()
        folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(encoder.network).hexdigest()[:16]
        self._known = sqlite3.connect(folder / f"vectors-{digest}.sqlite", isolation_level=None)
        self._known.execute("pragma synchronous = off")
        self._known.execute("create table if not exists vectors (tokens blob primary key, vector blob) without rowid")

    def vector(self, canonical: bytes) -> Vector:
        """The vector of tokens, from the file or from the network."""
        row = self._known.execute("select vector from vectors where tokens = ?", (canonical,)).fetchone()
        if row:
            return np.frombuffer(row[0], np.float32)
        found = super().vector(canonical)
        self._known.execute("insert or ignore into vectors values (?, ?)", (canonical, found.tobytes()))
        return found


def remembering() -> Encoder:
    """The shipped encoder with its memory.

    Raises:
        ModelError: the extra is not installed.
    """
    return Remembering(shipped())
