"""HTML to what a reader sees of it, what a reader does not see, and where its links lead."""

import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from fyke.mail import elements
from fyke.mail.normalising import normalise, normalise_all
from fyke.mail.notes import HIDDEN_CHARS, Notes
from fyke.mail.pruning import TAGS, prune
from fyke.mail.sheets import Names, Sheet
from fyke.mail.styles import OF_THEMSELVES, PLAIN, Look, cascade, declarations, look_of, pixels, presentation

STYLES = 100
"""``style`` elements of one HTML part that are read"""
PARTS = 500
"""of HTML in one message that are rendered"""
LINKS = 2000
"""of one message"""
SPACES = 100_000
"""characters over the limit that a walk may take, since white space counts in it; the text itself is cut later"""
LOOKS = 1000
"""different ones, of a message, that attributes and rules give to elements"""
TARGET_CHARS = 2000
"""of one link's target and text"""

# A line break between two Chinese or Japanese characters is no space (CSS Text, segment breaks).
_CJK_BREAK = re.compile("(?<=[\u2e80-\u9fff\uff00-\uffef])[ \t]*\r?\n[ \t]*(?=[\u2e80-\u9fff\uff00-\uffef])")
_NO_NAMES: Names = frozenset()
_BUTTONS = ("submit", "button", "reset")
_WITHOUT_WORDS = ("hidden", "checkbox", "radio", "password", "file", "image", "color", "range")
_BREAKS = re.compile("[\0\t\n\r]+")
_SPACES = re.compile(r"[ \t\n\f\r]+")


@dataclass(slots=True)
class Rendered:
    """What an HTML part says."""

    text: str = ""
    hidden: str = ""
    links: list[tuple[str, str]] = field(default_factory=list)
    """target and visible text"""


@dataclass(frozen=True, slots=True)
class _Place:
    """What holds for everything inside an element."""

    look: Look = PLAIN
    link: int = -1
    pre: bool = False
    silent: bool = False
    hidden: bool = False


def render(html: str, notes: Notes) -> Rendered:
    """Render within the limits; what HTML cannot be parsed is no text."""
    if not notes.left("tags", TAGS):
        return Rendered()
    if not notes.left("HTML parts", PARTS):
        notes.over("HTML parts", PARTS, f"HTML parts over {PARTS}")
        return Rendered()
    notes.spend("HTML parts", 1)
    pruned = prune(html, notes)
    if notes.late():
        return Rendered()
    tree = LexborHTMLParser(pruned)
    if tree.root is None or notes.late():
        return Rendered()
    sheet = Sheet(notes)
    styles = tree.css("style")
    if len(styles) > STYLES:
        notes.cut(f"style sheets over {STYLES}")
    for style in styles[:STYLES]:
        sheet.add(style.text(deep=True))
    base = tree.css_first("base[href]")
    walk = _Walk(sheet, notes, (base.attributes.get("href") or "") if base is not None else "")
    walk.over(tree.root)
    return walk.result()


class _Walk:
    """One pass over the nodes in document order, with a stack of the elements that are open."""

    def __init__(self, sheet: Sheet, notes: Notes, base: str) -> None:
        self._sheet = sheet
        self._notes = notes
        self._base = base
        self._seen: list[str] = []
        self._unseen: list[str] = []
        self._left = notes.text_left + min(notes.text_left, SPACES)
        self._left_unseen = notes.hidden_left
        self._links: list[tuple[str, list[str]]] = []
        self._open: list[tuple[int, str, _Place]] = []
        self._names: list[Names] = []
        self._names_of: dict[tuple[str, str | None, str | None], Names] = {}
        self._shows_first = False
        self._looks: dict[tuple[object, ...], tuple[Look, Look]] = {}

    def over(self, root: LexborNode) -> None:
        """Visit the root and all below it."""
        for number, node in enumerate(root.traverse(include_text=True)):
            if self._left <= 0:
                self._notes.cut(f"text over {self._notes.limits.text_chars:,} characters")
                break
            if number % 1000 == 0 and self._notes.late():
                break
            parent = node.parent
            self._close_to(parent.mem_id if parent is not None else -1)
            place = self._open[-1][2] if self._open else _Place()
            if node.is_text_node:
                if not place.silent:
                    self._say(node.text_content or "", place, place.hidden)
            elif node.is_element_node:
                self._enter(node, place)
        self._close_to(-1)
        if self._sheet.cut:
            self._notes.cut("style sheets over their limits")

    def result(self) -> Rendered:
        """What was seen on the way."""
        repair = self._notes.repair
        said = ["".join(said)[: TARGET_CHARS * 2] for _, said in self._links]
        texts = normalise_all([text if self._notes.takes_link(text) else "" for text in said])
        links = [
            (target, " ".join(text.split())[:TARGET_CHARS])
            for (target, _), text in zip(self._links, texts, strict=True)
        ]
        seen = "".join(self._seen)
        if len(seen) > self._notes.text_left:  # before the work, not only after it
            seen = tidy(seen)
            if len(seen) > self._notes.text_left:
                self._notes.cut(f"text over {self._notes.limits.text_chars:,} characters")
            seen = seen[: self._notes.text_left]
        seen, unseen = self._notes.takes_text(seen), self._notes.takes_text("".join(self._unseen))
        return Rendered(tidy(normalise(seen, repair)), tidy(normalise(unseen)), links)

    def _close_to(self, parent: int) -> None:
        while self._open and self._open[-1][0] != parent:
            _, tag, place = self._open.pop()
            self._names.pop()
            self._break(tag, place)

    def _enter(self, node: LexborNode, above: _Place) -> None:
        tag = node.tag or ""
        attributes = node.attributes
        names = _NO_NAMES if self._sheet.empty else self._named(tag, attributes)
        place = above if above.silent else self._place(tag, attributes, names, above)
        self._open.append((node.mem_id, tag, place))
        self._names.append(names)
        if tag == "select":
            self._shows_first = node.css_first("option[selected]") is None
        if not place.silent:
            self._break(tag, place)
            self._say_attribute(tag, attributes, place)

    def _named(self, tag: str, attributes: dict[str, str | None]) -> Names:
        key = (tag, attributes.get("class"), attributes.get("id"))
        if key not in self._names_of:
            self._names_of[key] = _names(*key)
        return self._names_of[key]

    def _place(self, tag: str, attributes: dict[str, str | None], names: Names, above: _Place) -> _Place:
        if tag in elements.SILENT or (tag == "option" and not self._shows_option(attributes)):
            return _Place(above.look, silent=True)
        look = self._look(tag, attributes, names, above.look)
        link = self._link(tag, attributes, above.link)
        pre = above.pre or tag in elements.PREFORMATTED
        if look is above.look and link == above.link and pre == above.pre:
            return above
        return _Place(look, link, pre, hidden=look.hidden)

    def _look(self, tag: str, attributes: dict[str, str | None], names: Names, above: Look) -> Look:
        """How an element looks: its old attributes, then style sheets, then its own style; each is worked out once."""
        rules = self._sheet.applying(names, self._names)
        if not rules and not attributes and tag not in OF_THEMSELVES:
            return above
        old, own = presentation(tag, attributes), attributes.get("style") or ""
        if not (rules or old or own):
            return above
        box = tag in elements.BOXES
        key = (id(above), id(rules) if rules else 0, box, own, *old.items())
        known = self._looks.get(key)
        if known is None:
            if not self._notes.left("looks", LOOKS):
                self._notes.over("looks", LOOKS, f"looks of HTML elements over {LOOKS:,}")
                return above
            self._notes.spend("looks", 1)
            look = look_of(cascade(old, rules, declarations(own)), above, box=box)
            known = self._looks[key] = (look, above)  # kept, so that its id stays
        return known[0]

    def _shows_option(self, attributes: dict[str, str | None]) -> bool:
        """A list shows the entry that is chosen, the first where none is."""
        shows, self._shows_first = self._shows_first or "selected" in attributes, False
        return shows

    def _link(self, tag: str, attributes: dict[str, str | None], above: int) -> int:
        name = {"a": "href", "area": "href", "form": "action"}.get(tag)
        target = attributes.get(name) if name else None
        if not target or not target.strip():
            return above
        if not self._notes.left("links", LINKS):
            self._notes.over("links", LINKS, f"links over {LINKS:,}")
            return above
        self._notes.spend("links", 1)
        self._links.append((clean_target(target, self._base), []))
        return len(self._links) - 1 if tag == "a" else above

    def _say_attribute(self, tag: str, attributes: dict[str, str | None], place: _Place) -> None:
        """What stands in an attribute and is seen: the words for a picture, the words on a button.

        Pictures and buttons have colours and sizes of their own: only what is gone is hidden.
        """
        if tag == "img":
            sizes = [pixels(attributes.get(name)) for name in ("width", "height")]
            shown = "" if any(size is not None and size <= 1 for size in sizes) else attributes.get("alt")
        elif tag == "input":
            kind = (attributes.get("type") or "text").lower()
            words = attributes.get("value") or (kind not in _BUTTONS and attributes.get("placeholder"))
            shown = f" {words} " if words and kind not in _WITHOUT_WORDS else ""
        else:
            return
        if shown:
            self._say(shown, place, place.look.gone or place.look.invisible)

    def _say(self, text: str, place: _Place, hidden: bool) -> None:
        text = text[: max(0, (self._left_unseen if hidden else self._left) + 1)]  # before the work
        if not place.pre:
            text = _SPACES.sub(" ", text if text.isascii() else _CJK_BREAK.sub("", text))
        if hidden:
            self._unseen.append(text[: max(0, self._left_unseen)])
            self._left_unseen -= len(text)
            if self._left_unseen < 0:
                self._notes.cut(f"hidden text over {min(HIDDEN_CHARS, self._notes.limits.text_chars):,} characters")
            return
        self._left -= len(text)
        self._seen.append(text)
        if place.link >= 0:
            self._links[place.link][1].append(text)

    def _break(self, tag: str, place: _Place) -> None:
        mark = "\n" if tag in elements.BLOCKS else " " if tag in elements.CELLS else ""
        if mark and not place.silent:
            (self._unseen if place.hidden else self._seen).append(mark)


def clean_target(target: str, base: str = "") -> str:
    """A link's target as a browser takes it: without line breaks and tabs, joined to the base where it is relative."""
    target = _BREAKS.sub("", target[: TARGET_CHARS * 2]).strip()
    if base and ":" not in target.partition("/")[0] and not target.startswith(("#", "//")):
        folder = base.rpartition("/")[0] if "/" in base[8:] else base
        target = f"{folder}/{target.lstrip('/')}"
    return target[:TARGET_CHARS]


def _names(tag: str, classes: str | None, ident: str | None) -> Names:
    names = [tag, *(f".{name}" for name in (classes or "")[:500].lower().split())]
    return frozenset([*names, f"#{ident.lower()[:100]}"] if ident else names)


def tidy(text: str) -> str:
    """Single spaces, no empty lines."""
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
