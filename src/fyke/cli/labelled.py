"""Labelled mail for ``fyke train`` and ``fyke evaluate``: tables, and messages in folders named after their label."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath

from fyke.cli.console import complain, printable
from fyke.errors import DataError
from fyke.mail.limits import Limits
from fyke.mail.sources import Source, read_source, sources
from fyke.model.corpus import Corpus, Dataset, joined, read_corpus
from fyke.model.labels import LABELS, PHISHING, SAFE

SUFFIXES = (".gz", ".xz", ".bz2", ".tgz", ".txz", ".tar", ".mbox", ".mbx", ".jsonl", ".ndjson", ".json", ".eml", ".msg")
TABLES = (".csv", ".csv.gz", ".parquet")
FOLDERS = {**{label: label for label in LABELS}, "phishing": PHISHING, "safe": SAFE}
TOLD_EVERY = 100  # messages


def read_labelled(
    paths: Sequence[Path],
    *,
    text_column: str,
    label_column: str,
    label_map: Mapping[str, str] | None,
    limits: Limits,
    progress: Callable[[str], None],
) -> Corpus:
    """Tables and mail read into one corpus, in the order of the paths.

    A path that is no table is read like ``fyke classify`` reads it. A message has the label that ``label_map`` gives
    to the nearest name it lies under: a folder, or a mailbox or an archive without its suffixes. Without a map these
    names are ``phishing`` and ``safe``, or the labels themselves. What cannot be read is told on stderr.

    The digest of messages is over their bytes and the names that label them, in order: all that the corpus is made
    of but the map. So a folder may be moved, and a message in a Maildir may be marked as seen.

    Raises:
        DataError: a path does not exist or has no message, a message lies under no known name, or as `read_corpus`.
    """
    return joined(
        [
            read_corpus([path], text_column=text_column, label_column=label_column, label_map=label_map)
            if path.name.lower().endswith(TABLES)
            else _read_mail(path, label_map or FOLDERS, limits, progress)
            for path in paths
        ]
    )


def _read_mail(path: Path, label_map: Mapping[str, str], limits: Limits, progress: Callable[[str], None]) -> Corpus:
    """The messages under a path."""
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder.")
    digest = hashlib.sha256()
    texts: list[str] = []
    labels: list[str] = []
    for source in sources([path], limit=limits.bytes, trouble=lambda what: complain(printable(what))):
        name = _label_name(source, label_map)
        for part in (name, source.raw):
            encoded = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            digest.update(b"%d:" % len(encoded) + encoded)
        texts.append(read_source(source, limits).text)
        labels.append(label_map[name])
        if len(texts) % TOLD_EVERY == 0:
            progress(f"reading {path}: {len(texts):,} messages")
    if not texts:
        raise DataError(f"{path}: there is no message to read.")
    return Corpus(texts, labels, [Dataset(path.resolve().name, digest.hexdigest(), len(texts))])


def _label_name(source: Source, label_map: Mapping[str, str]) -> str:
    """The name in ``label_map`` that is nearest to a message."""
    for name in reversed(source.within):
        for candidate in (name, _stem(name)):
            if candidate in label_map:
                return candidate
    raise DataError(
        f"{printable(source.name)}: no folder, mailbox or archive that it lies in is named after a label; known are "
        f"{', '.join(map(repr, label_map))}. Say what a name means, for example --label-map ham={SAFE!r}. "
        "Tables are .csv, .csv.gz or .parquet."
    )


def _stem(name: str) -> str:
    """``spam`` of ``spam.tar.xz`` and of ``spam.mbox``."""
    path = PurePath(name)
    while path.suffix.lower() in SUFFIXES:
        path = path.with_suffix("")
    return path.name
