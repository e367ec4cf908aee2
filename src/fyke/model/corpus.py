"""Tables of labelled mail: CSV (plain or gzipped) and Parquet."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from fyke.errors import DataError
from fyke.model.labels import LABELS, PHISHING

TEXT_COLUMN = "Email Text"
LABEL_COLUMN = "Email Type"


@dataclass(frozen=True)
class Dataset:
    """One file or folder that was read: its name, its SHA-256 in hexadecimal and its number of rows."""

    name: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class Corpus:
    """Labelled texts in file order: ``texts[i]`` has ``labels[i]``, one of `LABELS`."""

    texts: list[str]
    labels: list[str]
    datasets: list[Dataset]

    def label_counts(self) -> dict[str, int]:
        """Rows for each label that occurs, in the order of `LABELS`."""
        counts = Counter(self.labels)
        return {label: counts[label] for label in LABELS if counts[label]}


def read_corpus(
    paths: Sequence[Path],
    *,
    text_column: str = TEXT_COLUMN,
    label_column: str = LABEL_COLUMN,
    label_map: Mapping[str, str] | None = None,
) -> Corpus:
    """Read tables into one corpus; an empty or missing text counts as ``""``.

    ``label_map`` sends the values of ``label_column`` to `LABELS`; without it they must be labels already.

    Raises:
        DataError: a file cannot be read, lacks a column, is empty, or holds an unknown label.
    """
    if text_column == label_column:
        raise DataError(f"The text and the label cannot both be column {text_column!r}; see --text-column.")
    texts: list[str] = []
    labels: list[str] = []
    datasets: list[Dataset] = []
    for path in paths:
        table = _read_table(path, {text_column: "--text-column", label_column: "--label-column"})
        texts += table[text_column].fill_null("").to_list()
        labels += _read_labels(path, table[label_column], label_column, label_map)
        datasets.append(Dataset(path.name, file_digest(path), table.height))
    if not texts:
        raise DataError("There are no rows to read: name at least one file that has some.")
    return Corpus(texts, labels, datasets)


def joined(corpora: Iterable[Corpus]) -> Corpus:
    """Corpora as one, each behind the one before it."""
    texts: list[str] = []
    labels: list[str] = []
    datasets: list[Dataset] = []
    for corpus in corpora:
        texts += corpus.texts
        labels += corpus.labels
        datasets += corpus.datasets
    return Corpus(texts, labels, datasets)


def file_digest(path: Path) -> str:
    """SHA-256 of the file as it lies on disk, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_texts(path: Path, text_column: str = TEXT_COLUMN) -> list[str]:
    """The texts of a table, labelled or not; an empty or missing text counts as ``""``.

    Raises:
        DataError: the file cannot be read, lacks the column or is empty.
    """
    texts: list[str] = _read_table(path, {text_column: "--text-column"})[text_column].fill_null("").to_list()
    return texts


def _read_table(path: Path, columns: Mapping[str, str]) -> pl.DataFrame:
    """Columns of a table, each with the option that names it."""
    name = path.name.lower()
    if not path.exists():
        raise DataError(f"{path}: there is no such file.")
    if not path.is_file():
        raise DataError(f"{path}: not a file; give the tables themselves.")
    try:
        if name.endswith(".parquet"):
            table = pl.read_parquet(path)
        elif name.endswith((".csv", ".csv.gz")):
            table = pl.read_csv(path, infer_schema=False)
        else:
            raise DataError(f"{path}: not a table that can be read here; give .csv, .csv.gz or .parquet.")
    except pl.exceptions.NoDataError as error:
        raise DataError(f"{path}: the file is empty.") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{path}: cannot be read as a table ({reason}).") from error
    for column, option in columns.items():
        if column not in table.columns:
            found = ", ".join(repr(one) for one in table.columns)
            raise DataError(f"{path}: no column {column!r}; it has {found}. Name another with {option}.")
    if not table.height:
        raise DataError(f"{path}: the table has no rows.")
    return table.select(pl.col(*columns).cast(pl.String))


def _read_labels(path: Path, column: pl.Series, name: str, label_map: Mapping[str, str] | None) -> list[str]:
    values: list[str | None] = column.to_list()
    mapping = dict(label_map) if label_map else {label: label for label in LABELS}
    unknown = {value for value in values if value not in mapping}
    if unknown:
        shown = ", ".join("(missing)" if one is None else repr(one) for one in sorted(unknown, key=str)[:5])
        raise DataError(
            f"{path}: column {name!r} holds {shown}; known are {', '.join(map(repr, mapping))}. "
            f"Say what each value means, for example --label-map phish={PHISHING!r}."
        )
    return [mapping[value] for value in values if value is not None]
