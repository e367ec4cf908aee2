"""One spelling for what looks alike: compatibility forms, invisible characters, letters of another script.

Every function gives the same again for its own result, so a text that was read once is not changed by a second reading.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable
from functools import cache

MIXED_WORDS = 4_000
"""different words of letters of two scripts in a text; those beyond are left out, since each costs time"""

MARKS = 30
"""combining marks on one letter, as in Unicode's Stream-Safe Text Format (UAX #15): ordering them takes time that grows
with the square of their number"""
JOINERS = 10_000
"""of a text; where there are more, none is kept: Persian has one in some thirty letters"""
LARGE = 1_000
"""characters of a text that stand for whole words; where there are more, none is kept"""

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_LARGE = re.compile("[\ufdf2-\ufdfc\u3300-\u3357\u3371-\u33ff]")  # become four to eighteen characters
# Default-ignorable characters (Unicode, DerivedCoreProperties) but for the two joiners, which are apart below.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_IGNORABLE = re.compile(f"[{_INVISIBLE}]+")
# The joiners are spelling in the scripts from Arabic to Khmer, and a trick everywhere else.
_JOINERS = re.compile("(?<![\u0600-\u1cff])[\u200c\u200d]+|[\u200c\u200d]+(?![\u0600-\u1cff])")
_TAKEN_OUT = re.compile(f"[{_INVISIBLE}\x85\u200c\u200d]")
# Inside a Latin, Greek or Cyrillic word: splits it for a machine and not for a reader. A soft hyphen is typography.
_SPLITTERS = "\u200b\u200c\u200d\u2060\ufeff\u034f"
_SPLITTING = re.compile(f"(?<=[A-Za-z\u00c0-\u052f])[{_SPLITTERS}]+(?=[A-Za-z\u00c0-\u052f])")
_STYLED = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff]")
_MIXED = re.compile("[A-Za-z\u00c0-\u024f][\u0370-\u052f]|[\u0370-\u052f][A-Za-z\u00c0-\u024f]")
_SCRIPTS = {
    "Latin": re.compile("[A-Za-z\u00c0-\u024f]"),
    "Greek": re.compile("[\u0370-\u03ff\u1f00-\u1fff]"),
    "Cyrillic": re.compile("[\u0400-\u052f]"),
}
_NOT_LATIN = re.compile("[\u0370-\u052f\u1f00-\u1fff]")
_WORD = re.compile(r"([^\W\d_]+)")

# Letters that look like a Latin one: the sure ones of Unicode's confusables.
_CYRILLIC = dict(zip("АВЕКМНОРСТХаеорсух", "ABEKMHOPCTXaeopcyx", strict=True))
_GREEK = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαιν", "ABEZHIKMNOPTYXoaiv", strict=True))
# Seen as disguises of Latin letters, but no reader of Russian or Greek would take the Latin ones for them.
_ONE_WAY = dict(zip("ЅІЈԚԜѕіјһԁԛԝкυκρϝ", "SIJQWsijhdqwkukpf", strict=True))
_LATIN = str.maketrans(_CYRILLIC | _GREEK | _ONE_WAY)
_BACK = {
    "Cyrillic": str.maketrans({latin: other for other, latin in _CYRILLIC.items()}),
    "Greek": str.maketrans({latin: other for other, latin in _GREEK.items()}),
}


def normalise(text: str, repair: Callable[[str], None] = lambda name: None) -> str:
    """Write a text in one spelling; printable ASCII comes back as it is.

    ``repair`` is told ``zero-width``, ``full-width`` and ``homoglyphs`` where words were disguised by them.
    """
    text = _CONTROLS.sub("", text)
    if text.isascii():
        return text
    text = _without_surrogates(text)
    if any(mark in text for mark in _SPLITTERS) and _SPLITTING.search(text):
        repair("zero-width")
    if _STYLED.search(text):
        repair("full-width")
    text = compatible(text)
    for _ in range(4):  # a letter of another script may take an accent and then stand beside the next
        spelt = _of_one_script(text) if _MIXED.search(text) else text
        if spelt == text:
            break
        repair("homoglyphs")
        composed = unicodedata.normalize("NFKC", spelt)
        if composed == spelt and len(spelt) == len(text):
            return spelt  # no letter takes an accent now
        text = compatible(composed)
        if text == spelt:
            break
    return text


def normalise_all(texts: list[str]) -> list[str]:
    """Each of some lines of text in one spelling; white space may become other white space."""
    joined = "\n".join(" ".join(text.split()) for text in texts)
    lines = normalise(joined).split("\n")
    return lines if len(lines) == len(texts) else list(map(normalise, texts))


def scripts(word: str) -> frozenset[str]:
    """Which of Latin, Greek and Cyrillic the letters of a word belong to; others count as none."""
    return frozenset(name for name, letters in _SCRIPTS.items() if letters.search(word))


def _without_surrogates(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text)
    return text


def compatible(text: str) -> str:
    """The text in Unicode's compatibility form, without invisible characters; letters keep their script."""
    if text.isascii():
        return text
    for _ in range(4):  # composing can make a character that is taken out; twice is the most seen
        text = _IGNORABLE.sub("", text).replace("\x85", "\n")
        if next(itertools.islice(_LARGE.finditer(text), LARGE, None), None):
            text = _LARGE.sub("", text)
        joiners = text.count("\u200c") + text.count("\u200d")
        if joiners > JOINERS:
            text = text.replace("\u200c", "").replace("\u200d", "")
        elif joiners:
            text = _JOINERS.sub("", text)
        text = _many_marks().sub(r"\1", text)
        before, text = text, unicodedata.normalize("NFKC", text)
        if text == before or not (_TAKEN_OUT.search(text) or _many_marks().search(text)):
            break
    return text


@cache
def _many_marks() -> re.Pattern[str]:
    """More than ``MARKS`` combining marks in a row, the first of them as a group; made when first needed.

    Beyond the first plane, where a set of single characters would be slow to look for, whole blocks of scripts with
    such marks count as marks: no word of theirs has so many letters.
    """
    marks = [chr(code) for code in range(0x300, 0x10000) if unicodedata.combining(chr(code))]
    one = f"[{''.join(marks)}\U000101fd-\U0001bc9e\U0001d165-\U0001d244\U0001e000-\U0001e94a]"
    return re.compile(f"({one}{{{MARKS}}}){one}+")


def _of_one_script(text: str) -> str:
    """The text with each of its words in one script, where that can be; without mixed words over ``MIXED_WORDS``."""
    pieces = _WORD.split(text)  # every second piece is a word
    words = pieces[1::2]
    mixed = [word for word in dict.fromkeys(words) if not word.isascii() and _MIXED.search(word)]
    spelt = {word: _one_script(word) for word in mixed[:MIXED_WORDS]} | dict.fromkeys(mixed[MIXED_WORDS:], "")
    pieces[1::2] = [spelt.get(word, word) for word in words]
    return "".join(pieces)


def _one_script(word: str) -> str:
    """A word of two scripts in Latin, else in the script of most of its letters, if all have a look-alike there."""
    candidate = word.translate(_LATIN)
    if candidate.isascii() or not _NOT_LATIN.search(candidate):
        return candidate
    for script, table in _BACK.items():
        candidate = word.translate(table)
        if scripts(candidate) == {script} and len(_SCRIPTS[script].findall(word)) * 2 > len(word):
            return candidate
    return word
