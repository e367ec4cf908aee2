"""The MIME tree of a message, walked without recursion and within limits."""

import itertools
import re
from dataclasses import dataclass, field

from fyke.mail.fields import Kind, read_disposition, read_kind
from fyke.mail.headers import Headers, looks_like_headers, read_head
from fyke.mail.notes import HALF, Notes
from fyke.mail.transfer import decode_transfer

FORWARDS = ("message/rfc822", "message/global", "message/news")
FALSE_BOUNDARIES = 200
"""lines that begin like a boundary and are none, in one multipart"""
WHOLES = 5
"""times the length of a large message that are searched for the boundaries of multiparts, one inside the other"""
SEARCHED = 12_000_000
"""bytes that are so searched in any message"""
LARGE = 3_000_000
"""bytes: a search in a larger message counts as one in so many, since larger ones take longer in any case"""
GUESSES = 20
"""multiparts of a message whose boundary is guessed"""
TREE = 0.5
"""of the time may go into finding the parts, so that some is left to read them"""
_LINE_ENDS = re.compile(rb"[\r\n]*+")


@dataclass(slots=True)
class Part:
    """A part: where its body lies in ``raw``, what its headers say, what parts it has."""

    raw: bytes
    start: int
    end: int
    headers: Headers
    kind: Kind
    disposition: Kind
    depth: int = 0
    children: list["Part"] = field(default_factory=list)

    @property
    def encoding(self) -> str:
        """The transfer encoding as stated."""
        return self.headers.first("content-transfer-encoding").decode("latin-1")[:40].strip("\"' ;").lower()


def read_part(raw: bytes, start: int, end: int, depth: int, notes: Notes, default: str = "text/plain") -> Part:
    """The part whose headers begin at ``start``, its children not yet read."""
    headers, body = read_head(raw, start, end, notes)
    kind = read_kind(headers.first("content-type"), default, notes)
    return Part(raw, body, end, headers, kind, read_disposition(headers.first("content-disposition"), notes), depth)


def read_tree(raw: bytes, start: int, notes: Notes) -> Part:
    """The message at ``start`` with all its parts, as far as the limits let them be read."""
    root = read_part(raw, start, len(raw), 0, notes)
    waiting, count = [root], 1
    while waiting:
        part = waiting.pop()
        forward = part.kind.name in FORWARDS
        if not forward and not part.kind.name.startswith("multipart/"):
            continue
        if part.depth >= notes.limits.depth:
            notes.cut(f"parts nested over {notes.limits.depth} deep")
        elif not notes.late(TREE):
            left = notes.limits.parts - count
            part.children = [_forwarded(part, notes)] if forward and left > 0 else _split(part, left, notes)
            count += len(part.children)
            notes.spend("parts", len(part.children))
            waiting.extend(reversed(part.children))
    return root


def beginning(raw: bytes, start: int, end: int, notes: Notes) -> int:
    """Where the headers begin: after empty lines, a byte order mark and the ``From `` line of a mailbox."""
    if raw.startswith(b"\xef\xbb\xbf", start):
        start += 3
    empty = _LINE_ENDS.match(raw, start, end)
    start = empty.end() if empty else start
    if raw.startswith((b"From ", b">From "), start):
        line = raw.find(b"\n", start, start + 2000)
        if line > 0 and looks_like_headers(raw, line + 1):
            notes.repair("mbox-from")
            start = line + 1
    return start


def _forwarded(part: Part, notes: Notes) -> Part:
    raw, start, end = part.raw, part.start, part.end
    if part.encoding in ("base64", "quoted-printable"):
        raw = decode_transfer(raw[start : start + notes.source(end - start)], part.encoding, notes)
        start, end = 0, len(raw)
    return read_part(raw, beginning(raw, start, end, notes), end, part.depth + 1, notes)


def _split(part: Part, left: int, notes: Notes) -> list[Part]:
    """The parts of a multipart; one without any becomes plain text, as readers show it."""
    boundary = part.kind.get("boundary").encode("utf-8", errors="replace")
    spans = _spans(part, boundary, left, notes) if boundary else []
    if not spans and left > 0:
        notes.repair("boundary")
        notes.spent["guesses"] += 1
        guessed = _guess(part) if notes.spent["guesses"] <= GUESSES else b""
        spans = _spans(part, guessed, left, notes) if guessed else []
        if not spans:
            part.kind = Kind("text/plain", part.kind.parameters)
    default = "message/rfc822" if part.kind.name == "multipart/digest" else "text/plain"
    children: list[Part] = []
    for start, end in spans:
        if children and notes.late(TREE):
            break
        children.append(read_part(part.raw, start, end, part.depth + 1, notes, default))
    return children


def _spans(part: Part, boundary: bytes, left: int, notes: Notes) -> list[tuple[int, int]]:
    """Where the parts between the boundaries begin and end."""
    raw, mark = part.raw, b"\n--" + boundary
    spans: list[tuple[int, int]] = []
    length = part.end - part.start
    notes.spent["bytes for boundaries"] += length
    if notes.spent["bytes for boundaries"] > max(WHOLES * len(raw), SEARCHED):
        notes.cut(f"multiparts over {WHOLES} times the message")
        return spans
    if notes.spent["bytes for boundaries"] > len(raw):
        again = min(length, LARGE)
        if again > notes.left("bytes searched again", SEARCHED, HALF):
            notes.over("bytes searched again", SEARCHED, f"multiparts over {WHOLES} times the message")
            return spans
        notes.spend("bytes searched again", again)
    at, begin, wrong = part.start, -1, 0
    while True:
        found = raw.find(mark, max(0, at - 1), part.end) + 1  # the line end before it is none of the part's
        if not found:
            break
        at = found + len(mark) - 1
        rest = raw[at : min(part.end, at + 100)].partition(b"\n")[0].strip()
        if rest not in (b"", b"--"):
            wrong += 1
            if wrong > FALSE_BOUNDARIES:
                notes.cut(f"boundaries over {FALSE_BOUNDARIES:,} false ones")
                break
            continue
        if begin >= 0:
            spans.append((begin, _line_end_before(raw, begin, found)))
        if rest == b"--":
            return spans
        if len(spans) >= left:
            notes.cut(f"parts over {notes.limits.parts:,}")
            return spans
        line = raw.find(b"\n", at, part.end)
        begin = at = part.end if line < 0 else line + 1
    if begin >= 0:
        notes.repair("unclosed")
        spans.append((begin, part.end))
    return spans


def _line_end_before(raw: bytes, begin: int, found: int) -> int:
    """The line end before a boundary belongs to the boundary."""
    end = found
    for byte in (b"\n", b"\r"):
        if end > begin and raw[end - 1 : end] == byte:
            end -= 1
    return end


def _guess(part: Part) -> bytes:
    """A boundary that was not stated, or not as it is used: the first line of hyphens before a line of headers."""
    lines = part.raw[part.start : min(part.end, part.start + 20_000)].split(b"\n", 500)[:500]
    for line, following in itertools.pairwise(lines):
        boundary = line.strip()
        if boundary.startswith(b"--") and len(boundary) <= 200 and following[:8].lower() == b"content-":
            return boundary[2:]
    return b""
