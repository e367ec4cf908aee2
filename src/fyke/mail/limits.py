"""How much of one message is read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read of one message; what is beyond is cut and named in ``Message.cut``.

    The defaults pass all real mail that we know; a setting ``FYKE_MAIL_*`` stands for each.
    """

    bytes: int = 32 * 1024 * 1024
    """of the raw message that are looked at"""
    depth: int = 20
    """of multiparts and forwards inside each other"""
    parts: int = 500
    """of the message that are looked at, containers included"""
    header_bytes: int = 16 * 1024
    """of the value of one header"""
    html_depth: int = 256
    """of HTML elements inside each other"""
    text_chars: int = 200_000
    """of the text that the model sees; as many of hidden text are kept"""
    seconds: float = 1.0
    """of processor time"""
