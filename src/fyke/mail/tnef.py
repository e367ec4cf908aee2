"""``winmail.dat`` (MS-OXTNEF): the text and the file names in the attributes of a TNEF stream.

Only the outer attributes and three properties of the message are read; compressed RTF is not.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from fyke.mail.charsets import decode

SIGNATURE = b"\x78\x9f\x3e\x22"
ATTRIBUTES = 500
"""that are looked at, and as many properties of the message"""

_BODY, _TITLE, _DATA, _PROPERTIES, _CODEPAGE = 0x800C, 0x8010, 0x800F, 0x9003, 0x9007
_PR_BODY, _PR_HTML = 0x1000, 0x1013
_SIZES = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_VARIABLE = (0x0D, 0x1E, 0x1F, 0x102)


@dataclass(slots=True)
class Tnef:
    """What is in a TNEF stream."""

    text: str = ""
    html: str = ""
    files: list[tuple[str, int]] = field(default_factory=list)
    """names and sizes"""


def read_tnef(data: bytes) -> Tnef:
    """Read what there is; a stream that is broken or cut gives what stands before the break."""
    found, charset = Tnef(), "cp1252"
    for name, value in _attributes(data):
        if name == _CODEPAGE and len(value) >= 4:
            charset = f"cp{struct.unpack_from('<I', value)[0]}"
        elif name == _BODY:
            found.text = found.text or decode(value.rstrip(b"\0"), charset)[0]
        elif name == _TITLE:
            found.files.append((decode(value.rstrip(b"\0"), charset)[0], 0))
        elif name == _DATA:
            title = found.files.pop()[0] if found.files and not found.files[-1][1] else ""
            found.files.append((title, len(value)))
        elif name == _PROPERTIES:
            _read_properties(value, found, charset)
    return found


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 6
    for _ in range(ATTRIBUTES):
        if data[:4] != SIGNATURE or at + 9 > len(data):
            return
        name, _kind, size = struct.unpack_from("<HHI", data, at + 1)
        yield name, data[at + 9 : at + 9 + size]
        at += 9 + size + 2


def _read_properties(data: bytes, found: Tnef, charset: str) -> None:
    """Body and HTML among the MAPI properties; stops at the first property that is not understood."""
    at = 4
    for _ in range(ATTRIBUTES):
        if at + 4 > len(data):
            return
        kind, name = struct.unpack_from("<HH", data, at)
        at += 4
        if name >= 0x8000 or kind & 0x1000:  # named or multi-valued: neither comes before the body in practice
            return
        if kind in _SIZES:
            at += _SIZES[kind]
            continue
        if kind not in _VARIABLE or at + 8 > len(data):
            return
        _count, size = struct.unpack_from("<II", data, at)
        value = data[at + 8 : at + 8 + size]
        at += 8 + size + (-size % 4)
        if name == _PR_BODY:
            found.text = found.text or _string(value, kind, charset)
        elif name == _PR_HTML:
            found.html = found.html or _string(value, kind, charset)


def _string(value: bytes, kind: int, charset: str) -> str:
    return decode(value, "utf-16-le" if kind == 0x1F else charset)[0].rstrip("\0")
