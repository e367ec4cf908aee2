"""Tables in text files, CSV and JSON lines, plain or gzipped, read by hand: a broken row has a line number."""

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from fyke.bulk.tables import Batch, Kind, check_columns, in_batches, is_gzip
from fyke.errors import DataError
from fyke.model.writable import encodable

if TYPE_CHECKING:
    import polars as pl

BLOCK = 2**18  # bytes that are read at once
LONGEST = 2**24  # bytes of a line and characters of a field: a missing quote must not swallow the file
_WHOLE, _EXACT = range(-(2**63), 2**63), range(-(2**53), 2**53 + 1)


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file with their ends, without a byte order mark.

    Raises:
        DataError: the file cannot be read or is cut short, a line is too long, or not UTF-8.
    """
    number = 1
    try:
        with gzip.open(path, "rb") if is_gzip(path) else path.open("rb") as file:
            for block in _whole_lines(file):
                if number == 1:
                    block = block.removeprefix(codecs.BOM_UTF8)
                lines = io.StringIO(block.decode(), newline="\n").readlines()
                if any(len(line) > LONGEST for line in lines):
                    number += next(n for n, line in enumerate(lines) if len(line) > LONGEST)
                    raise DataError(f"{path}: line {number}: longer than {LONGEST:,} bytes.")
                number += len(lines)
                yield from lines
    except UnicodeDecodeError as error:
        number += error.object.count(b"\n", 0, error.start)
        raise DataError(f"{path}: line {number}: not UTF-8 ({error.reason}).") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error


def _whole_lines(file: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    """A file in blocks that end where a line does, or where one is too long."""
    begun = b""
    for block in iter(partial(file.read, BLOCK), b""):
        lines, end, begun = (begun + block).rpartition(b"\n")
        if end:
            yield lines + end
        if len(begun) > LONGEST:
            break
    if begun:
        yield begun


class CsvTable:
    """Comma-separated values; the first row names the columns. Every value is a string, blank lines are no rows."""

    kind: Kind = "csv"

    def __init__(self, path: Path, text_column: str):
        self._path = path
        rows = self._read()
        self.header, self._columns = next(rows, ("", []))
        if not self._columns:
            raise DataError(f"{path}: the file is empty.")
        for name in self._columns:
            if self._columns.count(name) > 1:
                raise DataError(f"{path}: two columns are named {name!r}; rename one.")
        check_columns(path, self._columns, text_column)
        self._text = self._columns.index(text_column)
        self.rows = sum(1 for _ in rows)

    def schema(self) -> "dict[str, pl.DataType]":
        """Strings."""
        import polars as pl

        return {name: pl.String() for name in self._columns}

    def batches(self) -> Iterator[Batch]:
        """All rows; a line may go over several lines of the file."""
        rows = self._read()
        next(rows, None)
        return in_batches(rows, lambda row: len(row[0]), self._batch)

    def _batch(self, rows: list[tuple[str, list[str]]]) -> Batch:
        def frame() -> "pl.DataFrame":
            import polars as pl

            return pl.DataFrame([fields for _, fields in rows], schema=self.schema(), orient="row")

        return Batch([fields[self._text] for _, fields in rows], [line for line, _ in rows], frame)

    def _read(self) -> Iterator[tuple[str, list[str]]]:
        """Each row as it stands and as its fields."""
        pending: list[str] = []
        number, width = 0, 0

        def feed() -> Iterator[str]:
            nonlocal number
            for line in read_lines(self._path):
                number += 1
                pending.append(line)
                yield line

        csv.field_size_limit(LONGEST)
        reader = csv.reader(feed(), strict=True)
        while True:
            began = number + 1
            try:
                fields = next(reader, None)
            except csv.Error as error:
                raise DataError(f"{self._path}: line {began}: {error}; is a quote missing?") from error
            if fields is None:
                return
            if fields:
                width = width or len(fields)
                if len(fields) != width:
                    found = f"{len(fields)} fields where the header has {width}"
                    raise DataError(f"{self._path}: line {began}: {found}; is a quote or a comma missing?")
                yield "".join(pending), fields
            pending.clear()


class JsonlTable:
    """One JSON object on each line; blank lines are no rows. Its columns are the names that occur, in order.

    In a frame a column is of booleans, whole numbers, numbers or strings; what fits none of them is JSON in a string,
    as are whole numbers beside others where one of them has more digits than a floating-point number keeps.
    """

    kind: Kind = "jsonl"
    header = ""

    def __init__(self, path: Path, text_column: str):
        self._path = path
        self._text = text_column
        self._types: dict[str, set[str]] = {}
        self.rows = 0
        for _, row in self._read():
            self.rows += 1
            for name, value in row.items():
                self._types.setdefault(name, set()).add(_type(value))
        if not self.rows:
            raise DataError(f"{path}: the file is empty.")
        check_columns(path, self._types, text_column)

    def schema(self) -> "dict[str, pl.DataType]":
        """From the values that occur."""
        import polars as pl

        of = {
            frozenset({"boolean"}): pl.Boolean(),
            frozenset({"whole"}): pl.Int64(),
            frozenset({"large"}): pl.Int64(),
            frozenset({"whole", "large"}): pl.Int64(),
            frozenset({"number"}): pl.Float64(),
            frozenset({"whole", "number"}): pl.Float64(),
        }
        return {name: of.get(frozenset(types - {"null"}), pl.String()) for name, types in self._types.items()}

    def batches(self) -> Iterator[Batch]:
        """All rows."""
        return in_batches(self._read(), lambda row: len(row[0]), self._batch)

    def _batch(self, rows: list[tuple[str, dict[str, Any]]]) -> Batch:
        def frame() -> "pl.DataFrame":
            import polars as pl

            schema = self.schema()
            read = {name: _string if dtype == pl.String else _plain for name, dtype in schema.items()}
            columns = {name: [read[name](row.get(name)) for _, row in rows] for name in schema}
            return pl.DataFrame(columns, schema=schema, strict=False)

        return Batch([_string(row.get(self._text)) or "" for _, row in rows], [line for line, _ in rows], frame)

    def _read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each line without its end, and the object on it."""
        for number, line in enumerate(read_lines(self._path), 1):
            line = line.strip(" \t\r\n")
            if not line:
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                said = getattr(error, "msg", None) or "it cannot be read"
                raise DataError(f"{self._path}: line {number}: not JSON ({said}).") from error
            if not isinstance(row, dict):
                raise DataError(f"{self._path}: line {number}: not a JSON object, as {{...}}.")
            if isinstance(row.get(self._text), list | dict):
                raise DataError(f"{self._path}: line {number}: {self._text!r} is not a text.")
            yield line, row


def _type(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "whole" if value in _EXACT else "large" if value in _WHOLE else "other"
    return "number" if isinstance(value, float) else "other"


def _plain(value: Any) -> Any:
    return value


def _string(value: Any) -> str | None:
    """A string as it is, nothing as nothing, anything else as its JSON."""
    if value is None:
        return None
    return encodable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
