"""Mailboxes in one file (mbox): one message after another, each behind a line ``From sender date``.

A line of a message that begins so is quoted with ``>``: always once (mboxo), or once more than it was (mboxrd). Both
are undone. Where the quotes were forgotten, only a line with a date like ``Mon Jan  1 00:00:00 2024`` parts messages,
and it must follow a blank line or be followed by a header.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import IO

FROM = b"From "
LONGEST = 400  # bytes in which a line that parts messages has its date
PIECE = 64 * 1024  # a longer line is read in pieces
_SEPARATOR = re.compile(
    rb"From .*\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(?:[A-Z][a-z][a-z] +\d\d?|\d\d? +[A-Z][a-z][a-z])\b.*\b\d{4}\b"
)
_HEADER = re.compile(rb"[!-9;-~]+:")
_QUOTED = re.compile(rb">+From ")
_BLANK = (b"\n", b"\r\n")


def looks_like_box(head: bytes) -> bool:
    """Whether a file that begins so is a mailbox, and no text whose first word happens to be "From"."""
    first, _, rest = head.partition(b"\n")
    return first.startswith(FROM) and bool(_SEPARATOR.match(first[:LONGEST]) or _HEADER.match(rest))


class Box:
    """Iterates over the messages of a mailbox, without their ``From`` lines.

    Of a message no more than ``limit`` bytes and a few are kept, enough to see that it is over the limit.
    ``skipped`` is the number of bytes before the first message.
    """

    def __init__(self, file: IO[bytes], limit: int):
        self._file = file
        self._limit = limit
        self.skipped = 0

    def __iter__(self) -> Iterator[bytes]:
        message: _Growing | None = None
        for line in self._lines():
            if line is None:
                if message is not None:
                    yield message.whole()
                message = _Growing(self._limit)
            elif message is not None:
                message.add(line)
            else:
                self.skipped += len(line)
        if message is not None:
            yield message.whole()

    def _lines(self) -> Iterator[bytes | None]:
        """The lines, unquoted, and None for each line that begins a message."""
        before, whole, first = b"\n", True, True
        doubtful = b""  # would begin a message, if only a blank line were before it
        for line in iter(partial(self._file.readline, PIECE), b""):
            if doubtful:
                yield None if _HEADER.match(line) else doubtful
                doubtful = b""
            if whole and line.startswith(FROM) and (first or _SEPARATOR.match(line[:LONGEST])):
                if before in _BLANK:
                    yield None
                else:
                    doubtful = line
            else:
                yield line[1:] if whole and _QUOTED.match(line) else line
            before, whole, first = line if whole else b"", line.endswith(b"\n"), False
        if doubtful:
            yield doubtful


class _Growing:
    """A message under way; what is beyond the limit is dropped as it comes."""

    def __init__(self, limit: int):
        self._kept = limit + 1 + len(b"\r\n")  # one byte says that it is over, and a blank line may go
        self._content = bytearray()

    def add(self, line: bytes) -> None:
        self._content += line[: self._kept - len(self._content)]

    def whole(self) -> bytes:
        """Without the blank line that the mailbox put after it."""
        for blank in reversed(_BLANK):
            if self._content.endswith(blank):
                rest = self._content[: -len(blank)]
                if not rest or rest.endswith(b"\n"):
                    return bytes(rest)
        return bytes(self._content)
