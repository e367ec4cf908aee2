"""Transfer encodings, undone as far as they can be."""

import binascii
import re

from fyke.mail.notes import Notes

LINES = 3_000
"""of broken base64 that are looked at one by one in a message, pieces between equals signs counted; the rest is taken
as base64"""
UU_LINES = 20_000
"""of uuencoded files in a message; what is beyond is text"""
UU_CHARS = 200
"""of a line of a uuencoded file"""
UU_FILES = 200
"""lines of a message that begin like a uuencoded file and are looked at"""

_NO_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_UU_CUT = f"uuencoded files over {UU_FILES}, or over {UU_LINES:,} lines"
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/\s]*={0,2}\s*")
_BROKEN_QUOTE = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t\r]{0,80}(?:\n|\Z))")
_UU_BEGIN = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} ([^\r\n]{1,255})\r?$", re.MULTILINE)


def decode_transfer(data: bytes, encoding: str, notes: Notes) -> bytes:
    """The bytes that an encoding stands for; what is unknown or broken is taken as it is, and noted."""
    if encoding == "base64":
        return _base64(data, notes)
    if encoding in ("quoted-printable", "quotedprintable", "qp"):
        if _BROKEN_QUOTE.search(data):
            notes.repair("quoted-printable")
        return binascii.a2b_qp(data)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        files = uuencoded(data, notes)[1]
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


def uuencoded(data: bytes, notes: Notes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The text without the files that are uuencoded in it, and the files' names and contents.

    A file is what begins like one and whose every line decodes, up to ``end`` or the end of the text; else it stays
    text, so that a line ``begin 644 x`` hides nothing that a reader sees.
    """
    if b"begin" not in data:
        return data, []
    kept: list[bytes] = []
    files: list[tuple[bytes, bytes]] = []
    at = looked = 0
    while begins := _UU_BEGIN.search(data, looked):
        notes.spent["uuencoded files"] += 1
        if notes.spent["uuencoded files"] > UU_FILES or not notes.left("uuencoded lines", UU_LINES):
            notes.cut(_UU_CUT)
            break
        content, looked = _uu_file(data, begins.end() + 1, begins[0], notes)
        if content is not None:
            kept.append(data[at : begins.start()])
            files.append((begins[1], content))
            at = looked
    return b"".join([*kept, data[at:]]), files


def _uu_file(data: bytes, start: int, begins: bytes, notes: Notes) -> tuple[bytes | None, int]:
    """The content of a file and where it ends; no content, and where the first line is that is none of a file's."""
    read = _base64_line if begins.startswith(b"begin-base64") else _uu_line
    content: list[bytes] = []
    at, left = start, notes.left("uuencoded lines", UU_LINES)
    while at < len(data) and len(content) <= left:
        stop = data.find(b"\n", at)
        stop = len(data) if stop < 0 else stop
        line = data[at:stop]
        if line.strip() in (b"end", b"===="):
            notes.spend("uuencoded lines", len(content))
            return b"".join(content), stop + 1
        decoded = read(line.rstrip(b"\r")) if stop - at <= UU_CHARS else None
        if decoded is None:
            notes.spend("uuencoded lines", len(content))
            return None, at
        content.append(decoded)
        at = stop + 1
    notes.spend("uuencoded lines", len(content))
    if at < len(data):
        notes.cut(_UU_CUT)
    return (b"".join(content) if any(content) and at >= len(data) else None), min(at, len(data))


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
    left = notes.left("base64 lines", LINES)
    most = notes.spent["base64 lines"] + left
    lines = data.split(b"\n", left)
    number = 0
    for number, line in enumerate(lines[:left]):
        pieces = line.count(b"=") + 1
        if notes.spent["base64 lines"] + pieces > most:
            break
        notes.spend("base64 lines", pieces)
        chunks = [chunk.translate(None, _NO_BASE64) for chunk in line.split(b"=")]
        stated = line.strip().rstrip(b"=")
        if b" " in stated or sum(map(len, chunks)) * 10 < len(stated) * 7:
            return b"".join([*decoded, _unpadded(pending), b"\n", b"\n".join(lines[number:])])
        for chunk in chunks[:-1]:
            decoded.append(_unpadded([*pending, chunk]))
            pending = []
        pending.append(chunks[-1])
    else:
        number = min(left, len(lines))
    rest = b"\n".join(lines[number:]).translate(None, _NO_BASE64)
    return b"".join([*decoded, _unpadded([*pending, rest])])


def _unpadded(lines: list[bytes]) -> bytes:
    data = b"".join(lines)
    data = data[: len(data) - (len(data) % 4 == 1)]
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
