"""Facts about a message that its reader should know: no score, and the model need not use them."""

from collections.abc import Collection
from dataclasses import dataclass

from fyke.mail.message import Message


@dataclass(frozen=True, slots=True)
class Sign:
    """One fact."""

    name: str
    """of a fixed vocabulary, see ``docs/mail.md``"""
    detail: str
    """what is the case, at most 200 characters"""


def signs(message: Message, trusted: Collection[str] = ()) -> list[Sign]:
    """The signs of a message; ``trusted`` names the servers whose authentication results count (authserv-ids)."""
    return [Sign("hidden-text", f"{len(message.hidden.split())} words")] if message.hidden else []
