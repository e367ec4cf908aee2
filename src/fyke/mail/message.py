"""A message (RFC 5322) or a plain text, read into the text that the model sees: subject, then body."""

import email
import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage

from selectolax.lexbor import LexborHTMLParser

_HEADER = re.compile(rb"(?im)\A(?:from [^\n]+\n)?(?:[!-9;-~]+:[^\n]*\r?\n(?:[ \t][^\n]*\r?\n)*){2,}\r?\n")
_KNOWN = re.compile(rb"(?im)^(?:from|to|subject|date|received|message-id|mime-version|return-path):")


@dataclass(frozen=True)
class Message:
    """What a reader sees of an e-mail; ``text`` is what the model sees."""

    subject: str
    body: str

    @property
    def text(self) -> str:
        """Subject and body, one line apart."""
        return f"{self.subject}\n{self.body}".strip()


def read_message(raw: bytes) -> Message:
    """Read a message; bytes that do not begin with mail headers are a plain text without a subject."""
    head = _HEADER.match(raw[:65536])
    if head is None or not _KNOWN.search(head[0]):
        return Message("", raw.decode("utf-8", errors="replace").strip())
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return Message(_subject(parsed), _body(parsed))


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
