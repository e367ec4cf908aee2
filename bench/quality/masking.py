"""Masking: what tells from which corpus a text is, rather than what kind of mail it is, is taken out or made alike.

`mask` is applied to training and test alike, everywhere but in the published split, which stays as published. What it
does, in order:

1. the trapping addresses of the phishing collections, also where they are glued to words, become `ADDRESS`;
2. the feet and sponsors' lines that list servers add, and their tags in subjects, go;
3. e-mail addresses, written as they are, with spaces around their marks, or as "name at host", become `ADDRESS`;
4. years from 1990 to 2029 become `YEAR`;
5. names of the collections, of their lists, hosts and companies, and the given names that are in every other message
   of theirs, become `NAME`.
"""

import re

ADDRESS, YEAR, NAME = "user@example.com", "2010", "name"
FOOT_LINES = 12  # a ruled line farther from the end begins no foot
RULE = 20  # underscores that make a line a ruled one
LINE = 200  # characters; where a whole text is one line, the line stays

_TRAPS = re.compile(
    r"(?i)phishing[@_ ]?pot(?:@hotmail\.com|\.org)?|jose@monkey\.org|\bmonkey\.org\b|\bhibody@csmining\.org"
)
_RULE = re.compile(rf"[\s>]*_{{{RULE},}}\s*")
_FOOT = re.compile(
    r"(?im)mailing list|listinfo|lists\.sourceforge|this sf\.net email is sponsored|sponsored by:|posting guide|"
    r"mailman|minimal, self-contained, reproduc|with a subject of .unsubscribe|contact listmaster|html version deleted|"
    r"list maintainer:|^archive: http|irish linux users|ilug@|to unsubscribe.*(?:-request@|-request at|e-?mail to)"
)
_TAGS = re.compile(r"(?i)\A((?:(?:re|fwd?|aw|sv) ?: ?)*)\[(?:spam|[a-z][\w.&-]*(?: [\w.&-]+){0,2})\]\s*")
_LABEL = r"[a-z0-9-]{1,40}"
_TOP = r"(?:com|org|net|edu|gov|mil|info|biz|ac\.[a-z]{2}|co\.[a-z]{2}|[a-z]{2})\b"
_ADDRESSES = re.compile(
    rf"(?i)\b[\w.+=-]{{1,40}} ?@ ?{_LABEL}(?: ?\. ?{_LABEL}){{0,3}}? ?\. ?{_TOP}(?:\.[a-z]{{2,3}}\b)?"
    rf"|\b[\w.+=-]{{1,40}} at {_LABEL}(?:\.{_LABEL}){{0,3}}?\.{_TOP}(?:\.[a-z]{{2,3}}\b)?"
    r"|[\w.@|#]{1,60} @end\|ng \|rom [\w.@|#]{1,60}"
)
_YEARS = re.compile(r"(?<![\d.,$])(?:199\d|20[012]\d)(?!\d|[.,]\d|%)")
_NAMES = re.compile(
    r"(?i)\b(?:enron\w*|ect|ees|hou|hpl\w*|vince|shirley|stinson|daren|louise|gcp|houston|"
    r"jose|csmining|hibody|netnoteinc|jmason|yyyy|zzzz(?:teana|ason)?|taint|spamassassin|razor|vipul\w*|exmh|mh|ilug|"
    r"linux\.ie|fork|xent|freshrpms|rpm-list|rpmforge|sourceforge|sf|geek|zdnet|cnet|lockergnome|"
    r"linguist\w*|ling|r-(?:help|devel|project|sig\w*|package\w*|announce|core)|cran|rstudio|bioconductor|ethz|"
    r"debian\w*|python-list|actblue|ngpvan|winred)\b"
)


def mask(text: str) -> str:
    """The text without what betrays its corpus; the words around stay as they are."""
    text = _TAGS.sub(r"\1", _without_feet(_TRAPS.sub(ADDRESS, text)))
    if "@" in text or " at " in text:
        text = _ADDRESSES.sub(ADDRESS, text)
    return _NAMES.sub(NAME, _YEARS.sub(YEAR, text))


def _without_feet(text: str) -> str:
    """Drop the lines that list servers write, and all after a ruled line that begins a list's foot."""
    if _FOOT.search(text) is None and "_" * RULE not in text:
        return text
    kept: list[str] = []
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if _RULE.fullmatch(line) and len(lines) - at <= FOOT_LINES and _FOOT.search("\n".join(lines[at : at + 4])):
            break
        if len(line) > LINE or (_RULE.fullmatch(line) is None and _FOOT.search(line) is None):
            kept.append(line)
    return "\n".join(kept)
