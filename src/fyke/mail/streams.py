"""Bytes that may end early: a damaged file gives what can be read, and says afterwards what is wrong with it."""

import bz2
import gzip
import io
import lzma
import math
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER = 64 * 1024
HEADERS = 64 * 1024  # bytes of headers before a file in an archive, long names among them
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError)
_PACKED = ((b"\x1f\x8b\x08", gzip.open), (b"\xfd7zXZ\x00", lzma.open), (b"BZh91AY&SY", bz2.open))


class Stream(io.BufferedReader):
    """A file that ends where it can no longer be read; ``wrong`` then says why, and is None while all is well."""

    def __init__(self, file: io.BufferedIOBase):
        self._source = _Source(file)
        super().__init__(self._source, BUFFER)

    @property
    def wrong(self) -> str | None:
        """Why the end came too early."""
        error = self._source.error
        return None if error is None else reason(error)

    def head(self) -> bytes:
        """The next bytes, up to `BUFFER` of them, without moving on."""
        return self.peek(BUFFER)


class _Source(io.RawIOBase):
    """Reads a file up to its end or its first error."""

    def __init__(self, file: io.BufferedIOBase):
        self._file = file
        self.error: BaseException | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        filled = 0
        try:
            while self.error is None and filled < len(view):
                data = self._file.read1(len(view) - filled)  # all that there is before an error
                if not data:
                    break
                view[filled : filled + len(data)] = data
                filled += len(data)
        except UNREADABLE as error:
            self.error = error
        return filled


def reason(error: BaseException) -> str:
    """An error of reading in a few words."""
    if isinstance(error, EOFError) or (isinstance(error, tarfile.TarError) and "unexpected end" in str(error)):
        return "it is cut short"
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def unpacked(stream: Stream) -> Stream | None:
    """The content of a gzip, xz or bzip2 stream; None where it is none of them."""
    head = stream.head()
    for magic, opener in _PACKED:
        if head.startswith(magic):
            return Stream(cast(io.BufferedIOBase, opener(stream, "rb")))
    return None


def is_archive(stream: Stream) -> bool:
    """Whether a tar archive begins here: by its mark, and by the zero byte that ends its first number."""
    head = stream.head()
    return head[257:262] == b"ustar" and head[107] == 0


def members(stream: Stream) -> Iterator[tuple[str, Stream]]:
    """The files in a tar archive, in its order; each is to be read before the next is asked for.

    Raises:
        tarfile.TarError: the archive is damaged, or has more than `HEADERS` bytes of headers before a file.
    """
    forward = _Forward(stream)
    try:
        with tarfile.TarFile(fileobj=cast(IO[bytes], forward)) as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
                archive.pax_headers.clear()  # type: ignore[attr-defined]
                forward.left = math.inf
                file = archive.extractfile(member) if member.isreg() else None
                if file is not None:
                    yield member.name, Stream(cast(io.BufferedIOBase, file))
                forward.left = HEADERS
    except ValueError as error:  # a number in a header that is none
        raise tarfile.ReadError("a header cannot be read") from error


class _Forward:
    """A stream as ``tarfile`` wants one: it seeks forwards, and reads no more than ``left`` bytes."""

    def __init__(self, stream: Stream):
        self._stream = stream
        self._at = 0
        self.left: float = HEADERS

    def read(self, size: int) -> bytes:
        if size > self.left:  # asked for at once: what a header says is its size
            raise tarfile.ReadError(f"over {HEADERS:,} bytes of headers before a file")
        self.left -= size
        data = self._stream.read(size)
        self._at += len(data)
        return data

    def tell(self) -> int:
        return self._at

    def seek(self, position: int) -> None:
        if position < self._at:
            raise tarfile.StreamError("its sizes lead backwards")
        while self._at < position and (data := self._stream.read(min(BUFFER, position - self._at))):
            self._at += len(data)
