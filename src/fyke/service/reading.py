"""From settings to how messages are read."""

import re
from dataclasses import fields

from fyke.mail.limits import Limits
from fyke.settings import Settings

INLINE = 8 * 1024
"""bytes of a message that may be read in the event loop; a longer one would hold others up"""
# HTML, and whatever may hold HTML that does not show: a few kilobytes of it may take a tenth of a second.
_HTML = re.compile(rb"html|<body|<head|base64|quoted-printable|message/|tnef|winmail|uue|\x00", re.IGNORECASE)


def is_quick(raw: bytes) -> bool:
    """Whether a message may be read in the event loop: it is short, and nothing in it can be HTML."""
    return len(raw) <= INLINE and _HTML.search(raw) is None


def limits_from(settings: Settings) -> Limits:
    """What the settings let be read of one message."""
    return Limits(**{field.name: getattr(settings, f"mail_{field.name}") for field in fields(Limits)})


def trusted_from(settings: Settings) -> frozenset[str]:
    """The authserv-ids whose results count."""
    return settings.mail_trusted
