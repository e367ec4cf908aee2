"""Where messages come from: files, folders, Maildirs, mailboxes, archives, JSON and stdin, as one stream.

One message at a time is in memory, and of that no more than a limit. What cannot be read is told, and the rest goes on.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from fyke.mail.folders import files
from fyke.mail.limits import Limits
from fyke.mail.message import Message
from fyke.mail.opening import Place, Reader, Source
from fyke.mail.outlook import MAGIC as OUTLOOK
from fyke.mail.reading import read_message, read_text
from fyke.mail.streams import Stream

__all__ = ["STDIN", "Source", "read_source", "sources"]

STDIN = Path("-")
CHUNK = 64 * 1024


def sources(
    paths: Sequence[Path], *, limit: int, trouble: Callable[[str], None], stdin: IO[bytes] | None = None
) -> Iterator[Source]:
    """The messages in each path, in order; ``-`` is one message on ``stdin``.

    Of a message over ``limit`` bytes, at least one byte more than that is given and the rest is dropped, so that its
    reader sees that it is over. ``trouble`` is told in a sentence whatever cannot be read, or is no mail.
    """
    reader = Reader(limit, trouble)
    for path in paths:
        if path == STDIN:
            yield from _piped(reader, stdin or getattr(sys.stdin, "buffer", None))
        elif path.is_dir():
            yield from _in_folder(reader, path)
        else:
            yield from _in_file(reader, path, Place(str(path), (path.name,)))


def read_source(source: Source, limits: Limits) -> Message:
    """The message of a source; a text that came as one has no headers to look for."""
    if isinstance(source.raw, bytes):
        return read_message(source.raw, limits)
    most = limits.text_chars
    cut = (f"text over {most:,} characters",) if len(source.raw) > most else ()
    return Message(body=read_text(source.raw[:most]), cut=cut)


def _piped(reader: Reader, stdin: IO[bytes] | None) -> Iterator[Source]:
    """One message, whatever it looks like, Outlook's too: a filter has one verdict.

    All is read, so that its writer is not cut off.
    """
    if stdin is None:
        reader.trouble("-: stdin is closed; give it a message, or name a file.")
        return
    try:
        raw = stdin.read(reader.limit + 1)
        while stdin.read(CHUNK):
            pass
    except OSError as error:
        reader.trouble(f"-: cannot be read ({error.strerror or error}).")
        return
    if raw.startswith(OUTLOOK):
        yield from reader.outlook(raw, Place("-", ("-",)))
    elif raw.strip():
        yield Source("-", raw, ("-",))
    else:
        reader.trouble("-: nothing came on stdin.")


def _in_folder(reader: Reader, folder: Path) -> Iterator[Source]:
    name = folder.resolve().name if folder.name in ("", "..") else folder.name
    empty = True
    for found in files(folder, reader.trouble):
        empty = False
        place = Place(str(found.path), (name, *found.parts))
        yield from _in_file(replace(reader, alone=found.alone), found.path, place)
    if empty:
        reader.trouble(f"{folder}: there is no mail in this folder.")


def _in_file(reader: Reader, path: Path, place: Place) -> Iterator[Source]:
    try:
        file = path.open("rb")
    except OSError as error:
        reader.trouble(f"{path}: cannot be read ({error.strerror}).")
        return
    with file:
        yield from reader.read(Stream(file), place)
