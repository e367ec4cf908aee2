"""A text as the hashed model sees it: plain lower-case words, whatever tricks of typography it came with.

Look-alike letters of other alphabets become the Latin ones, accents and compatibility forms are taken off, characters
that do not show are dropped, capitals are lowered, digits become ``0``, and every other mark of ASCII is one space
between words. So ``"Аccоunt  #4711!"`` in Cyrillic letters, ``"ac\\u200bcount 0000"`` and ``"ACCOUNT-1234"`` are one
text. Mail that was published without capitals or with spaces around its marks looks like mail as it was sent.
"""

import unicodedata
from functools import lru_cache

LIMIT = 16384  # bytes that are read of a text
_TAKEN = 4 * LIMIT  # characters that are looked at to find them

_LOOKALIKES = dict(
    zip(
        "аеорсухіјѕԁԛԝһӏɡɩαορνικτυѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТУХІЈЅ",
        "aeopcyxijsdqwhlgiaopviktuvabezhikmnoptyxabekmhopctyxijs",
        strict=True,
    )
)
_ASCII = [chr(code) if chr(code).isalpha() else "0" if chr(code).isdigit() else " " for code in range(128)]
_TABLE = "".join(_ASCII).lower().encode() + bytes(range(128, 256))
_ASCII_BYTES = bytes(range(128))
_FEW = 24  # different characters beyond ASCII that are quicker replaced one by one


def normalise(text: str) -> bytes:
    """The words of a text, one space apart, in UTF-8: all that the hashed model sees, at most `LIMIT` bytes."""
    text = text[:_TAKEN]
    if not text.isascii():
        text = _fold_all(text)
    words = text.encode("utf-8", "surrogatepass").translate(_TABLE).split()
    return b" ".join(words)[:LIMIT].rstrip()


@lru_cache(65536)
def fold(character: str) -> str:
    """What a character becomes before ASCII's are lowered: nothing, a space, or one or more characters."""
    if character in _LOOKALIKES:
        return _LOOKALIKES[character]
    return "".join(_folded(part) for part in unicodedata.normalize("NFKD", character))


def _folded(part: str) -> str:
    if part in _LOOKALIKES:
        return _LOOKALIKES[part]
    if part.isascii():
        return part
    kind = unicodedata.category(part)
    if kind in ("Mn", "Me", "Cf", "Cc", "Cs", "Co", "Cn"):
        return ""
    if kind[0] not in "LN" and kind not in ("So", "Sc"):
        return " "
    return "".join(_LOOKALIKES.get(lowered, lowered) for lowered in part.lower())


def _fold_all(text: str) -> str:
    """Every character folded: one search for each of a few different ones, or one table for many."""
    beyond = text.encode("utf-8", "surrogatepass").translate(None, _ASCII_BYTES)
    different = set(beyond.decode("utf-8", "surrogatepass"))
    if len(different) > _FEW:
        return text.translate({ord(character): fold(character) for character in different})
    for character in different:
        text = text.replace(character, fold(character))
    return text


def normalise_with_offsets(text: str) -> tuple[bytes, list[int]]:
    """`normalise`, and for each of its bytes the index of the character of ``text`` that it came from; slow."""
    out, origin = bytearray(), list[int]()
    pending: int | None = None  # where the space before the next word came from
    for index, character in enumerate(text[:_TAKEN]):
        folded = character if character.isascii() else fold(character)
        for byte in folded.encode("utf-8", "surrogatepass").translate(_TABLE):
            if byte == 32:
                pending = index if pending is None else pending
                continue
            if pending is not None and out:
                out.append(32)
                origin.append(pending)
            pending = None
            out.append(byte)
            origin.append(index)
    blob = bytes(out[:LIMIT]).rstrip()
    return blob, origin[: len(blob)]
