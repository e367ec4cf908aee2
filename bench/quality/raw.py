"""Archives of raw messages: each file as its path and the text that Fyke's message reader makes of it."""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

from fyke.mail.reading import read_message

_YEAR = re.compile(r"(?:19|20)\d\d")


def read_raw(raw: bytes) -> str:
    """The text that the model sees of a raw message: the one place where the protocol reads mail."""
    return read_message(raw).text


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of every file of a tar archive, in the order of the paths; nothing is unpacked to disk."""
    with tarfile.open(archive, "r|*") as tar:  # as a stream: going back would decompress all anew
        files = {one.name: file.read() for one in tar if one.isfile() and (file := tar.extractfile(one)) is not None}
    yield from sorted(files.items())


def year_in(path: str) -> int | None:
    """The year that a folder of the path is named after, if one is."""
    found = [part for part in path.split("/")[:-1] if _YEAR.fullmatch(part)]
    return int(found[-1]) if found else None
