"""Attacks that need HTML: the text as a message whose reader sees what a model that reads it badly does not."""

import html
import random
from collections.abc import Callable, Sequence
from email.message import EmailMessage

from bench.quality.attacks import Attack, padding
from bench.quality.raw import read_raw

SPLIT = 0.30  # of the words of four letters or more
_HIDDEN = (
    '<div style="display:none">{}</div>',
    '<div style="font-size:0;line-height:0">{}</div>',
    '<div style="visibility:hidden;max-height:0">{}</div>',
    '<div style="color:#ffffff;background:#ffffff">{}</div>',
    "<div hidden>{}</div>",
)
_INSIDE = (
    "<!-- {} -->",
    "<span></span>",
    '<span style="display:none">{}</span>',
    '<font style="font-size:0px">{}</font>',
)


def plain(text: str, chance: random.Random, honest: Sequence[str]) -> str:
    """No attack: what the message reader makes of the text as honest HTML."""
    return _read(text, lambda word: html.escape(word), "")


def hidden(text: str, chance: random.Random, honest: Sequence[str]) -> str:
    """Honest mail before the text, hidden from people by style."""
    good = html.escape(padding(len(text), chance, honest))
    return _read(text, lambda word: html.escape(word), chance.choice(_HIDDEN).format(good))


def split(text: str, chance: random.Random, honest: Sequence[str]) -> str:
    """Comments, empty elements and hidden letters inside words; character references for letters."""
    return _read(text, lambda word: _split(word, chance), "")


HTML_ATTACKS: dict[str, Attack] = {"hidden good words": hidden, "words split by HTML": split}


def _split(word: str, chance: random.Random) -> str:
    if len(word) < 4 or not word.isalpha() or chance.random() >= SPLIT:
        return html.escape(word)
    at = chance.randrange(1, len(word))
    if chance.random() < 0.2:
        return f"{word[:at]}&#{ord(word[at])};{word[at + 1 :]}"
    letters = "".join(chance.choice("etaoinsr") for _ in range(3))
    return word[:at] + chance.choice(_INSIDE).format(letters) + word[at:]


def _read(text: str, written: Callable[[str], str], before: str) -> str:
    """The text as an HTML message, its first line the subject, read as the service reads messages."""
    subject, _, body = text.partition("\n")
    paragraphs = [" ".join(written(word) for word in line.split()) for line in body.split("\n")]
    page = "".join(f"<p>{one}</p>\n" for one in paragraphs if one)
    message = EmailMessage()
    message["From"] = "Sender <sender@example.com>"
    message["To"] = "user@example.com"
    message["Subject"] = " ".join(subject.split())
    document = f"<html><body>{before}{page}</body></html>"
    message.set_content(document.encode("utf-8", "replace").decode(), subtype="html", cte="base64")
    return read_raw(message.as_bytes())
