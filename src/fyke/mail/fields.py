"""The structured headers: addresses, dates, media types with their parameters, authentication results."""

import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from fyke.mail.charsets import decode
from fyke.mail.headers import decode_words, text_of
from fyke.mail.message import Address, Authentication
from fyke.mail.normalising import compatible, normalise
from fyke.mail.notes import Notes

PARAMETERS = 100
"""of one header that are read"""
NAME_CHARS = 255
"""of a file name"""
TYPE_CHARS = 400
"""of a media type or disposition, comments included"""
ADDRESSES = 20
"""of one header that are read"""
NAMES = 50
"""of files, beyond ASCII or in encoded words, that are decoded in a message"""

_KIND = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+\Z")
_PARAMETER = re.compile(r"[; ] ?([^ =;\"]{1,60}) ?= ?(?:\"([^\"\\]*+(?:\\.[^\"\\]*+)*+)\"?|([^;]*))")
_ANGLE = re.compile(r"<([^<>]*)>")
_OPAQUE = re.compile(r"\"(?:[^\"\\]|\\.?)*+(?:\"|\Z)|=\?[^?\s]{1,60}\?[bBqQ]\?[^?]*\?=")
_MAILBOX = re.compile(r"(?:<[^<>]*>|[^,;])+")
_COMMENT = r"\((?:[^()\\]|\\.|\([^()]*\))*+\)"
_TYPE = re.compile(
    rf"(?: |{_COMMENT})*+([^ ;()/]*)(?:(?: |{_COMMENT})*+/(?: |{_COMMENT})*+([^ ;()]+))?(?: *+{_COMMENT})*+"
)
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_BETWEEN_ADDRESSES = re.compile(r"[\s<>()\",;:]+")
_RESULT = re.compile(r"\s*([A-Za-z0-9.-]{1,40})(?:\s*/\s*\d+)?\s*=\s*([A-Za-z0-9-]{1,40})")


@dataclass(slots=True)
class Kind:
    """A media type or disposition and its parameters."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """A parameter, "" for none."""
        return self.parameters.get(name, "")


def read_address(value: bytes, notes: Notes) -> Address:
    """The first address of a header, with its display name, and what other addresses there are."""
    raw = _plain(value, notes)
    found = _address(raw, notes)
    if not found.address and "=?" in raw:  # some encode the address together with the name
        return _address(decode_words(raw, notes), notes)
    return found


def read_date(value: bytes, notes: Notes) -> datetime | None:
    """The date, aware (UTC where no zone is stated); None where it cannot be read, which is a repair."""
    if not value:
        return None
    try:
        date = parsedate_to_datetime(_plain(value[:200], notes))
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    except Exception:  # the standard library raises five kinds on broken dates
        notes.repair("date")
        return None


def read_kind(value: bytes, default: str, notes: Notes) -> Kind:
    """A ``Content-Type``; a missing one is the default, an impossible one too, which is a repair."""
    if not value:
        return Kind(default)
    kind = _parameters(value, notes)
    if not _KIND.match(kind.name):
        notes.repair("content-type")
        first = kind.name.partition("/")[0]
        kind.name = {"text": "text/plain", "multipart": "multipart/mixed", "html": "text/html"}.get(first, default)
    return kind


def read_disposition(value: bytes, notes: Notes) -> Kind:
    """A ``Content-Disposition``; "" for none."""
    return _parameters(value, notes) if value else Kind("")


def file_name(kind: Kind, disposition: Kind, notes: Notes) -> str:
    """What a part calls its file, decoded and normalised; "" for none."""
    name = (disposition.get("filename") or kind.get("name"))[: NAME_CHARS * 4]  # encoded words are longer
    if not name.isascii() or "=?" in name:
        notes.spent["file names"] += 1
        if notes.spent["file names"] > NAMES:
            notes.cut(f"names of files beyond ASCII over {NAMES}")
            return " ".join(name.split())[:NAME_CHARS]
    if "=?" in name:
        name = decode_words(name, notes)
    return " ".join(normalise(name[: NAME_CHARS * 2]).split())[:NAME_CHARS]


def read_authentication(value: bytes, notes: Notes) -> Authentication | None:
    """The results that one ``Authentication-Results`` header states."""
    first, *rest = without_comments(_plain(value, notes)).split(";")
    server = first.split()[:1]
    if not server:
        return None
    if "=" in server[0]:  # some write no authserv-id at all
        server, rest = [""], [first, *rest]
    results = [(match[1].lower(), match[2].lower()) for match in map(_RESULT.match, rest[:50]) if match]
    return Authentication(normalise(server[0]).lower(), tuple(results))


def _plain(value: bytes, notes: Notes) -> str:
    """The characters of a value, still with its encoded words."""
    limit = notes.limits.header_bytes
    if len(value) > limit:
        notes.cut(f"header over {limit:,} bytes")
        value = value[:limit]
    if not value.isascii():
        notes.repair("header-8bit")
    return " ".join(decode(value)[0].split())


def _address(raw: str, notes: Notes) -> Address:
    plain = _OPAQUE.sub(lambda match: "-" * len(match[0]), raw)  # of the same length, without what is quoted
    if "<" not in plain and not _bare(plain) and "=?" not in raw:
        plain = raw  # a quote that was never closed, or nothing but quotes
    match = next(filter(None, (_angle(box[0], box.start(), raw) for box in _MAILBOX.finditer(plain))), None)
    if match is not None:
        name, address = raw[: match.start()] or raw[match.end() :], match[1][:512]
    else:
        address = _bare(plain)
        name = raw.replace(address, "", 1).strip("() ")
    first = _domain_lower(address)
    return Address(_name(name, notes), first, tuple(one for one in _all_addresses(plain) if one not in ("", first)))


def _all_addresses(plain: str) -> dict[str, None]:
    """The addresses of the first mailboxes of a header, each once, "" for one without."""
    found: dict[str, None] = {}
    for box in itertools.islice(_MAILBOX.finditer(plain), ADDRESSES):
        angle = _angle(box[0], 0, box[0])
        found[_domain_lower((angle[1] if angle else _bare(box[0]))[:512])] = None
    return found


def _angle(box: str, start: int, raw: str) -> re.Match[str] | None:
    """The address in angle brackets of a mailbox that begins at ``start``: the last, what is before it is the name."""
    found = list(_ANGLE.finditer(box))
    last = next((one for one in reversed(found) if "@" in one[1]), found[0] if found else None)
    return _ANGLE.match(raw, start + last.start()) if last else None


def _bare(text: str) -> str:
    """The first word that could be an address, "" for none."""
    words = _BETWEEN_ADDRESSES.split(text)
    return next((word for word in words if "@" in word[1:-1] and len(word) <= 512), "")


def _name(raw: str, notes: Notes) -> str:
    name = raw.strip().strip('"').replace('\\"', '"').replace("\\\\", "\\")
    return text_of(name.encode("utf-8", errors="replace"), notes).strip("\"' ") if name else ""


def _domain_lower(address: str) -> str:
    local, at, domain = "".join(compatible(_CONTROLS.sub("", address)).split()).rpartition("@")
    return f"{local}@{domain.lower()}" if at else ""


def without_comments(text: str) -> str:
    """The value of a header without what stands in parentheses."""
    kept, depth = [], 0
    for piece in re.split(r"([()])", text):
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(0, depth - 1)
        elif not depth:
            kept.append(piece)
    return " ".join(kept)


def _parameters(value: bytes, notes: Notes) -> Kind:
    text = _plain(value, notes)
    stated = _TYPE.match(text, 0, TYPE_CHARS)
    end = stated.end() if stated else 0
    kind = Kind("/".join(filter(None, stated.groups() if stated else ())).strip('"').lower())
    pieces: dict[str, dict[int, str]] = {}
    for match in itertools.islice(_PARAMETER.finditer(text, end), PARAMETERS):
        plain = match[3].strip() if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
        name, star, number = match[1].lower().partition("*")
        if not star:
            kind.parameters.setdefault(name, plain)
        else:
            index = re.match(r"\d{1,3}", number)
            pieces.setdefault(name, {})[int(index[0]) if index else 0] = plain
    for name, numbered in pieces.items():
        kind.parameters[name] = _extended("".join(numbered[number] for number in sorted(numbered)))
    return kind


def _extended(value: str) -> str:
    """A value after RFC 2231: ``charset'language'percent-encoded``, the first two optional in practice."""
    parts = value[: NAME_CHARS * 12].split("'", 2)
    charset, encoded = (parts[0], parts[2]) if len(parts) == 3 else ("utf-8", value)
    return decode(unquote_to_bytes(encoded), charset)[0] if "%" in encoded else encoded
