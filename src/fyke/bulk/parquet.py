"""Parquet in slices: polars' own iterators of batches hold more at a time, and cannot start in the middle."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from fyke.bulk.tables import Batch, Kind, check_columns, in_batches
from fyke.errors import DataError

SLICE_ROWS = 16_384
_SLICE_BYTES = 2**23  # of the file as it lies on disk: texts take several times as much in memory


class ParquetTable:
    """A Parquet file."""

    kind: Kind = "parquet"
    header = ""

    def __init__(self, path: Path, text_column: str):
        self._path = path
        self._text = text_column
        try:
            self._frame = pl.scan_parquet(path, glob=False)
            self._schema = dict(self._frame.collect_schema())
            self.rows: int = self._frame.select(pl.len()).collect().item()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise unreadable(path, error) from error
        check_columns(path, self._schema, text_column)
        kind = self._schema[text_column]
        if kind.is_nested() or kind in (pl.Binary, pl.Object):
            raise DataError(f"{path}: column {text_column!r} is not text but {kind}.")
        by_size = _SLICE_BYTES * self.rows // max(1, path.stat().st_size)
        self._step = max(1, min(SLICE_ROWS, by_size))

    def schema(self) -> dict[str, pl.DataType]:
        """The file's own."""
        return self._schema

    def batches(self) -> Iterator[Batch]:
        """All rows, from slices of a fixed number of rows."""
        for start in range(0, self.rows, self._step):
            try:
                rows = self._frame.slice(start, self._step).collect()
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
                raise unreadable(self._path, error) from error
            yield from self._cut(rows)

    def _cut(self, rows: pl.DataFrame) -> Iterator[Batch]:
        texts = rows[self._text].cast(pl.String).fill_null("").to_list()
        start = 0

        def batch(gathered: list[str]) -> Batch:
            nonlocal start
            part = rows.slice(start, len(gathered))
            start += len(gathered)
            return Batch(gathered, [], lambda: part)

        return in_batches(texts, len, batch)


def unreadable(path: Path, error: BaseException) -> DataError:
    """What to say of a file that polars cannot read."""
    said = str(error).strip()
    return DataError(f"{path}: cannot be read as Parquet ({said.splitlines()[0] if said else type(error).__name__}).")
