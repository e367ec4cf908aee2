"""The journal: the scores that are computed already, so that nothing is lost however a run ends.

    one line of JSON     what is scored: the digest of the file and its text column, and the model
    blocks               a count (4 bytes), the digest of the rest (16 bytes), and as many scores of 8 bytes

A block has the scores of a batch. One that was cut short or altered, by a kill or a power cut, ends what counts. The
output is written from the input and the scores, so that it is the same however often the run was interrupted.
"""

import errno
import hashlib
import json
import os
import struct
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from fyke.bulk.tables import BATCH_CHARACTERS, BATCH_ROWS
from fyke.errors import DataError

_MARK = '{"fyke score": 1, '
_LONGEST_HEAD = 2**16
_BLOCK = struct.Struct("<I16s")


class Journal:
    """The scores of one input by one model, in a file that only one process has open.

    ``done``: rows that are scored. ``replaces``: the run was told to replace an output.

    Raises:
        DataError: it belongs to another input or model and ``force`` is off, is not a journal, or is in use.
    """

    def __init__(self, path: Path, identity: dict[str, Any], *, force: bool):
        self.path = path
        self.done = 0
        try:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600), "rb+", 0)
            self._lock()
            head = self._file.readline(_LONGEST_HEAD)
            wanted = _header(identity, replaces=False)
            if not force and head in (wanted, _header(identity, replaces=True)):
                self.done = sum(map(len, self._blocks()))
            else:
                self._check(head, wanted, force)
                head = _header(identity, replaces=force)
                self._start(head)
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror}).") from error
        self._body = len(head)
        self.replaces = head != wanted

    def append(self, scores: bytes) -> None:
        """Keep the next scores, an array of 64-bit floating-point numbers in this machine's order.

        Raises:
            DataError: the disk is full, for one.
        """
        numbers = _little(array("d", scores))
        payload = numbers.tobytes()
        try:
            self._put(_BLOCK.pack(len(numbers), _digest(payload)) + payload)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written ({error.strerror}).") from error
        self.done += len(numbers)

    def blocks(self) -> Iterator["array[float]"]:
        """All scores in order, in the batches in which they came."""
        self._file.seek(self._body)
        return self._blocks()

    def close(self) -> None:
        """Let another process have it."""
        self._file.close()

    def remove(self) -> None:
        """It is no longer needed."""
        self.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _blocks(self) -> Iterator["array[float]"]:
        """The whole blocks from here on; what follows them is cut off."""
        while True:
            start = self._file.tell()
            head = self._file.read(_BLOCK.size)
            if len(head) == _BLOCK.size:
                count, digest = _BLOCK.unpack(head)
                payload = self._file.read(8 * count)
                if count and len(payload) == 8 * count and _digest(payload) == digest:
                    yield _little(array("d", payload))
                    continue
            self._file.truncate(start)
            self._file.seek(start)
            return

    def _start(self, head: bytes) -> None:
        self._file.truncate(0)
        self._file.seek(0)
        self._put(head)

    def _put(self, data: bytes) -> None:
        """Nothing is buffered: what is written survives this process."""
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _check(self, head: bytes, wanted: bytes, force: bool) -> None:
        """Whether a journal that cannot be gone on with may be begun anew."""
        if not head.endswith(b"\n") and (_MARK.encode().startswith(head) or head.startswith(_MARK.encode())):
            return  # there is nothing in it, or only a part of its first line
        try:
            was, now = json.loads(head), json.loads(wanted)
        except ValueError:
            was = {}
        if not head.startswith(_MARK.encode()) or "of" not in was:
            raise DataError(f"{self.path}: not a journal of `fyke score`; move it away.")
        if not force:
            differs = [name for name in now["of"] if was["of"].get(name) != now["of"][name]]
            raise DataError(
                f"{self.path}: an unfinished run with another {' and '.join(differs)}. "
                "Run that again, or start over with --force."
            )

    def _lock(self) -> None:
        """Until this process ends, however it does."""
        if sys.platform == "win32":
            return
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(f"{self.path}: another `fyke score` is at work on this output.") from error


def identify(path: Path, text_column: str, model_id: str) -> dict[str, Any]:
    """What the scores of a file, and their batches, depend on.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    return {
        "input": digest,
        "text column": text_column,
        "model": model_id,
        "batch size": [BATCH_ROWS, BATCH_CHARACTERS],
    }


def _header(identity: dict[str, Any], *, replaces: bool) -> bytes:
    return f"{_MARK}{json.dumps({'of': identity, 'replaces': replaces})[1:]}\n".encode()


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=16).digest()


def _little(numbers: "array[float]") -> "array[float]":
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
