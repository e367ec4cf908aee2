"""Bytes to characters, whatever the message says they are."""

import codecs
import re
from functools import lru_cache

# What people write for what they mean. Latin-1 and ASCII are read as windows-1252, as every mail reader does.
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
_ALIASES = {
    "iso-8859-8-i": "iso-8859-8",
    "ks_c_5601": "cp949",
    "ks_c_5601-1987": "cp949",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "windows-874": "cp874",
    "windows-31j": "cp932",
    "x-gbk": "gb18030",
    "x-sjis": "cp932",
    "x-euc-jp": "euc_jp",
    "x-user-defined": "cp1252",
}
# Python has codecs that are no charsets (idna, punycode, unicode_escape, zlib): only these families are taken.
_FAMILIES = re.compile(
    r"(?:ascii|cp\d+|iso8859-\d+|iso2022_\w+|koi8-\w+|kz1048|mac-\w+|ptcp154|tis-620|hz|johab|hp-roman8"
    r"|utf-(?:7|8|8-sig|16|16-le|16-be|32|32-le|32-be)|big5\w*|gb\w+|euc_\w+|shift_\w+)\Z"
)
_META = re.compile(rb"charset[ \t\r\n]{0,9}=[ \t\r\n]{0,9}[\"']?[ \t\r\n]{0,9}([\w.:-]{1,40})")
_SURROGATES = re.compile("[\ud800-\udfff]+")
_WIDE = ("utf-7", "utf-16", "utf-32")
_MULTIBYTE = ("utf-8", "gb", "big5", "euc", "shift", "iso2022", "hz", "johab", "cp932", "cp949", "cp950")
_NO_FIRST_BYTES = bytes([*range(0xC2), *range(0xF5, 256)])
WRONG_BYTES = 200_000
"""of a text in UTF-7, UTF-16 or UTF-32 that is wrong in it"""
METAS = 10
"""``meta`` elements that are looked at"""
META_BYTES = 1024
"""of HTML in which it may say what charset it has"""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decode(data: bytes, declared: str = "") -> tuple[str, bool]:
    """The characters, and whether the declared charset had to be mended (unknown, missing where needed, or wrong).

    The order: a byte order mark; what was declared, where all bytes fit it; UTF-8, where they fit that; what was
    declared, or windows-1252. ASCII and Latin-1 are as good as nothing. What fits nowhere becomes U+FFFD.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _without_surrogates(_replacing(data, name)), False
    codec = _codec(declared[:64])
    if data.isascii() and (codec is None or not _not_over_ascii(codec)):
        return data.decode("ascii"), bool(declared) and codec is None
    if codec is None or codec == "cp1252":
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return _replacing(data, "cp1252"), codec is None or "ascii" in declared.lower()
        return text, True
    try:
        return _without_surrogates(data.decode(codec)), False
    except UnicodeError:
        return _second_try(data, codec), True


def stated_in_html(data: bytes) -> str:
    """The charset that a ``meta`` element at the beginning states, "" for none, or where the bytes are another UTF-8.

    What browsers do not take from there (UTF-7, UTF-16, HZ) is none.
    """
    first, *rest = data[:META_BYTES].lower().split(b"<!--")
    head = b"".join([first, *(piece.partition(b"-->")[2] for piece in rest)])
    for piece in head.split(b"<meta")[1 : METAS + 1]:
        found = _META.search(piece.partition(b">")[0])
        codec = _codec(found[1].decode("ascii")) if found else None
        if codec is not None and not codec.startswith((*_WIDE, "hz")):
            return "" if codec != "utf-8" and _is_utf8(data) else codec
    return ""


def _is_utf8(data: bytes) -> bool:
    """Whether bytes are UTF-8 beyond ASCII."""
    try:
        return not data.isascii() and bool(data.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _second_try(data: bytes, codec: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    text = _replacing(data, codec)
    if codec == "utf-8" and text.count("\ufffd") * 2 > len(text.encode().translate(None, _NO_FIRST_BYTES)):
        return _replacing(data, "cp1252")
    return _without_surrogates(text)


def _replacing(data: bytes, codec: str) -> str:
    """What fits nowhere becomes U+FFFD, in little time: an error costs as much as a hundred characters."""
    if codec.startswith(_WIDE):
        try:
            return data.decode(codec)
        except UnicodeError:
            data = data[:WRONG_BYTES]
    table = None if codec.startswith((*_WIDE, *_MULTIBYTE)) else bytes(range(256)).decode(codec, errors="replace")
    if table is None or len(table) != 256:
        return data.decode(codec, errors="replace")
    return codecs.charmap_decode(data, "strict", table)[0]


def _without_surrogates(text: str) -> str:
    return _SURROGATES.sub("\ufffd", text)


def _not_over_ascii(codec: str) -> bool:
    """Whether bytes below 128 need not stand for ASCII in a charset."""
    return codec.startswith(("utf-7", "utf-16", "utf-32", "iso2022", "hz"))


@lru_cache(maxsize=256)
def _codec(declared: str) -> str | None:
    """The name of the codec for a charset as declared, None for none."""
    name = declared.strip(" \t\"'").lower()
    name = _ALIASES.get(name, name)
    if not name or not name.isascii() or "\0" in name:
        return None
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return _MEANT.get(found, found) if _FAMILIES.match(found) else None
