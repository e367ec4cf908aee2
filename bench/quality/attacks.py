"""Attacks on a text: each changes a phishing text as an evader would, a bounded part of it, the same for the same seed.

An attack is a function of a text, a source of randomness and honest mail to draw good words from.
"""

import random
import re
from collections.abc import Callable, Sequence

Attack = Callable[[str, random.Random, Sequence[str]], str]

HOMOGLYPHS = 0.15  # of the letters that have one
ZERO_WIDTH = 0.30  # of the words of four letters or more, one character in each
TYPOS = 0.10  # of the words of four letters or more, one slip in each
PADDED = (200, 3000)  # characters of good words: as many as the text has, within these

_ALIKE = dict(zip("aceiopsxyjABCEHIKMOPTX", "асеіорѕхујАВСЕНІКМОРТХ", strict=True))  # noqa: RUF001 - Cyrillic
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_word = re.compile(r"[^\W\d_]{4,}")


def homoglyphs(text: str, chance: random.Random, honest: Sequence[str]) -> str:
    """Cyrillic letters in the place of Latin ones that look the same."""
    return "".join(_ALIKE[one] if one in _ALIKE and chance.random() < HOMOGLYPHS else one for one in text)


def zero_width(text: str, chance: random.Random, honest: Sequence[str]) -> str:
    """Characters without width inside words."""
    return _change_words(text, chance, ZERO_WIDTH, _split_invisibly)


def typos(text: str, chance: random.Random, honest: Sequence[str]) -> str:
    """Slips inside words: two letters swapped, one left out, one twice."""
    return _change_words(text, chance, TYPOS, _slip)


def good_words(text: str, chance: random.Random, honest: Sequence[str]) -> str:
    """Honest mail after the text."""
    return f"{text}\n\n{padding(len(text), chance, honest)}"


def padding(length: int, chance: random.Random, honest: Sequence[str]) -> str:
    """About ``length`` characters, within `PADDED`, of honest mail drawn at random."""
    wanted = min(max(length, PADDED[0]), PADDED[1])
    drawn = ""
    while len(drawn) < wanted:
        drawn += chance.choice(honest)[:wanted] + "\n"
    return drawn[:wanted]


ATTACKS: dict[str, Attack] = {
    "homoglyphs": homoglyphs,
    "zero-width characters": zero_width,
    "typos": typos,
    "good words": good_words,
}


def _change_words(text: str, chance: random.Random, share: float, change: Callable[[str, random.Random], str]) -> str:
    return _word.sub(lambda found: change(found[0], chance) if chance.random() < share else found[0], text)


def _split_invisibly(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word))
    return word[:at] + chance.choice(_INVISIBLE) + word[at:]


def _slip(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word) - 1)
    kind = chance.randrange(3)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + word[at + 1 :] if kind == 1 else word[:at] + word[at] + word[at:]
