"""How far two texts say the same."""

import re
from collections import Counter

CHARS = 50_000
"""of each text that are compared"""

_WORD = re.compile(r"\w+")


def agreement(one: str, other: str) -> float:
    """The share of words (0 to 1) that two texts have in common, counted; addresses of any kind do not count."""
    words, others = _words(one), _words(other)
    total = words.total() + others.total()
    return 2 * (words & others).total() / total if total else 1.0


def _words(text: str) -> Counter[str]:
    text = text[:CHARS].lower()
    if "@" in text or "://" in text:
        text = " ".join(word for word in text.split() if "@" not in word and "://" not in word)
    return Counter(_WORD.findall(text))
