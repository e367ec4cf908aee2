"""Tables as streams of batches: CSV, JSON lines and Parquet; never a whole table in memory.

A table is looked through once before anything is scored, so that a broken row at its end is said at once. Rows of
text files keep the line they were read from, for a copy that changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from fyke.errors import DataError
from fyke.model.writable import encodable

if TYPE_CHECKING:  # it takes a while to import, and CSV to CSV does not need it
    import polars as pl

Kind = Literal["csv", "jsonl", "parquet"]
Row = TypeVar("Row")

PREDICTION, PROBABILITY, SCORE = ADDED = ("prediction", "probability", "phishing_probability")
SUFFIXES: dict[str, Kind] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".parquet": "parquet",
}
BATCH_ROWS = 500
BATCH_CHARACTERS = 2**20


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a table: their texts, the ``lines`` of a text file (none from Parquet), and all as a frame."""

    texts: list[str]
    lines: list[str]
    frame: "Callable[[], pl.DataFrame]"


class Table(Protocol):
    """A table that was looked through and found whole. It can be read again and again, in equal batches."""

    @property
    def kind(self) -> Kind:
        """The format."""
        ...

    @property
    def rows(self) -> int:
        """How many there are."""
        ...

    @property
    def header(self) -> str:
        """The line of a CSV file that names the columns; otherwise empty."""
        ...

    def schema(self) -> "dict[str, pl.DataType]":
        """The columns of the frames."""
        ...

    def batches(self) -> Iterator[Batch]:
        """All rows in order.

        Raises:
            DataError: the file cannot be read any more.
        """
        ...


def kind_of(path: Path) -> Kind:
    """The format that a file's name tells.

    Raises:
        DataError: it tells none of them.
    """
    for suffix, kind in SUFFIXES.items():
        if path.name.lower().endswith(suffix):
            return kind
    *others, last = SUFFIXES
    raise DataError(f"{path}: not a table that is known here; give {', '.join(others)} or {last}.")


def is_gzip(path: Path) -> bool:
    """Whether a file's name tells that it is compressed as a whole."""
    return path.name.lower().endswith(".gz")


def look_through(path: Path, text_column: str) -> Table:
    """The table in a file, every row of it checked.

    Raises:
        DataError: it cannot be read, a row is broken, the column is missing, or predictions are in it already.
    """
    kind = kind_of(path)
    if not path.exists():
        raise DataError(f"{path}: there is no such file.")
    if not path.is_file():
        raise DataError(f"{path}: not a file; give the table itself.")
    if kind == "parquet":
        from fyke.bulk.parquet import ParquetTable

        return ParquetTable(path, text_column)
    from fyke.bulk.lines import CsvTable, JsonlTable

    return CsvTable(path, text_column) if kind == "csv" else JsonlTable(path, text_column)


def check_columns(path: Path, columns: Iterable[str], text_column: str) -> None:
    """Refuse a table without the text column, one that has predictions already, and names that no file can hold.

    Raises:
        DataError: as said.
    """
    columns = list(columns)
    if text_column not in columns:
        found = ", ".join(map(repr, columns)) or "none"
        raise DataError(f"{path}: no column {text_column!r}; it has {found}. Name another with --text-column.")
    for name in columns:
        if encodable(name) != name:
            raise DataError(f"{path}: the column {name!r} has half of a character in its name; rename it.")
    for name in ADDED:
        if name in columns:
            raise DataError(f"{path}: there is a column {name!r} already; rename it or leave it out of the input.")


def in_batches(rows: Iterable[Row], size: Callable[[Row], int], make: Callable[[list[Row]], Batch]) -> Iterator[Batch]:
    """Rows in lists of at most `BATCH_ROWS`, fewer when together they pass `BATCH_CHARACTERS`."""
    gathered: list[Row] = []
    characters = 0
    for row in rows:
        gathered.append(row)
        characters += size(row)
        if len(gathered) == BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield make(gathered)
            gathered, characters = [], 0
    if gathered:
        yield make(gathered)
