"""A message (RFC 5322) or a plain text, read within limits."""

import email
import email.policy
import re
from email.message import EmailMessage

from selectolax.lexbor import LexborHTMLParser

from fyke.mail.limits import Limits
from fyke.mail.message import Message

_HEADER = re.compile(rb"(?im)\A(?:from [^\n]+\n)?(?:[!-9;-~]+:[^\n]*\r?\n(?:[ \t][^\n]*\r?\n)*){2,}\r?\n")
_KNOWN = re.compile(rb"(?im)^(?:from|to|subject|date|received|message-id|mime-version|return-path):")


def read_message(raw: bytes, limits: Limits = Limits()) -> Message:  # noqa: B008  (frozen)
    """Read a message; bytes that do not begin with mail headers are a plain text without a subject. Never raises."""
    raw = raw[: limits.bytes]
    head = _HEADER.match(raw[:65536])
    if head is None or not _KNOWN.search(head[0]):
        return Message(body=raw.decode("utf-8", errors="replace").strip())
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return Message(_subject(parsed), body=_body(parsed))


def read_text(text: str) -> str:
    """A text that came as text, normalised like the text of a message; ASCII comes back as it is."""
    return text


def _subject(message: EmailMessage) -> str:
    try:
        return str(message.get("Subject", "")).strip()
    except Exception:  # the header parser raises what it likes on broken headers
        return ""


def _body(message: EmailMessage) -> str:
    for wanted, render in (("text/plain", str.strip), ("text/html", _render)):
        for part in message.walk():
            if part.get_content_type() == wanted and part.get_content_disposition() != "attachment":
                text = render(_decoded(part))
                if text:
                    return text
    return ""


def _decoded(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    charset = part.get_content_charset("utf-8")
    try:
        return payload.decode(charset, errors="replace")
    except LookupError:
        return payload.decode("utf-8", errors="replace")


def _render(html: str) -> str:
    tree = LexborHTMLParser(html)
    tree.strip_tags(["script", "style", "head", "template"])
    return re.sub(r"[ \t]*\n\s*", "\n", tree.text(separator="\n")).strip()
