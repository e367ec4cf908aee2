"""Reasons in words: what an explanation comes to, for a reader and for a line in a mail header."""

from collections import defaultdict
from email.header import Header
from typing import Any

from fyke.model.explanation import Explanation
from fyke.model.labels import PHISHING, SAFE
from fyke.model.writable import encodable

MOST_WORDS = 3
_LONGEST = 30  # characters of a word
_SHORT = {PHISHING: "phishing", SAFE: "safe"}


def words_toward(text: str, explanation: Explanation) -> dict[str, list[str]]:
    """For each label the words of a text that spoke most for it, all occurrences together, the strongest first."""
    sums: defaultdict[str, float] = defaultdict(float)
    for part in explanation.parts:
        word = "".join(filter(str.isprintable, encodable(text[part.start : part.end]).lower()))[:_LONGEST]
        sums[word] += part.contribution
    ranked = sorted(sums.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
    return {
        PHISHING: [word for word, share in ranked if share > 0][:MOST_WORDS],
        SAFE: [word for word, share in ranked if share < 0][:MOST_WORDS],
    }


def reasons(text: str, explanation: Explanation, label: str) -> list[str]:
    """At most two sentences, what speaks for the label first."""
    toward = words_toward(text, explanation)
    other = SAFE if label == PHISHING else PHISHING
    said = []
    for kind in (label, other):
        words = [f"\u201c{word}\u201d" for word in toward[kind]]
        if words:
            listed = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
            said.append(f"{listed} {'speak' if len(words) > 1 else 'speaks'} for {_SHORT[kind]}.")
    return said or ["The model knows no word of this text, and answers what it answers without one."]


def explained(text: str, explanation: Explanation, label: str) -> dict[str, Any]:
    """What a response says of it: numbers and parts, sentences, and the line for a header."""
    parts = [{**part._asdict(), "word": encodable(text[part.start : part.end])} for part in explanation.parts]
    return {
        "log_odds": explanation.log_odds,
        "base": explanation.base,
        "parts": parts,
        "rest": explanation.rest,
        "reasons": reasons(text, explanation, label),
        "header": header_line(text, explanation),
    }


def header_line(text: str, explanation: Explanation) -> str:
    """The same in a line of ASCII, as the value of a header field: ``phishing: verify, account; safe: meeting``.

    Other letters come as encoded words (RFC 2047), which mail readers show as they are.
    """
    toward = words_toward(text, explanation)
    listed = (f"{_SHORT[kind]}: {', '.join(words)}" for kind, words in toward.items() if words)
    line = "; ".join(listed) or "no known word"
    return line if line.isascii() else Header(line, "utf-8").encode(linesep="")
