"""Mail without labels: tables, and whatever ``fyke classify`` reads."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fyke.cli.console import complain, printable
from fyke.cli.labelled import TABLES, TOLD_EVERY
from fyke.errors import DataError
from fyke.mail.limits import Limits
from fyke.mail.sources import STDIN, read_source, sources
from fyke.model.corpus import read_texts


def read_unlabelled(
    paths: Sequence[Path], *, text_column: str, limits: Limits, progress: Callable[[str], None]
) -> list[str]:
    """The texts of tables and of messages, in the order of the paths. What cannot be read is told on stderr.

    Raises:
        DataError: a path does not exist or holds nothing to read, or as `fyke.model.corpus.read_texts`.
    """
    texts: list[str] = []
    for path in paths:
        if path.name.lower().endswith(TABLES):
            texts += read_texts(path, text_column)
            continue
        if path != STDIN and not path.exists():
            raise DataError(f"{path}: there is no such file or folder.")
        before = len(texts)
        for source in sources([path], limit=limits.bytes, trouble=lambda what: complain(printable(what))):
            texts.append(read_source(source, limits).text)
            if len(texts) % TOLD_EVERY == 0:
                progress(f"reading {path}: {len(texts) - before:,} messages")
        if len(texts) == before:
            raise DataError(f"{path}: there is no message to read.")
    return texts
