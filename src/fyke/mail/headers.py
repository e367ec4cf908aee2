"""The headers of a message: found, unfolded, decoded; in time linear in their size, which is limited."""

import binascii
import re
from dataclasses import dataclass, field

from fyke.mail.charsets import decode
from fyke.mail.normalising import normalise
from fyke.mail.notes import Notes

BLOCK_BYTES = 256 * 1024
"""of all headers of a message or part together"""
LINES = 4000
"""of headers that are looked at"""

_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:")
_KNOWN = frozenset(
    b"from to cc subject date sender reply-to received message-id mime-version return-path content-type delivered-to "
    b"x-mailer in-reply-to references list-id dkim-signature content-transfer-encoding".split()
)
_REPLIES = frozenset(b"re fw fwd aw wg sv vs tr rv ref res antw".split())
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_SPACE = re.compile(r"\s+")


@dataclass(slots=True)
class Headers:
    """Header fields by lower-case name, each with its values in order, unfolded and still encoded."""

    fields: dict[str, list[bytes]] = field(default_factory=dict)

    def first(self, name: str) -> bytes:
        """The first value, b"" for none."""
        return self.fields.get(name, [b""])[0]

    def all(self, name: str) -> list[bytes]:
        """All values."""
        return self.fields.get(name, [])


def read_head(raw: bytes, start: int, end: int, notes: Notes) -> tuple[Headers, int]:
    """The headers at ``start`` and where the body begins; a line that is no header ends them, unless more follow."""
    stop, body = _blank_line(raw, start, end)
    if stop - start > BLOCK_BYTES:
        notes.cut(f"headers over {BLOCK_BYTES:,} bytes")
    granted, most = notes.headers(min(stop - start, BLOCK_BYTES))
    most = min(most, LINES)
    lines = raw[start : start + granted].split(b"\n", most)
    if len(lines) > most:
        notes.cut(f"headers over {LINES:,} lines")
        lines.pop()
    notes.header_lines(len(lines))
    last = max((number for number, line in enumerate(lines) if _is_known(line)), default=-1)
    found: list[tuple[str, list[bytes]]] = []
    at = start
    for number, line in enumerate(lines):
        match = _FIELD.match(line)
        if match is not None:
            found.append((match[1].decode("ascii").lower(), [line[match.end() :]]))
        elif line[:1] in (b" ", b"\t") and found:
            found[-1][1].append(line)
        elif line.strip():
            notes.repair("headers")
            if number > last:
                body = at
                break
        at += len(line) + 1
    headers = Headers()
    for name, pieces in found:
        headers.fields.setdefault(name, []).append(b"".join(piece.rstrip(b"\r") for piece in pieces).strip())
    return headers, body


def looks_like_headers(raw: bytes, start: int) -> bool:
    """Whether bytes begin with the headers of a message.

    So they do when the lines up to the first empty one are mostly headers, or the first two are, and two of them, or
    all, are headers that mail has.
    """
    block = raw[start : _blank_line(raw, start, min(len(raw), start + BLOCK_BYTES))[0]]
    lines = [line for line in block.split(b"\n", LINES)[:LINES] if line.strip() and line[:1] not in (b" ", b"\t")]
    names = [match[1].lower() if (match := _FIELD.match(line)) else b"" for line in lines]
    if not names or not names[0] or names[0] in _REPLIES:
        return False  # the text of an answer may well begin with "Re: ..." and go on with "From: ..."
    headers = sum(map(bool, names))
    known = sum(name in _KNOWN for name in names)
    return (headers * 2 > len(names) or all(names[:2])) and (known >= 2 or known == headers)


def text_of(value: bytes, notes: Notes) -> str:
    """The characters of a header's value: encoded words decoded, white space single, normalised."""
    limit = notes.limits.header_bytes
    if len(value) > limit:
        notes.cut(f"header over {limit:,} bytes")
        value = value[:limit]
    if value.isascii():
        text = value.decode("ascii")
    else:
        notes.repair("header-8bit")
        text = decode(value)[0]
    if "=?" in text:
        text = decode_words(text, notes)
    return " ".join(normalise(text, notes.repair).split())


def decode_words(text: str, notes: Notes) -> str:
    """Decode the encoded words (RFC 2047) of a value; neighbours of one charset are joined as bytes first.

    Senders do split a character between two words, though they must not.
    """
    pieces: list[str] = []
    charset, pending, at = "", b"", 0
    for match in _WORD.finditer(text):
        between = text[at : match.start()]
        at = match.end()
        declared = match[1].partition("*")[0]
        if pending and (between.strip() or declared.lower() != charset.lower()):
            pieces.append(_decoded(pending, charset, notes))
            pending = b""
        if between.strip() or (not pieces and not pending):
            pieces.append(between)
        charset = declared
        pending += _bytes_of(match[2], match[3], notes)
    pieces.append(_decoded(pending, charset, notes))
    return "".join(pieces) + text[at:]


def _decoded(data: bytes, charset: str, notes: Notes) -> str:
    text, mended = decode(data, charset)
    if mended:
        notes.repair("charset")
    return text


def _bytes_of(encoding: str, text: str, notes: Notes) -> bytes:
    data = text.encode("utf-8", errors="replace")
    if encoding in "qQ":
        return binascii.a2b_qp(data.replace(b"\n", b" "), header=True)
    data = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    if len(data) % 4:
        notes.repair("encoded-word")
        data = data[: len(data) - (len(data) % 4 == 1)]
        data += b"=" * (-len(data) % 4)
    return binascii.a2b_base64(data)


def _is_known(line: bytes) -> bool:
    match = _FIELD.match(line)
    return match is not None and match[1].lower() in _KNOWN


def _blank_line(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the headers end and where the body begins: around the first empty line, or both at the end."""
    if raw[start : start + 1] == b"\n":
        return start, start + 1
    if raw[start : start + 2] == b"\r\n":
        return start, start + 2
    window = 4096  # grows, so that one kind of line end is never looked for far beyond the other
    at = start
    while True:
        stop = min(end, start + window)
        short, long = raw.find(b"\n\n", at, stop), raw.find(b"\n\r\n", at, stop)
        if long >= 0 and not 0 <= short < long:
            return long + 1, long + 3
        if short >= 0:
            return short + 1, short + 2
        if stop == end:
            return end, end
        at, window = max(start, stop - 2), window * 4
