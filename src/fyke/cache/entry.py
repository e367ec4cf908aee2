"""Entries: one cached prediction as bytes.

    version  1 byte, 1
    seal     16 bytes, keyed BLAKE2b over the key and all that follows
    created  8 bytes, milliseconds since the epoch, unsigned little-endian
    expires  8 bytes, the same
    words    1 byte, length of the preview in UTF-8
    preview  that many bytes
    payload  the rest, as the model encoded its prediction

The seal covers the key, and the key holds the model id: an entry that was cut short, altered, or copied from
another key does not open.
"""

import hmac
import struct
from typing import NamedTuple

from fyke.cache.keys import Keyring

VERSION = 1
_HEAD = struct.Struct("<QQB")
_BODY = 17
_PREVIEW_BYTES = 255


class Entry(NamedTuple):
    """A prediction as it is kept. Times are in milliseconds since the epoch."""

    payload: bytes
    created: int
    expires: int
    preview: str = ""

    def age(self, now: int) -> int:
        """Whole seconds since the prediction was made, never negative."""
        return max(0, now - self.created) // 1000

    def ttl(self, now: int) -> int:
        """Whole seconds that are left, never negative."""
        return max(0, self.expires - now) // 1000


def seal(entry: Entry, key: str, keyring: Keyring) -> bytes:
    """The bytes to keep under ``key``; a preview over 255 bytes is cut at a character, a lone surrogate is ``?``."""
    preview = entry.preview.encode("utf-8", "replace")[:_PREVIEW_BYTES].decode(errors="ignore").encode()
    body = _HEAD.pack(entry.created, entry.expires, len(preview)) + preview + entry.payload
    return bytes((VERSION,)) + keyring.seal(key, body) + body


def open_sealed(value: bytes, key: str, keyring: Keyring) -> Entry | None:
    """The entry in ``value``, or None when these bytes were not sealed for this key by this secret."""
    if len(value) < _BODY + _HEAD.size or value[0] != VERSION:
        return None
    body = value[_BODY:]
    if not hmac.compare_digest(value[1:_BODY], keyring.seal(key, body)):
        return None
    return _parse(body)


def _parse(body: bytes) -> Entry | None:
    created, expires, length = _HEAD.unpack_from(body)
    start = _HEAD.size + length
    if len(body) < start:
        return None
    preview = body[_HEAD.size : start].decode(errors="replace")
    return Entry(body[start:], created, expires, preview)
