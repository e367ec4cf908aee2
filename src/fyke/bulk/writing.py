"""The table with its verdicts: between like formats each line is copied as it stands, with its end added."""

import gzip
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from fyke.bulk.tables import ADDED, PREDICTION, PROBABILITY, SCORE, Batch, Table, is_gzip, kind_of
from fyke.errors import DataError

if TYPE_CHECKING:
    import polars as pl

Verdict = tuple[str, float, float]  # a label, its probability, and the probability of phishing
Pairs = Iterable[tuple[Batch, list[Verdict]]]
GROUP_ROWS = 65_536  # rows of a row group of Parquet

_HEADER = "".join(f",{name}" for name in ADDED)
_MEMBERS = f'"{PREDICTION}": "%s", "{PROBABILITY}": %r, "{SCORE}": %r}}'


class TextWriter:
    """Writes CSV or JSON lines to ``part``, in the format that the name of ``target`` tells, batch by batch."""

    def __init__(self, table: Table, target: Path, part: Path):
        self._part = part
        self._table = table
        self._kind = kind_of(target)
        self._packs = is_gzip(target)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._file: BinaryIO = self._stack.enter_context(self._part.open("wb"))
            if self._packs:  # without a time, so that the bytes are the same every time
                packed = gzip.GzipFile("", "wb", 6, self._file, mtime=0)
                self._file = cast(BinaryIO, self._stack.enter_context(packed))
            self._file.write(self._head().encode())
        except OSError as error:
            raise unwritable(self._part, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._stack.close()
        except OSError as error:
            raise unwritable(self._part, error) from error

    def add(self, batch: Batch, verdicts: list[Verdict]) -> None:
        """Write some rows.

        Raises:
            DataError: the disk is full, for one.
        """
        if self._kind == self._table.kind:
            add = _to_csv if self._kind == "csv" else _to_jsonl
            content = "".join(map(add, batch.lines, verdicts)).encode()
        else:
            content = self._converted(with_verdicts(batch.frame(), verdicts))
        try:
            self._file.write(content)
        except OSError as error:
            raise unwritable(self._part, error) from error

    def _head(self) -> str:
        if self._kind != "csv":
            return ""
        if self._table.kind == "csv":
            end = "\r\n" if self._table.header.endswith("\r\n") else "\n"
            return f"{self._table.header.removesuffix(end)}{_HEADER}{end}"
        import polars as pl

        return pl.DataFrame(schema=full_schema(self._table)).write_csv()

    def _converted(self, frame: "pl.DataFrame") -> bytes:
        content = io.BytesIO()
        if self._kind == "csv":
            frame.write_csv(content, include_header=False)
        else:
            frame.write_ndjson(content)
        return content.getvalue()


def write_parquet(table: Table, pairs: Pairs, part: Path) -> None:
    """Write Parquet through polars' streaming sink, which asks for batch after batch.

    Raises:
        DataError: the file cannot be written.
    """
    import polars as pl
    from polars.io.plugins import register_io_source

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        return (with_verdicts(batch.frame(), verdicts) for batch, verdicts in pairs)

    frames = register_io_source(source, schema=pl.Schema(full_schema(table)))
    try:
        frames.sink_parquet(part, row_group_size=GROUP_ROWS, maintain_order=True)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unwritable(part, error) from error


def with_verdicts(frame: "pl.DataFrame", verdicts: list[Verdict]) -> "pl.DataFrame":
    """A frame with the added columns."""
    import polars as pl

    return frame.hstack(pl.DataFrame(verdicts, schema=_added(), orient="row"))


def full_schema(table: Table) -> "dict[str, pl.DataType]":
    """All columns of the output."""
    return table.schema() | _added()


def check_format(table: Table, target: Path) -> None:
    """Refuse a format that cannot hold the table.

    Raises:
        DataError: names the column.
    """
    kind = kind_of(target)
    if kind in ("parquet", table.kind):
        return
    import polars as pl

    for name, dtype in table.schema().items():
        if dtype in (pl.Binary, pl.Object) or (kind == "csv" and dtype.is_nested()):
            raise DataError(f"{target}: this format cannot hold column {name!r} ({dtype}); write .parquet.")


def keep(part: Path, target: Path) -> None:
    """Give the finished file its name; after a power cut it is there whole or not at all.

    Raises:
        DataError: it cannot be.
    """
    try:
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:
        raise unwritable(target, error) from error


def unwritable(path: Path, error: Exception) -> DataError:
    """What to say of a file that cannot be written."""
    said = str(getattr(error, "strerror", None) or error).strip()
    return DataError(f"{path}: cannot be written ({said.splitlines()[0] if said else type(error).__name__}).")


def _to_csv(line: str, verdict: Verdict) -> str:
    if line[-1:] != "\n":
        return f"{line},{verdict[0]},{verdict[1]!r},{verdict[2]!r}\n"
    end = -2 if line[-2:] == "\r\n" else -1
    return f"{line[:end]},{verdict[0]},{verdict[1]!r},{verdict[2]!r}{line[end:]}"


def _to_jsonl(line: str, verdict: Verdict) -> str:
    members = line[:-1].rstrip()
    return f"{members}{'' if members == '{' else ', '}{_MEMBERS % verdict}\n"


def _added() -> "dict[str, pl.DataType]":
    import polars as pl

    return {PREDICTION: pl.String(), PROBABILITY: pl.Float64(), SCORE: pl.Float64()}
