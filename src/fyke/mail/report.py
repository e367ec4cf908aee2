"""What was read of a message, as the command line and the service tell it."""

from collections.abc import Collection
from typing import Any

from fyke.mail.message import Message
from fyke.mail.signs import signs


def report(message: Message, trusted: Collection[str] = ()) -> dict[str, Any]:
    """The fields of an answer beside the prediction, ready for JSON: nothing of the body, and the counts of lists."""
    return {
        "subject": message.subject,
        "sender": {"name": message.sender.name, "address": message.sender.address},
        "links": len(message.links),
        "attachments": len(message.attachments),
        "alternative": message.alternative,
        "signs": [{"name": sign.name, "detail": sign.detail} for sign in signs(message, trusted)],
        "repairs": list(message.repairs),
        "cut": list(message.cut),
    }
