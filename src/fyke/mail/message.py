"""A message as a reader sees it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Address:
    """Who wrote, or who gets the answer."""

    name: str = ""
    """the display name, decoded"""
    address: str = ""
    """``local@domain`` with the domain in lower case, "" where there is none"""
    others: tuple[str, ...] = ()
    """further addresses of the same header, a few at most"""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a link leads and what it says."""

    target: str
    """the address as written, without the white space that browsers leave out"""
    text: str
    """what a reader sees of it"""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came along."""

    name: str
    """the file's name, "" where it has none"""
    kind: str
    """the media type as stated, in lower case"""
    size: int
    """decoded bytes, within three of them for base64"""


@dataclass(frozen=True, slots=True)
class Authentication:
    """One ``Authentication-Results`` header (RFC 8601), as stated: anybody can state anything."""

    server: str
    """the authserv-id: who says so"""
    results: tuple[tuple[str, str], ...]
    """method and result, such as ``("spf", "pass")``"""


@dataclass(frozen=True, slots=True)
class Message:
    """What is read of an e-mail. ``docs/mail.md`` has the vocabulary of ``repairs``."""

    subject: str = ""
    sender: Address = Address()
    reply_to: Address = Address()
    date: datetime | None = None
    body: str = ""
    """what a reader would see, normalised"""
    links: tuple[Link, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    authentication: tuple[Authentication, ...] = ()
    hidden: str = ""
    """text that no reader would see, kept out of the body"""
    alternative: float | None = None
    """agreement (0 to 1) of the words that a reader would see with those of the other alternative, if there is one"""
    repairs: tuple[str, ...] = ()
    """names of what had to be mended, sorted"""
    cut: tuple[str, ...] = ()
    """what a limit cut, in words"""

    @property
    def text(self) -> str:
        """Subject and body, one line apart: exactly what the model sees."""
        return f"{self.subject}\n{self.body}".strip()
