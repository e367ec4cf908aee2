"""As much of CSS as hides text: declarations, and what follows from them for the look of one element."""

import re
from dataclasses import dataclass
from functools import lru_cache

from fyke.mail import elements

STYLE_CHARS = 2000
"""of one ``style`` attribute"""

_LENGTH = re.compile(r"(-?\d{0,9}(?:\.\d{0,9})?)\s?(px|pt|em|rem|%|ex|in|cm|mm|vw|vh|)\Z")
_RGB = re.compile(r"rgba?\(\s?(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})(?:[\s,/]+([\d.]{1,8})%?)?\s?\)")
_NAMES = {
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "red": (255, 0, 0),
    "lime": (0, 255, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "silver": (192, 192, 192),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "navy": (0, 0, 128),
    "maroon": (128, 0, 0),
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "whitesmoke": (245, 245, 245),
    "ghostwhite": (248, 248, 255),
}
_PIXELS = {"": 1.0, "px": 1.0, "pt": 1.33, "em": 16.0, "rem": 16.0, "ex": 8.0, "in": 96.0, "cm": 37.8, "mm": 3.78}
_LOOKED_AT = re.compile(
    r"display|visibility|opacity|font|color|background|width|height|overflow|position|left|top|text-indent|clip|transform"
)

Color = tuple[int, int, int]
Declarations = dict[str, str]


@dataclass(frozen=True, slots=True)
class Look:
    """How the text of an element looks, as far as it may be hidden."""

    gone: bool = False
    """by something that no child can take back: ``display: none``, no opacity, no size, off the screen"""
    invisible: bool = False
    """``visibility``, which children can set anew"""
    tiny: bool = False
    """a font size of one pixel or less"""
    color: Color | None = (0, 0, 0)
    """None where it is not known"""
    background: Color | None = (255, 255, 255)
    """None where it is a picture or not known"""

    @property
    def hidden(self) -> bool:
        """Whether no reader sees such text."""
        return self.gone or self.invisible or self.tiny or _same(self.color, self.background)


PLAIN = Look()
"""black on white"""


@lru_cache(maxsize=4096)
def declarations(style: str) -> Declarations:
    """The declarations of a ``style`` attribute or of a rule that can hide text. Kept, so not to be changed."""
    found: Declarations = {}
    for piece in style[:STYLE_CHARS].lower().split(";"):
        name, colon, value = piece.partition(":")
        name = name.strip()
        if colon and _LOOKED_AT.search(name):
            found[name] = " ".join(value.replace("!important", "").split())[:200]
    return found


def presentation(tag: str, attributes: dict[str, str | None]) -> Declarations:
    """The declarations that old attributes stand for."""
    style: Declarations = {}
    if "hidden" in attributes or (tag == "dialog" and "open" not in attributes):
        style["display"] = "none"
    if tag in elements.COLORED:
        for name, declared in (("color", "color"), ("text", "color"), ("bgcolor", "background-color")):
            value = attributes.get(name)
            if value and (name != "text" or tag == "body"):
                style[declared] = value[:40].lower()
        if attributes.get("background"):
            style["background-image"] = "url()"
    return style


def read_color(value: str) -> Color | None:
    """A colour as CSS or HTML writes it; None for one that is not known (or transparent)."""
    value = value.strip().lower()
    if value in _NAMES:
        return _NAMES[value]
    match = _RGB.match(value)
    if match is not None:
        if match[4] is not None and _number(match[4]) < 0.05:
            return None
        return (min(int(match[1]), 255), min(int(match[2]), 255), min(int(match[3]), 255))
    digits = value.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) != 6 or not re.match(r"[0-9a-f]{6}\Z", digits):
        return None
    return (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16))


def pixels(value: str | None) -> float | None:
    """A length in pixels, roughly; None where it is none or relative to something else."""
    match = _LENGTH.match((value or "").strip())
    if match is None or match[1] in ("", "-", ".", "-."):
        return None
    number = _number(match[1])
    if number == 0:
        return 0.0
    return number * _PIXELS[match[2]] if match[2] in _PIXELS else None


def look_of(style: Declarations, parent: Look) -> Look:
    """How an element with these declarations looks inside an element that looks like ``parent``."""
    if not style:
        return parent
    color, background = parent.color, parent.background
    if "color" in style:
        color = _text_color(style["color"], color)
    if "background" in style or "background-color" in style or "background-image" in style:
        background = _background(style, background)
    invisible, size = parent.invisible, _font_size(style)
    if "visibility" in style:
        invisible = style["visibility"] in ("hidden", "collapse")
    look = Look(
        gone=parent.gone or _gone(style),
        invisible=invisible,
        tiny=parent.tiny if size is None else size <= 1,
        color=color,
        background=background,
    )
    return parent if look == parent else look


def _font_size(style: Declarations) -> float | None:
    if "font-size" in style:
        value = style["font-size"]
        return 0.0 if value == "0%" else (pixels(value) if pixels(value) is not None else 16.0)
    for word in style.get("font", "").split():
        size = pixels(word.partition("/")[0]) if word[:1].isdigit() and not word.isdigit() else None
        if size is not None:
            return size
    return None


def _text_color(value: str, inherited: Color | None) -> Color | None:
    if value in ("inherit", "currentcolor"):
        return inherited
    return read_color(value)


def _background(style: Declarations, inherited: Color | None) -> Color | None:
    """The colour behind the text; None for pictures and gradients; what shines through is the parent's."""
    background = inherited
    for name in ("background", "background-color", "background-image"):
        value = style.get(name)
        if value is None:
            continue
        if "url(" in value or "gradient" in value:
            return None
        if value in ("none", "transparent", "inherit", "initial", "") or name == "background-image":
            continue
        words = [value] if value.startswith("rgb") else value.split()
        colors = [color for color in map(read_color, words) if color is not None]
        background = colors[0] if colors else None
    return background


def _gone(style: Declarations) -> bool:
    if style.get("display") == "none":
        return True
    opacity = style.get("opacity", "")
    if re.match(r"[\d.]{1,9}%?\Z", opacity) and _number(opacity.rstrip("%")) <= (5 if "%" in opacity else 0.05):
        return True
    return _no_size(style) or _off_screen(style)


def _no_size(style: Declarations) -> bool:
    none = [pixels(style.get(name)) for name in ("width", "height", "max-width", "max-height")]
    width = any(value is not None and value <= 1 for value in (none[0], none[2]))
    height = any(value is not None and value <= 1 for value in (none[1], none[3]))
    clipped = any(style.get(name) in ("hidden", "clip") for name in ("overflow", "overflow-x", "overflow-y"))
    return (width and height) or (clipped and (width or height))


def _off_screen(style: Declarations) -> bool:
    names = ["text-indent", "margin-left", "margin-top"]
    if style.get("position") in ("absolute", "fixed", "relative"):
        names += ["left", "top"]
    if any((pixels(style.get(name)) or 0) <= -500 for name in names):
        return True
    if re.match(r"rect\(0(?:px)?[ ,]+0(?:px)?[ ,]+0(?:px)?[ ,]+0(?:px)?\)", style.get("clip", "")):
        return True
    return style.get("clip-path", "") in ("inset(100%)", "inset(50%)") or style.get("transform") == "scale(0)"


def _same(one: Color | None, other: Color | None) -> bool:
    """Whether two colours cannot be told apart: no channel differs by more than 8 of 255."""
    return one is not None and other is not None and all(abs(a - b) <= 8 for a, b in zip(one, other, strict=True))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
