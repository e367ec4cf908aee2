"""From settings to how messages are read."""

from dataclasses import fields

from fyke.mail.limits import Limits
from fyke.settings import Settings


def limits_from(settings: Settings) -> Limits:
    """What the settings let be read of one message."""
    return Limits(**{field.name: getattr(settings, f"mail_{field.name}") for field in fields(Limits)})


def trusted_from(settings: Settings) -> frozenset[str]:
    """The authserv-ids whose results count."""
    return settings.mail_trusted
