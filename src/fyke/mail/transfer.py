"""Transfer encodings, undone as far as they can be."""

import binascii
import re

from fyke.mail.notes import Notes

LINES = 3_000
"""of broken base64 that are looked at one by one; the rest is taken as base64"""

_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/\s]*={0,2}\s*")
_BROKEN_QUOTE = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t\r]{0,80}(?:\n|\Z))")
_UU_BEGIN = re.compile(rb"begin(?:-base64)? [0-7]{3,4} ([^\r\n]{1,255})\r?\Z")


def decode_transfer(data: bytes, encoding: str, notes: Notes) -> bytes:
    """The bytes that an encoding stands for; what is unknown or broken is taken as it is, and noted."""
    if encoding == "base64":
        return _base64(data, notes)
    if encoding in ("quoted-printable", "quotedprintable", "qp"):
        if _BROKEN_QUOTE.search(data):
            notes.repair("quoted-printable")
        return binascii.a2b_qp(data)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        files = uuencoded(data)[1]
        if files:
            return b"".join(content for _, content in files)
    if encoding not in ("", "7bit", "8bit", "binary"):  # also what says that it is uuencoded, and is not
        notes.repair("encoding")
    return data


def decoded_size(raw: bytes, start: int, end: int, encoding: str) -> int:
    """How many bytes an encoded stretch stands for, without decoding it."""
    if encoding == "base64":
        chars = end - start - raw.count(b"\n", start, end) - raw.count(b"\r", start, end)
        return max(0, chars * 3 // 4 - raw.count(b"=", max(start, end - 8), end))
    if encoding == "quoted-printable":
        return end - start - 2 * raw.count(b"=", start, end)
    return end - start


def uuencoded(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The text without the files that are uuencoded in it, and the files' names and contents.

    A file is what begins like one and whose every line decodes, up to ``end`` or the end of the text; else it stays
    text, so that a line ``begin 644 x`` hides nothing that a reader sees.
    """
    if b"begin" not in data:
        return data, []
    kept: list[bytes] = []
    files: list[tuple[bytes, bytes]] = []
    lines = data.split(b"\n")
    at = 0
    while at < len(lines):
        begins = _UU_BEGIN.match(lines[at])
        content, after = (None, at + 1) if begins is None else _uu_file(lines, at + 1, lines[at])
        if begins is None or content is None:
            kept += lines[at:after]
        else:
            files.append((begins[1], content))
        at = after
    return b"\n".join(kept), files


def _uu_file(lines: list[bytes], start: int, begins: bytes) -> tuple[bytes | None, int]:
    """The content of a file and the line after it; no content, and the first line that is none of a file's."""
    read = _base64_line if begins.startswith(b"begin-base64") else _uu_line
    content: list[bytes] = []
    for at in range(start, len(lines)):
        line = lines[at].strip()
        if line in (b"end", b"===="):
            return b"".join(content), at + 1
        decoded = read(lines[at].rstrip(b"\r"))
        if decoded is None:
            return None, at
        content.append(decoded)
    return (b"".join(content) if any(content) else None), len(lines)


def _uu_line(line: bytes) -> bytes | None:
    """What a line stands for, None where it is not as long as its first byte says (up to three padding characters)."""
    if not line:
        return b""
    size = (line[0] - 32) & 63
    wanted = (size + 2) // 3 * 4
    encoded = line.rstrip(b" ")
    if size > 45 or len(encoded) - 1 > wanted + 3 or len(line) - 1 < wanted - 3:
        return None
    try:
        return binascii.a2b_uu(line[: wanted + 1])
    except binascii.Error:
        return None


def _base64_line(line: bytes) -> bytes | None:
    line = line.strip()
    if b" " in line or len(line) % 4:
        return None
    try:
        return binascii.a2b_base64(line, strict_mode=True) if line else b""
    except binascii.Error:
        return None


def _base64(data: bytes, notes: Notes) -> bytes:
    """Base64 as found: without padding, with foreign characters, or with plain text after it (list footers)."""
    try:
        run = _BASE64_RUN.match(data)
        if run is not None and run.end() == len(data):
            return binascii.a2b_base64(data)
    except binascii.Error:
        pass
    notes.repair("base64")
    decoded: list[bytes] = []
    pending: list[bytes] = []
    lines = data.split(b"\n", LINES)
    for number, line in enumerate(lines[:LINES]):
        chunks = [_NO_BASE64.sub(b"", chunk) for chunk in line.split(b"=")]
        stated = line.strip().rstrip(b"=")
        if b" " in stated or sum(map(len, chunks)) * 10 < len(stated) * 7:
            return b"".join([*decoded, _unpadded(pending), b"\n", b"\n".join(lines[number:])])
        for chunk in chunks[:-1]:
            decoded.append(_unpadded([*pending, chunk]))
            pending = []
        pending.append(chunks[-1])
    return b"".join([*decoded, _unpadded([*pending, *(_NO_BASE64.sub(b"", rest) for rest in lines[LINES:])])])


def _unpadded(lines: list[bytes]) -> bytes:
    data = b"".join(lines)
    data = data[: len(data) - (len(data) % 4 == 1)]
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
