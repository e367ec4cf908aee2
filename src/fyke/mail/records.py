"""Messages in JSON: an object on each line (JSONL), one object, or an array of objects.

An object has a whole message under ``raw`` (a string) or ``raw_base64``, or a text under ``text`` or ``Email Text``,
where a ``subject`` goes before it. Other names are ignored.
"""

import base64
import binascii
import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any

RAW, BASE64, TEXTS, SUBJECT = "raw", "raw_base64", ("text", "Email Text"), "subject"
CHUNK = 64 * 1024
_BETWEEN = (" ", "\t", "\r", "\n", ",")

Trouble = Callable[[str], None]


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
    """Place and message for the object in a document, or for each in its array.

    A value over ``most`` characters, or a mistake in the JSON, ends the reading.
    """
    for place, value in enumerate(_values(io.TextIOWrapper(file, "utf-8-sig", "replace"), most, trouble), 1):
        try:
            yield place, _message(value)
        except NotAMessage as error:
            trouble(f"value {place}: {error}")


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


def _values(file: io.TextIOWrapper, most: int, trouble: Trouble) -> Iterator[Any]:
    """The values of the array in a file, or the one value that is no array; one at a time is in memory."""
    buffer = file.read(CHUNK).lstrip()
    array = buffer.startswith("[")
    at, place = int(array), 1
    decode = json.JSONDecoder().raw_decode
    while True:
        while buffer[at : at + 1] in _BETWEEN:
            at += 1
        if array and buffer.startswith("]", at):
            return
        try:
            value, end = decode(buffer, at)
        except (ValueError, RecursionError) as error:
            more = file.read(max(CHUNK, len(buffer) - at)) if len(buffer) - at <= most else ""
            if more:
                buffer, at = buffer[at:] + more, 0
                continue
            over = len(buffer) - at > most
            why = f"over {most:,} characters" if over else f"not valid JSON ({getattr(error, 'msg', 'too deep')})"
            trouble(f"value {place}: {why}; nothing after it was read.")
            return
        yield value
        if not array:
            return
        at, place = end, place + 1
