"""A message (RFC 5322) or a plain text, read within limits."""

from dataclasses import dataclass, field

from fyke.mail.agreement import CHARS, agreement
from fyke.mail.bodies import attachment_of, body_of, is_attachment, is_text, is_tnef, tnef_of
from fyke.mail.choosing import choose, every
from fyke.mail.fields import Kind, read_address, read_authentication, read_date
from fyke.mail.headers import Headers, looks_like_headers, text_of
from fyke.mail.limits import Limits
from fyke.mail.message import Attachment, Authentication, Link, Message
from fyke.mail.normalising import normalise
from fyke.mail.notes import HIDDEN_CHARS, Notes
from fyke.mail.parts import FORWARDS, Part, beginning, read_tree
from fyke.mail.rendering import LINKS

TNEFS = 10
"""``winmail.dat`` files that are read"""
AUTHENTICATIONS = 50
"""headers with authentication results that are read"""

DEFAULTS = Limits()


def read_message(raw: bytes, limits: Limits = DEFAULTS) -> Message:
    """Read a message; bytes that do not begin with mail headers are a plain text without a subject. Never raises."""
    notes = Notes(limits)
    if len(raw) > limits.bytes:
        notes.cut(f"message over {limits.bytes:,} bytes")
        raw = raw[: limits.bytes]
    raw = _with_line_ends(raw, notes)
    start = beginning(raw, 0, len(raw), notes)
    if looks_like_headers(raw, start):
        root = read_tree(raw, start, notes)
    else:
        notes.repair("no-headers")
        root = Part(raw, 0, len(raw), Headers(), Kind("text/plain"), Kind(""))
    return _message(root, notes)


def read_text(text: str) -> str:
    """A text that came as text, in the spelling of a message's text; printable ASCII comes back as it is."""
    return normalise(text)


@dataclass(slots=True)
class _Gathered:
    """What parts say, in the order in which a reader sees them."""

    said: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)
    _lines: set[str] = field(default_factory=set)
    _split: int = 0

    def say(self, text: str, part: Part) -> None:
        """Add a text; an invitation says again what the mail said, so only its new lines count."""
        if part.kind.name == "text/calendar":
            for before in self.said[self._split :]:
                self._lines.update(map(str.strip, before.split("\n")))
            self._split = len(self.said)
            text = "\n".join(line for line in text.split("\n") if line.strip() not in self._lines)
        if text:
            self.said.append(text)


def _message(root: Part, notes: Notes) -> Message:
    headers, limit = root.headers, notes.limits.text_chars
    shown, others = choose(root)
    subject = _cut(text_of(headers.first("subject"), notes), limit)
    notes.spent["text"] = len(subject) + bool(subject)
    gathered = _gather(shown, notes)
    alternative = None
    if others:
        before = len(subject) + bool(subject)
        notes.spent["text"] = max(before, limit - CHARS) if gathered.said else before  # no more than is compared
        other = _gather(others, notes)
        alternative = round(agreement("\n".join(gathered.said), "\n".join(other.said)), 3)
        if not gathered.said:
            gathered.said, gathered.links = other.said, gathered.links + other.links
    files = [attachment_of(part, notes) for part in every(root) if is_attachment(part)]
    return Message(
        subject=subject,
        sender=read_address(headers.first("from"), notes),
        reply_to=read_address(headers.first("reply-to"), notes),
        date=read_date(headers.first("date"), notes),
        body=_within(gathered.said, limit - len(subject) - bool(subject), "text", notes),
        links=_some_links(gathered.links, notes),
        attachments=(*files, *gathered.files),
        authentication=_authentications(headers, notes),
        hidden=_within(gathered.hidden, min(limit, HIDDEN_CHARS), "hidden text", notes),
        alternative=alternative,
        repairs=notes.repairs,
        cut=notes.cuts,
    )


def _gather(parts: list[Part], notes: Notes) -> _Gathered:
    gathered = _Gathered()
    for part in parts:
        if notes.late():
            break
        if not notes.text_left:
            notes.cut(f"text over {notes.limits.text_chars:,} characters")
            break
        if part.kind.name in FORWARDS and part.children:
            subject = text_of(part.children[0].headers.first("subject"), notes)
            gathered.say(subject, part)
            notes.spent["text"] += len(subject)
            continue
        if is_tnef(part):
            notes.spent["winmail.dat"] += 1
            if notes.spent["winmail.dat"] > TNEFS:
                notes.cut(f"winmail.dat over {TNEFS} times")
                continue
            rendered, files = tnef_of(part, notes)
        elif is_text(part):
            rendered, files = body_of(part, notes)
        else:
            continue
        gathered.say(rendered.text, part)
        notes.spent["text"] += len(rendered.text)
        notes.spent["hidden"] += len(rendered.hidden)
        gathered.hidden += [rendered.hidden] if rendered.hidden else []
        gathered.links += [Link(target, text) for target, text in rendered.links]
        gathered.files += files
    return gathered


def _within(texts: list[str], limit: int, what: str, notes: Notes) -> str:
    """The texts, a line end between them, as far as the limit goes."""
    text = "\n".join(texts)
    if len(text) > max(0, limit):
        most = notes.limits.text_chars if what == "text" else min(HIDDEN_CHARS, notes.limits.text_chars)
        notes.cut(f"{what} over {most:,} characters")
    return _cut(text, max(0, limit))


def _cut(text: str, limit: int) -> str:
    """At most so many characters; the rest of a word may be spelt otherwise than the word."""
    if len(text) > limit:
        text = text[:limit]
        at = max(text.rfind(" "), text.rfind("\n")) + 1
        text = (text[:at] + normalise(text[at:]))[:limit]
    return text.strip()


def _some_links(links: list[Link], notes: Notes) -> tuple[Link, ...]:
    if len(links) > LINKS:
        notes.cut(f"links over {LINKS:,}")
    return tuple(links[:LINKS])


def _authentications(headers: Headers, notes: Notes) -> tuple[Authentication, ...]:
    values = headers.all("authentication-results")
    if len(values) > AUTHENTICATIONS:
        notes.cut(f"authentication results over {AUTHENTICATIONS}")
    found = [read_authentication(value, notes) for value in values[:AUTHENTICATIONS]]
    return tuple(one for one in found if one is not None)


def _with_line_ends(raw: bytes, notes: Notes) -> bytes:
    """Lines that end in a bare CR, or in two CR and a LF, made to end as lines do."""
    head = raw[:65536]
    if b"\r\r\n" in head:
        notes.repair("line-ends")
        return raw.replace(b"\r\r\n", b"\r\n")
    if b"\r" in head and b"\n" not in head:
        notes.repair("line-ends")
        return raw.replace(b"\r", b"\n")
    return raw
