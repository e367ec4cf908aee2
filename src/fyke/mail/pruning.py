"""HTML made fit for the parser, whose time may grow with the square of depth and of the attributes of one tag."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator

from fyke.mail import elements
from fyke.mail.notes import SOURCE_BYTES, Notes

HTML_CHARS = 500_000
"""of one HTML part, less the pictures written into it"""
TAGS = 6_000
"""of a message"""
TOKENS = 9_000
"""of a message: tags, comments, style sheets and the like"""
ROOTS = 10
"""tags ``html`` and ``body`` of a message: a parser gathers the attributes of all in one element"""
OPTIONS = 500
"""entries of lists in a message: the parser's time grows with the square of those in one list"""
ATTRIBUTES = 200
"""of one tag"""
MANY_ATTRIBUTES = 20_000
"""of all long tags of a message"""
REPEATED = 50_000
"""elements such as ``font`` that are open when others begin, added up: a parser repeats the open ones in each block"""

ADOPTED = 8
"""blocks inside a formatting element, with which a parser ends it only in part"""
STRAY = 20
"""characters that could begin a tag in the content of a style sheet or text field near SVG, math or a list"""

# One token for each comment, raw text and tag, cut exactly as a browser cuts them: what is hidden here from the limits
# must be hidden from the parser too. Every branch ends at the end of the source at the latest and none looks back
# (possessive quantifiers), so the whole is linear. Quotes count only after "=".
_WS = r"[ \t\n\f\r]"
_ATTRIBUTE = (
    r"[ \t\n\f\r/]*+[^ \t\n\f\r/>][^ \t\n\f\r/>=]*+"
    rf"(?:{_WS}*+={_WS}*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^ \t\n\f\r>\"'][^ \t\n\f\r>]*+)?+)?+"
)
_REST = rf"(?:{_ATTRIBUTE}|[ \t\n\f\r/]++)*+(?:>|\Z)"
_TOKEN = re.compile(
    r"<(?=[!?/a-zA-Z])(?:!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|(?P<bogus>[!?]|/(?![a-zA-Z]))[^>]*+(?:>|\Z)"
    r"|(?P<raw>(?i:script|style|title|textarea|xmp|iframe|noembed|noframes))(?=[ \t\n\f\r/>])"
    rf"(?P<raw_rest>{_REST})"
    r"(?P<text>.*?)(?:(?=</(?i:(?P=raw))[ \t\n\f\r/>])|\Z)"
    rf"|(?P<end>/?)(?P<tag>[a-zA-Z][^ \t\n\f\r/>]*+)(?P<rest>{_REST}))",
    re.DOTALL,
)
_ATTRIBUTES = re.compile(rf"{_ATTRIBUTE}|[ \t\n\f\r/]++")  # or a search would begin anew at each of many spaces
_COSTLY = {
    "option": ("entries of lists", OPTIONS),
    "html": ("HTML tags for the whole", ROOTS),
    "body": ("HTML tags for the whole", ROOTS),
}
_UNREAD = frozenset(("script", "title", "iframe", "noframes"))
# An end tag inside does not close what began outside.
_BARRIERS = frozenset(("applet", "caption", "html", "marquee", "object", "table", "td", "template", "th"))
_BARRIERS |= frozenset(("annotation-xml", "desc", "foreignobject", "math", "mi", "mn", "mo", "ms", "mtext", "svg"))
_ODD = frozenset(("svg", "math", "select", "frameset"))
_DATA = re.compile(r"data:[a-z]{1,20}/[a-z0-9.+-]{1,40};base64,[A-Za-z0-9+/=%\s]{200,}+")


def prune(html: str, notes: Notes) -> str:
    """The source without what is beyond the limits, each of which is noted."""
    if "base64," in html:
        html = _DATA.sub("data:,", html)
    if len(html) > HTML_CHARS:
        notes.cut(f"HTML over {HTML_CHARS:,} characters")
        html = html[:HTML_CHARS]
    left = notes.left("HTML characters", SOURCE_BYTES)
    if len(html) > left:
        notes.over("HTML characters", SOURCE_BYTES, f"HTML over {SOURCE_BYTES:,} characters")
        html = html[:left]
    notes.spend("HTML characters", len(html))
    pieces = []
    at = 0
    for start, end in _beyond(html, notes):
        pieces.append(html[at:start])
        if pieces[-1].endswith("<"):
            pieces.append(" ")  # or what follows would become a tag
        at = end
    return "".join(pieces) + html[at:] if pieces else html


class _Open:
    """The elements that may be open: never fewer than the parser holds, or its time would not be bounded."""

    def __init__(self) -> None:
        self.depth = 0
        self.formatting = 0
        self._blocks = 0  # that began, formatting elements aside
        self._barrier = 0  # the last of them that keeps an end tag inside from closing what is open outside
        self._counts: Counter[str] = Counter()
        self._began: dict[str, list[int]] = {}

    def begin(self, tag: str) -> None:
        """A start tag."""
        if tag in elements.FORMATTING:
            self.formatting += 1
            self._began.setdefault(tag, []).append(self._blocks)
            return
        self._blocks += 1
        if tag in _BARRIERS:
            self._barrier = self._blocks
        if tag not in elements.CLOSED_BY_NEXT:
            self.depth += 1
            self._counts[tag] += 1

    def end(self, tag: str) -> None:
        """An end tag, which counts only where the parser surely closes an element by it."""
        began = self._began.get(tag)
        if began:
            if began[-1] >= self._barrier and self._blocks - began[-1] < ADOPTED:
                began.pop()
                self.formatting -= 1
        elif self._counts[tag] > 0:
            self._counts[tag] -= 1
            self.depth -= 1


def _beyond(html: str, notes: Notes) -> Iterator[tuple[int, int]]:
    """The stretches of the source that are to be left out: tags too deep or too large, all after too many tags."""
    opened, repeated, odd = _Open(), 0, False
    tokens, count = notes.spent["tokens"], notes.spent["tags"]
    most_tokens, most_tags = tokens + notes.left("tokens", TOKENS), count + notes.left("tags", TAGS)
    for match in _TOKEN.finditer(html):
        tokens += 1
        notes.spend("tokens", 1)
        if tokens > most_tokens:
            notes.over("tokens", TOKENS, f"HTML over {TOKENS:,} comments and tags")
            yield match.start(), len(html)
            return
        if match["bogus"] and html.startswith("<![CDATA[", match.start()):
            yield match.span()  # no comment inside of SVG
        elif match["raw"]:
            yield from _raw(match, odd, notes)
        if not match["tag"]:
            continue
        tag = match["tag"].lower()
        count += 1
        notes.spend("tags", 1)
        if count > most_tags:
            notes.over("tags", TAGS, f"HTML over {TAGS:,} tags")
            yield match.start(), len(html)
            return
        if _too_large(match["rest"], notes) or _too_many(tag, match["end"], notes):
            yield match.span()
            continue
        if tag in elements.VOID:
            continue
        repeated += opened.formatting
        if repeated > REPEATED:
            notes.cut(f"HTML with over {REPEATED:,} elements open again and again")
            yield match.span()
        elif match["end"]:
            opened.end(tag)
        elif opened.depth >= notes.limits.html_depth:
            notes.cut(f"HTML nested over {notes.limits.html_depth} deep")
            yield match.span()
        else:
            opened.begin(tag)
            odd = odd or tag in _ODD


def _raw(match: re.Match[str], odd: bool, notes: Notes) -> Iterator[tuple[int, int]]:
    """What to leave out of an element whose content is no HTML, though inside of SVG a parser takes it for such."""
    if match["raw"].lower() in _UNREAD or _too_large(match["raw_rest"], notes):
        yield match.start(), match.end("text")
    elif odd:
        for number, less in enumerate(re.finditer("<+", match["text"])):
            start = match.start("text") + less.start()
            if number == STRAY:
                yield start, match.end("text")
                return
            yield start, match.start("text") + less.end()


def _too_large(attributes: str, notes: Notes) -> bool:
    if len(attributes) <= ATTRIBUTES * 2:
        return False
    if notes.spent["attributes"] <= MANY_ATTRIBUTES:
        count = sum(1 for _ in itertools.islice(_ATTRIBUTES.finditer(attributes), ATTRIBUTES + 1))
        notes.spend("attributes", min(count, ATTRIBUTES))
        if count > ATTRIBUTES:
            notes.cut(f"HTML tags over {ATTRIBUTES} attributes")
            return True
    if notes.spent["attributes"] > MANY_ATTRIBUTES:
        notes.cut(f"attributes of long HTML tags over {MANY_ATTRIBUTES:,}")
        return True
    return False


def _too_many(tag: str, end: str, notes: Notes) -> bool:
    """Whether a tag is one too many of those that cost the parser more than others."""
    kind, limit = _COSTLY.get(tag, ("", 0))
    if not kind or end:
        return False
    notes.spent[kind] += 1
    if notes.spent[kind] > limit:
        notes.cut(f"{kind} over {limit}")
        return True
    return False
