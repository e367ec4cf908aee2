"""One part of a message to what a reader sees of it."""

import re

from fyke.mail.calendars import calendar_text
from fyke.mail.charsets import decode
from fyke.mail.fields import Kind, file_name
from fyke.mail.message import Attachment
from fyke.mail.normalising import compatible, normalise, normalise_all
from fyke.mail.notes import SOURCE_BYTES, Notes
from fyke.mail.parts import FORWARDS, Part
from fyke.mail.rendering import LINKS, TARGET_CHARS, Rendered, render
from fyke.mail.tnef import read_tnef
from fyke.mail.transfer import decode_transfer, decoded_size, uuencoded

TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")
_HTML = ("text/html", "application/xhtml+xml")
_ENRICHED = ("text/enriched", "text/richtext")
_SHOWN = ("text/plain", "text/calendar", *_HTML, *_ENRICHED)
_URL = re.compile(r"(?<![a-z0-9])(?:https?://|ftp://|www\.)[^\s<>\"'\x00-\x20]{1,2000}", re.IGNORECASE)
_TRAILING = ".,;:!?)]}*_"
_LOOKS_HTML = re.compile(r"\s{0,200}(?:<!doctype html|<html|<body|<head)[\s>]", re.IGNORECASE)
_ENRICHED_TAG = re.compile(r"<param>[^<]{0,200}</param>|</?[a-z][a-z0-9-]{0,40}>", re.IGNORECASE)


def is_text(part: Part) -> bool:
    """Whether a reader shows the part as text among the others, and does not offer it as a file."""
    kind = part.kind.name
    if part.children or part.disposition.name == "attachment":
        return False
    if kind in _SHOWN:
        return True
    return (
        kind.startswith("text/")
        and kind != "text/rfc822-headers"
        and not (part.disposition.get("filename") or part.kind.get("name"))
    )


def is_html(part: Part) -> bool:
    """Whether a text part is HTML."""
    return part.kind.name in _HTML


def is_tnef(part: Part) -> bool:
    """Whether the part is a ``winmail.dat``."""
    return part.kind.name in TNEF or part.kind.get("name").lower() == "winmail.dat"


def body_of(part: Part, notes: Notes) -> tuple[Rendered, list[Attachment]]:
    """What a text part says, and the files that are written into it."""
    data = _content(part, notes)
    files: list[Attachment] = []
    if not is_html(part):
        data, found = uuencoded(data, notes)
        for name, content in found:
            notes.repair("uuencode")
            named = Kind("", {"name": decode(name)[0]})
            files.append(Attachment(file_name(named, Kind(""), notes), "application/octet-stream", len(content)))
    text, mended = decode(data, part.kind.get("charset"))
    if mended:
        notes.repair("charset")
    return _render(part, text, notes), files


def tnef_of(part: Part, notes: Notes) -> tuple[Rendered, list[Attachment]]:
    """What a ``winmail.dat`` says and holds."""
    found = read_tnef(_content(part, notes))
    files = [Attachment(" ".join(normalise(name).split())[:255], "", size) for name, size in found.files]
    return (plain(found.text, notes) if found.text else render(found.html, notes)), files


def plain(text: str, notes: Notes) -> Rendered:
    """Plain text and the addresses in it."""
    limit = notes.text_left
    if len(text) > limit:  # before the work, not only after it
        notes.cut(f"text over {notes.limits.text_chars:,} characters")
        text = text[:limit]
    text = notes.takes_text(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    links: list[str] = []
    for match in _URL.finditer(text):
        if not notes.left("links", LINKS):
            notes.over("links", LINKS, f"links over {LINKS:,}")
            break
        notes.spend("links", 1)
        target = match[0].rstrip(_TRAILING)[:TARGET_CHARS]
        if not notes.takes_link(target):
            break
        links.append(compatible(target))
    lines = normalise(text, notes.repair).split("\n")
    return Rendered(
        "\n".join(map(str.rstrip, lines)).strip("\n"), "", list(zip(links, normalise_all(links), strict=True))
    )


def attachment_of(part: Part, notes: Notes) -> Attachment:
    """Name, type and size of a part that is a file."""
    size = decoded_size(part.raw, part.start, part.end, part.encoding)
    return Attachment(file_name(part.kind, part.disposition, notes), part.kind.name, size)


def is_attachment(part: Part) -> bool:
    """Whether the part is offered as a file: a named text is both text and file."""
    if part.children and part.kind.name not in FORWARDS:
        return False
    named = bool(part.disposition.get("filename") or part.kind.get("name"))
    return named or not (is_text(part) or part.kind.name.startswith("multipart/"))


def _content(part: Part, notes: Notes) -> bytes:
    length = notes.source(part.end - part.start)
    data = part.raw[part.start : part.start + length]
    if length < part.end - part.start:
        data = data[: data.rfind(b"\n") + 1] or data  # a line cut in two would look broken
    return decode_transfer(data, part.encoding, notes)


def _render(part: Part, text: str, notes: Notes) -> Rendered:
    kind = part.kind.name
    if is_html(part):
        return render(text, notes)
    if not part.headers.first("content-type") and _LOOKS_HTML.match(text):
        notes.repair("html")
        return render(text, notes)
    if kind == "text/calendar":
        text = calendar_text(text, notes)
    elif kind in _ENRICHED:
        text = text[: notes.left("HTML characters", SOURCE_BYTES)]
        notes.spend("HTML characters", len(text))
        text = _ENRICHED_TAG.sub("", text).replace("<<", "<")
    return plain(text, notes)
