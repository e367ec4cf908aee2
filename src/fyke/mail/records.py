"""Messages in JSON: an object on each line (JSONL), or objects and arrays of objects one after another.

An object has a whole message under ``raw`` (a string) or ``raw_base64``, or a text under ``text`` or ``Email Text``,
where a ``subject`` goes before it. Other names are ignored.
"""

import base64
import binascii
import io
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any

RAW, BASE64, TEXTS, SUBJECT = "raw", "raw_base64", ("text", "Email Text"), "subject"
CHUNK = 64 * 1024
_BLANKS = re.compile(r"[ \t\r\n]*")

Trouble = Callable[[str], None]


class _Mistake(ValueError):
    """What makes the rest of a document unreadable."""


class NotAMessage(ValueError):
    """A JSON value that holds no message; the text says what it should."""


def from_lines(file: IO[bytes], most: int, trouble: Trouble) -> Iterator[tuple[int, bytes | str]]:
    """Line number and message for each line that holds one; ``trouble`` is told of the others.

    Lines over ``most`` bytes are left out.
    """
    for number, line in enumerate(iter(partial(file.readline, most + 1), b""), 1):
        if len(line) > most:
            while line and not line.endswith(b"\n"):
                line = file.readline(CHUNK)
            trouble(f"line {number}: over {most:,} bytes; left out.")
            continue
        if not line.strip():
            continue
        try:
            yield number, _message(_parsed(line.decode("utf-8-sig", "replace")))
        except NotAMessage as error:
            trouble(f"line {number}: {error}")


def from_document(file: IO[bytes], most: int, trouble: Trouble) -> Iterator[tuple[int, bytes | str]]:
    """Place and message for each object in a document, in arrays or not; one at a time is in memory.

    A value over ``most`` characters, or a mistake in the JSON, ends the reading.
    """
    place = 0
    try:
        for place, value in enumerate(_values(_Text(io.TextIOWrapper(file, "utf-8-sig", "replace"), most)), 1):
            try:
                yield place, _message(value)
            except NotAMessage as error:
                trouble(f"value {place}: {error}")
    except _Mistake as error:
        trouble(f"value {place + 1}: {error}; nothing after it was read.")


def _message(value: Any) -> bytes | str:
    if not isinstance(value, dict):
        raise NotAMessage(f"not an object; give one with {_WANTED}.")
    for name in (RAW, BASE64, *TEXTS):
        if name not in value:
            continue
        given = value[name]
        if not isinstance(given, str):
            raise NotAMessage(f"{name!r} is not a string.")
        if name == RAW:
            return given.encode("utf-8", "surrogatepass")
        if name == BASE64:
            try:
                return base64.b64decode("".join(given.split()), validate=True)
            except (binascii.Error, ValueError):
                raise NotAMessage(f"{name!r} is not base64.") from None
        subject = value.get(SUBJECT)
        return f"{subject}\n{given}" if isinstance(subject, str) and subject else given
    raise NotAMessage(f"no message in it; give {_WANTED}.")


_WANTED = "'raw' or 'raw_base64' (a whole message), or 'text'"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise NotAMessage(f"not valid JSON ({error.msg}).") from None
    except (ValueError, RecursionError):
        raise NotAMessage("not valid JSON (too deep, or too long a number).") from None


def _values(text: "_Text") -> Iterator[Any]:
    """The values one after another, those of an array one by one."""
    while mark := text.mark():
        if mark != "[":
            yield text.value()
            continue
        text.skip()
        if text.mark() == "]":
            text.skip()
            continue
        while mark != "]":
            yield text.value()
            mark = text.mark()
            if mark not in (",", "]"):
                raise _Mistake("not valid JSON (a comma or a bracket is missing before it)")
            text.skip()


class _Text:
    """A text of JSON values that is read as far as it is needed."""

    def __init__(self, file: io.TextIOWrapper, most: int):
        self._file = file
        self._most = most
        self._buffer = ""
        self._at = 0
        self._decode = json.JSONDecoder().raw_decode

    def mark(self) -> str:
        """The next character that is not blank, without moving past it; empty at the end."""
        while True:
            self._at = _BLANKS.match(self._buffer, self._at).end()  # type: ignore[union-attr]  # it always matches
            if self._at < len(self._buffer) or not self._more():
                return self._buffer[self._at : self._at + 1]

    def skip(self) -> None:
        """Move past a character."""
        self._at += 1

    def value(self) -> Any:
        """The value that begins at the next mark.

        Raises:
            _Mistake: it is too long, or none.
        """
        self.mark()
        while True:
            why = ""
            try:
                value, end = self._decode(self._buffer, self._at)
            except (ValueError, RecursionError) as error:
                why = getattr(error, "msg", "too deep, or too long a number")
            else:
                if end < len(self._buffer):  # at the very end, a number may go on
                    self._at = end
                    return value
            if len(self._buffer) - self._at > self._most:
                raise _Mistake(f"over {self._most:,} characters")
            if not self._more():
                if why:
                    raise _Mistake(f"not valid JSON ({why})")
                self._at = end
                return value

    def _more(self) -> bool:
        """Whether there was more to read; twice as much each time, so that a long value is not parsed too often."""
        rest = self._buffer[self._at :]
        more = self._file.read(max(CHUNK, len(rest)))
        self._buffer, self._at = rest + more, 0
        return bool(more)
