"""Outlook's .msg files (MS-OXMSG), turned into the bytes of a message; needs the extra ``fyke[msg]``.

A .msg is a compound file whose streams are named after the property that they hold: ``__substg1.0_0037001F`` is
property 0037 (the subject) as type 001F (UTF-16). Only the properties below are read, and no more bytes than asked.
A body that is there as compressed RTF only is not read.
"""

import base64
import codecs
import io
import re
from email.header import Header
from email.utils import encode_rfc2231
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from olefile import OleFileIO

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
HEADERS, SUBJECT, BODY, HTML = "007D", "0037", "1000", "1013"
SENDER_NAME, SENDER_ADDRESS, SENDER_SMTP = "0C1A", "0C1F", "5D01"
FILE_NAME, SHORT_NAME, MEDIA_TYPE, DATA = "3707", "3704", "370E", "3701"
UNICODE, STRING8, BINARY, STORAGE = "001F", "001E", "0102", "000D"
PROPERTIES = "__properties_version1.0"
ATTACHED = "__attach_version1.0_#"
MOST_ATTACHMENTS = 200
MOST_NESTED = 4
_CODEPAGE = re.compile(rb"(?s)\x03\x00\xde\x3f.{4}(.{4})")  # PidTagInternetCodepage among the fixed properties
_CODEPAGES = {
    65001: "utf-8",
    28591: "latin-1",
    28592: "iso8859-2",
    20866: "koi8-r",
    50220: "iso2022_jp",
    54936: "gb18030",
}
_HEADER = re.compile(r"([!-9;-~]+):")
_MEDIA = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_OWN = {"content-type", "content-transfer-encoding", "mime-version", "content-disposition"}


class NotReadable(Exception):
    """A .msg file that cannot be read; the text says why and the remedy."""


def to_message(document: bytes, most: int) -> bytes:
    """The message in a .msg file as RFC 5322 would have it: its headers, its texts, and its attachments.

    Of everything together at most ``most`` bytes are read; attachments beyond are there by name, without content.

    Raises:
        NotReadable: olefile is missing, or this is no message of Outlook's.
    """
    try:
        import olefile
    except ImportError:
        raise NotReadable("Outlook's .msg files need the extra 'msg': pip install 'fyke[msg]'.") from None
    try:
        with olefile.OleFileIO(io.BytesIO(document)) as ole:
            if not ole.exists(PROPERTIES):
                raise NotReadable("a compound file, but no message of Outlook's.")
            return _Outlook(ole, most).message((), 0)
    except NotReadable:
        raise
    except Exception as error:  # a damaged file can fail anywhere in there
        raise NotReadable(f"cannot be read as Outlook's .msg ({str(error) or type(error).__name__}).") from error


class _Outlook:
    """An open .msg file, and how much more may be read of it."""

    def __init__(self, ole: "OleFileIO", most: int):
        self._ole = ole
        self._left = most

    def message(self, at: tuple[str, ...], depth: int) -> bytes:
        """The message in a storage of the file, () for its own."""
        codepage = self._codepage(at)
        texts = [("plain", self._text(at, BODY, codepage)), ("html", self._text(at, HTML, codepage))]
        parts = [_part(f"text/{kind}; charset=utf-8", text.encode()) for kind, text in texts if text]
        body = _multipart("alternative", depth, parts)
        attached = [self._attachment(one, codepage, depth) for one in self._attached(at)]
        head = self._head(at, codepage)
        return head + (_multipart("mixed", depth, [body, *attached]) if attached else body)

    def _head(self, at: tuple[str, ...], codepage: str) -> bytes:
        """The headers as they were delivered, where they are kept; subject and sender from the properties else."""
        lines, names, keep = [], set(), False
        for line in self._text(at, HEADERS, codepage).splitlines():
            header = _HEADER.match(line)
            if header:
                names.add(header[1].lower())
                keep = header[1].lower() not in _OWN
            if keep and (header or line.startswith((" ", "\t"))) and line.strip():
                lines.append(line)
        if "subject" not in names:
            lines.append(f"Subject: {_encoded(self._text(at, SUBJECT, codepage))}")
        if "from" not in names:
            address = self._text(at, SENDER_SMTP, codepage) or self._text(at, SENDER_ADDRESS, codepage)
            name = _encoded(self._text(at, SENDER_NAME, codepage))
            shown = f"<{re.sub(r'[^!-;=?-~]', '', address)}>" if "@" in address else ""  # Exchange has its own kind
            lines.append(f"From: {name} {shown}")
        return "".join(line + "\r\n" for line in [*lines, "MIME-Version: 1.0"]).encode("utf-8", "replace")

    def _attached(self, at: tuple[str, ...]) -> list[tuple[str, ...]]:
        found = [
            tuple(path[:-1])
            for path in self._ole.listdir()
            if len(path) == len(at) + 2 and path[-1] == PROPERTIES and path[-2].startswith(ATTACHED)
        ]
        return sorted(one for one in found if one[:-1] == at)[:MOST_ATTACHMENTS]

    def _attachment(self, at: tuple[str, ...], codepage: str, depth: int) -> bytes:
        embedded = (*at, f"__substg1.0_{DATA}{STORAGE}")
        if depth < MOST_NESTED and self._ole.exists([*embedded, PROPERTIES]):
            return b"Content-Type: message/rfc822\r\n\r\n" + self.message(embedded, depth + 1)
        name = self._text(at, FILE_NAME, codepage) or self._text(at, SHORT_NAME, codepage)
        media = self._text(at, MEDIA_TYPE, codepage)
        said = f"{media if _MEDIA.fullmatch(media) else 'application/octet-stream'}"
        if name:
            said += f"\r\nContent-Disposition: attachment; filename*={encode_rfc2231(name, 'utf-8')}"
        else:
            said += "\r\nContent-Disposition: attachment"
        return _part(said, self._bytes(at, DATA, BINARY))

    def _text(self, at: tuple[str, ...], name: str, codepage: str) -> str:
        wide = self._bytes(at, name, UNICODE)
        if wide:
            return wide.decode("utf-16-le", "replace").rstrip("\0")
        narrow = self._bytes(at, name, STRING8) or self._bytes(at, name, BINARY)
        return narrow.decode(codepage, "replace").rstrip("\0")

    def _bytes(self, at: tuple[str, ...], name: str, kind: str) -> bytes:
        path = [*at, f"__substg1.0_{name}{kind}"]
        if not self._ole.exists(path) or self._ole.get_size(path) > self._left:
            return b""
        content: bytes = self._ole.openstream(path).read()
        self._left -= len(content)
        return content

    def _codepage(self, at: tuple[str, ...]) -> str:
        path = [*at, PROPERTIES]
        if self._ole.get_size(path) > self._left:
            return "cp1252"
        stated = _CODEPAGE.search(self._ole.openstream(path).read())
        number = int.from_bytes(stated[1], "little") if stated else 1252
        name = _CODEPAGES.get(number, f"cp{number}")
        try:
            return codecs.lookup(name).name
        except LookupError:
            return "cp1252"


def _part(media: str, content: bytes) -> bytes:
    return f"Content-Type: {media}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode() + base64.encodebytes(content)


def _multipart(kind: str, depth: int, parts: list[bytes]) -> bytes:
    """Parts as one. What is in them is base64, or parted by boundaries of another depth: none is met early."""
    if not parts:
        return b"Content-Type: text/plain\r\n\r\n"
    boundary = f"fyke-{kind}-{depth}".encode()
    joined = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return b"Content-Type: multipart/%b; boundary=%b\r\n\r\n%b--%b--\r\n" % (kind.encode(), boundary, joined, boundary)


def _encoded(text: str) -> str:
    return Header(" ".join(text.split()), "utf-8", maxlinelen=10**6).encode() if text else ""
