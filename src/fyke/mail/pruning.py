"""HTML made fit for the parser, whose time may grow with the square of depth and of the attributes of one tag."""

import re
from collections.abc import Iterator

from fyke.mail import elements
from fyke.mail.notes import Notes

HTML_CHARS = 500_000
"""of one HTML part, less the pictures written into it"""
TAGS = 8_000
"""of one HTML part"""
ATTRIBUTES = 200
"""of one tag"""
REPEATED = 50_000
"""elements such as ``font`` that are open when others begin, added up: a parser repeats the open ones in each block"""

# One token for each comment, raw text and tag. Every branch ends at the end of the source at the latest and none looks
# back (possessive quantifiers), so the whole is linear. Quotes count only after "=", as for a browser.
_ATTRIBUTE = r"[\s/]*+[^\s/>=][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s>\"'][^\s>]*+)?+)?+"
_TOKEN = re.compile(
    r"<(?=[!/a-zA-Z])(?:!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|(?P<raw>(?i:script|style|title|textarea|xmp|iframe|noembed|noframes))(?=[\s/>]).*?(?:</(?i:(?P=raw))(?=[\s/>])|\Z)"
    rf"|(?P<end>/?)(?P<tag>[a-zA-Z][^\s/>]*+)(?P<rest>(?:{_ATTRIBUTE}|[\s/=]++)*+)(?:>|\Z))",
    re.DOTALL,
)
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_DATA = re.compile(r"data:[a-z]{1,20}/[a-z0-9.+-]{1,40};base64,[A-Za-z0-9+/=%\s]{200,}+")


def prune(html: str, notes: Notes) -> str:
    """The source without what is beyond the limits, each of which is noted."""
    if "base64," in html:
        html = _DATA.sub("data:,", html)
    if len(html) > HTML_CHARS:
        notes.cut(f"HTML over {HTML_CHARS:,} characters")
        html = html[:HTML_CHARS]
    pieces = []
    at = 0
    for start, end in _beyond(html, notes):
        pieces.append(html[at:start])
        at = end
    return "".join(pieces) + html[at:] if pieces else html


def _beyond(html: str, notes: Notes) -> Iterator[tuple[int, int]]:
    """The stretches of the source that are to be left out: tags too deep or too large, all after too many tags."""
    depth = formatting = repeated = count = 0
    for match in _TOKEN.finditer(html):
        tag = (match["tag"] or "").lower()
        if not tag:
            continue
        count += 1
        if count > TAGS:
            notes.cut(f"HTML over {TAGS:,} tags")
            yield match.start(), len(html)
            return
        if _too_large(match["rest"]):
            notes.cut(f"HTML tags over {ATTRIBUTES} attributes")
            yield match.span()
            continue
        if tag in elements.VOID:
            continue
        step, formats = (-1 if match["end"] else 1), tag in elements.FORMATTING
        repeated += formatting
        if step > 0 and (depth >= notes.limits.html_depth or (formats and repeated > REPEATED)):
            notes.cut(f"HTML nested over {notes.limits.html_depth} deep")
            yield match.span()
        elif formats:
            formatting = max(0, formatting + step)
        elif tag not in elements.CLOSED_BY_NEXT:
            depth = max(0, depth + step)


def _too_large(attributes: str) -> bool:
    return len(attributes) > ATTRIBUTES * 2 and sum(1 for _ in _ATTRIBUTES.finditer(attributes)) > ATTRIBUTES
