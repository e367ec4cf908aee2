"""From an open file to the messages in it: a message, a mailbox, an archive, JSON, or one of these compressed."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath

from fyke.mail.mbox import Box, looks_like_box
from fyke.mail.outlook import MAGIC as OUTLOOK
from fyke.mail.outlook import NotReadable, to_message
from fyke.mail.records import from_document, from_lines
from fyke.mail.streams import UNREADABLE, Stream, is_archive, members, reason, unpacked

COMPRESSED = (".gz", ".xz", ".bz2")
BOXES = (".mbox", ".mbx")
LINES = (".jsonl", ".ndjson")
TABLES = (".csv", ".tsv")
LONGEST = 1000  # characters of a name that are told
# A header, a mailbox, or UTF-16 by its mark.
_TEXT = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*+(?:[!-9;-~]++[ \t]*:|From )|\xff\xfe|\xfe\xff")
_OTHERS = (
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"%PDF-", "a PDF"),
    (b"PAR1", "a table; `fyke score` classifies tables"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
)


@dataclass(frozen=True, slots=True)
class Source:
    """A message as it came, and where from.

    ``name`` is for people: ``mail.eml``, ``box.mbox:17``, ``archive.tar.xz:folder/mail.eml``, ``-``. ``raw`` is the
    bytes of a message, or of a text without headers; a string is a text that came as one. ``within`` names what it
    lies in, outermost first: the path given, folders, mailboxes and archives.
    """

    name: str
    raw: bytes | str
    within: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file lies, as a `Source` says it."""

    name: str
    within: tuple[str, ...]

    def inside(self, name: str) -> "Place":
        """A file in this one."""
        return Place(f"{self.name}:{name}", (*self.within, *PurePath(name).parts))


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads files. Of each message ``limit`` bytes and a little more are kept; ``trouble`` is told what cannot be read.

    ``alone``: a file holds one message, even if it looks like a mailbox or an archive. ``packed`` and ``archived`` say
    what it came out of: nothing is unpacked twice.
    """

    limit: int
    trouble: Callable[[str], None]
    alone: bool = False
    packed: bool = False
    archived: bool = False

    def read(self, stream: Stream, place: Place) -> Iterator[Source]:
        """The messages in a stream, in its order; damage is told, and what comes before it is read."""
        found = False
        for source in self._read(stream, place):
            found = True
            yield source
        if stream.wrong:
            self._tell(place, f"cannot be read{' to its end' if found else ''} ({stream.wrong}).")

    def _read(self, stream: Stream, place: Place) -> Iterator[Source]:
        head, kind = stream.head(), _kind(place)
        alone = self.alone or kind == ".eml"  # what its sender wrote must not make it anything else
        mail = alone and _TEXT.match(head)
        inner = None if self.packed or mail else unpacked(stream)
        other = None if mail else next((what for magic, what in _OTHERS if head.startswith(magic)), None)
        if inner is not None:
            yield from replace(self, packed=True).read(inner, place)
        elif not head:
            if not stream.wrong:
                self._tell(place, "is empty; there is no message in it.")
        elif not alone and (is_archive(stream) or kind == ".tar"):
            yield from self._archive(stream, place)
        elif head.startswith(OUTLOOK):
            yield from self.outlook(stream.read(self.limit + 1), place)
        elif other or (b"\0" in head and not _TEXT.match(head)):
            self._tell(place, f"not mail but {other or 'a binary file'}.")
        elif alone:
            yield Source(place.name, stream.read(self.limit + 1), place.within)
        elif kind in TABLES:
            self._tell(place, "a table; `fyke score` classifies tables.")
        elif kind in LINES or kind == ".json":
            yield from self._records(stream, place, lines=kind in LINES)
        elif kind in BOXES or looks_like_box(head):
            yield from self._box(stream, place)
        else:
            yield Source(place.name, stream.read(self.limit + 1), place.within)

    def _archive(self, stream: Stream, place: Place) -> Iterator[Source]:
        if self.archived:
            self._tell(place, "an archive in an archive; unpack it first.")
            return
        reader = replace(self, packed=False, archived=True)
        found = False
        try:
            for name, member in members(stream):
                if not any(part.startswith(".") and part != ".." for part in PurePath(name).parts):
                    found = True
                    yield from reader.read(member, place.inside(name))
        except UNREADABLE as error:
            self._tell(place, f"cannot be read to its end ({reason(error)}).")
        else:
            if not found:
                self._tell(place, "there is no file in this archive.")

    def outlook(self, document: bytes, place: Place) -> Iterator[Source]:
        """The message in an Outlook file; what cannot be read is told."""
        try:
            if len(document) > self.limit:
                raise NotReadable(f"an Outlook message over {self.limit:,} bytes, and part of one cannot be read.")
            yield Source(place.name, to_message(document, self.limit), place.within)
        except NotReadable as error:
            self._tell(place, str(error))

    def _records(self, stream: Stream, place: Place, *, lines: bool) -> Iterator[Source]:
        read = from_lines if lines else from_document
        found = False
        for number, raw in read(stream, 2 * self.limit, lambda what: self._tell(place, what)):
            found = True
            yield Source(f"{place.name}:{number}", raw, place.within)
        if not found:
            self._tell(place, "there is no message in it.")

    def _box(self, stream: Stream, place: Place) -> Iterator[Source]:
        box = Box(stream, self.limit)
        number = 0
        for number, raw in enumerate(box, 1):
            if raw.strip():
                yield Source(f"{place.name}:{number}", raw, place.within)
            else:
                self.trouble(f"{_short(place.name)}:{number}: is empty; there is no message in it.")
        if box.skipped or not number:
            self._tell(place, f"its first {box.skipped:,} bytes are no message; one begins with a line 'From '.")

    def _tell(self, place: Place, what: str) -> None:
        self.trouble(f"{_short(place.name)}: {what}")


def _short(name: str) -> str:
    """A name that a person can read; an archive may hold one of any length."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[-LONGEST // 2 :]}"


def _kind(place: Place) -> str:
    """The suffix of the name, in small letters, of what is left when it is unpacked."""
    name = PurePath(place.within[-1].lower())
    return PurePath(name.stem).suffix if name.suffix in COMPRESSED else name.suffix
