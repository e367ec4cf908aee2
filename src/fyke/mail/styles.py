"""As much of CSS as hides text: declarations, and what follows from them for the look of one element."""

import re
from dataclasses import dataclass
from functools import lru_cache

from fyke.mail import elements
from fyke.mail.colors import Color, is_transparent, read_color, same

STYLE_CHARS = 2000
"""of one ``style`` attribute"""
LENGTH_CHARS = 200
"""of a length"""

_LENGTH = re.compile(r"(-?\d{0,9}(?:\.\d{0,9})?)\s?(px|pt|em|rem|%|ex|in|cm|mm|vw|vh|)\Z")
_NOTHING_OF = re.compile(r"rect\([01](?:px)?(?:[ ,]+[01](?:px)?){3}\)")
_TRANSLATE = re.compile(r"translate(?:x|y|z|3d)?\(([^)]{0,80})\)")
_SCALED_TO_NOTHING = re.compile(r"scale(?:x|y|3d)?\(\s?0(?:\.0{0,9})?[\s,)]")
_PIXELS = {"": 1.0, "px": 1.0, "pt": 1.33, "em": 16.0, "rem": 16.0, "ex": 8.0, "in": 96.0, "cm": 37.8, "mm": 3.78}
_PIXELS |= {"vw": 9.0, "vh": 9.0}  # of a screen of 900 pixels
_LOOKED_AT = re.compile(
    r"display|visibility|opacity|font|color|background|width|height|overflow|position|left|right|top|bottom|text-indent|"
    r"text-shadow|text-stroke|box-shadow|clip|transform|float"
)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_IMPORTANT = re.compile(r"![ \t\r\n]{0,9}important[ \t\r\n]{0,9}\Z")
_BETWEEN_WORDS = re.compile(r"[\s,]+(?![^()]{0,80}\))")
# What browsers give these elements, whatever stands around them.
_OWN: dict[str, dict[str, str]] = {
    "mark": {"color": "black", "background-color": "yellow"},
    "button": {"color": "black", "background-color": "#efefef", "font-size": "13px"},
    "select": {"color": "black", "background-color": "white", "font-size": "13px"},
    "textarea": {"color": "black", "background-color": "white", "font-size": "13px"},
}
_LINK = "#0000ee"
OF_THEMSELVES = frozenset(("dialog", *_OWN))
"""elements whose looks are not those around them even without any attribute"""
_SHORTHANDS = {"font": ("font-size",), "background": ("background-color", "background-image")}

Declarations = dict[str, str]
"""Names to values; before ``cascade``, the name of what is ``!important`` ends in ``!``"""


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
    transparent: bool = False
    """letters without a colour of their own"""
    outlined: bool = False
    """by a shadow or a stroke that can be told from the background"""

    @property
    def hidden(self) -> bool:
        """Whether no reader sees such text."""
        if self.gone or self.invisible or self.tiny or self.transparent:
            return True
        return same(self.color, self.background) and not self.outlined


PLAIN = Look()
"""black on white"""


def declarations(style: str) -> Declarations:
    """The declarations of a ``style`` attribute or of a rule that can hide text. Kept, so not to be changed."""
    if "/*" in style:
        style = _COMMENT.sub(" ", style)
    return _declarations(style[:STYLE_CHARS])  # cut before it is kept, or a few messages fill the memory


@lru_cache(maxsize=4096)
def _declarations(style: str) -> Declarations:
    found: Declarations = {}
    for piece in style.lower().split(";"):
        name, colon, value = piece.partition(":")
        name = name.strip()
        if colon and _LOOKED_AT.search(name):
            important = _IMPORTANT.search(value) if "!" in value else None
            if important is not None:
                name, value = f"{name}!", value[: important.start()]
            found[name] = " ".join(value.split())[:200]
    return found


def cascade(*layers: Declarations) -> Declarations:
    """What holds of the layers: the later before the earlier, but what is ``!important`` before what is not."""
    style: Declarations = {}
    for layer in layers:
        style |= layer
    important = [name for name in style if name.endswith("!")]
    for name in important:
        for covered in _SHORTHANDS.get(name[:-1], ()):
            style.pop(covered, None)
    for name in important:
        style[name[:-1]] = style.pop(name)
    return style


def presentation(tag: str, attributes: dict[str, str | None]) -> Declarations:
    """The declarations that an element has of itself, and those that old attributes stand for."""
    style: Declarations = dict(_OWN.get(tag, ()))
    if tag == "a" and attributes.get("href"):
        style["color"] = _LINK
    if "hidden" in attributes or (tag == "dialog" and "open" not in attributes):
        style["display"] = "none"
    if tag in elements.COLORED:
        for name, declared in (("color", "color"), ("text", "color"), ("bgcolor", "background-color")):
            value = attributes.get(name)
            if value and (name != "text" or tag == "body") and not is_transparent(value.strip().lower()):
                style[declared] = value[:40].lower()
        if attributes.get("background"):
            style["background-image"] = "url()"
    return style


def pixels(value: str | None) -> float | None:
    """A length in pixels, roughly; None where it is none or relative to something else."""
    return _pixels(value) if value and len(value) <= LENGTH_CHARS else None


@lru_cache(maxsize=4096)
def _pixels(value: str) -> float | None:
    match = _LENGTH.match(value.removeprefix("calc(").removesuffix(")").strip())
    if match is None or match[1] in ("", "-", ".", "-."):
        return None
    number = _number(match[1])
    if number == 0:
        return 0.0
    return number * _PIXELS[match[2]] if match[2] in _PIXELS else None


def look_of(style: Declarations, parent: Look, *, box: bool = True) -> Look:
    """How an element with these declarations looks inside an element that looks like ``parent``.

    ``box``: it has a width and a height without any style.
    """
    if not style:
        return parent
    color, background, transparent = parent.color, parent.background, parent.transparent
    letters = style.get("-webkit-text-fill-color", style.get("color", "inherit"))
    if letters not in ("inherit", "currentcolor"):
        color, transparent = read_color(letters), is_transparent(letters) and not _shows_through(style)
    if "background" in style or "background-color" in style or "background-image" in style:
        background = _background(style, background)
    invisible, size = parent.invisible, _font_size(style)
    if "visibility" in style:
        invisible = style["visibility"] in ("hidden", "collapse")
    if "inset" in style.get("box-shadow", ""):
        background = None
    look = Look(
        gone=parent.gone or _gone(style, box=box),
        invisible=invisible,
        tiny=parent.tiny if size is None else size <= 1,
        color=color,
        background=background,
        transparent=transparent,
        outlined=_outlined(style, background, parent),
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


def _outlined(style: Declarations, background: Color | None, parent: Look) -> bool:
    """Whether a shadow or stroke shows letters of the background's colour; shadows are inherited."""
    names = ("text-shadow", "-webkit-text-stroke", "-webkit-text-stroke-color")
    declared = [style[name] for name in names if name in style]
    if not declared:
        return parent.outlined
    colors = [read_color(word) for value in declared for word in _BETWEEN_WORDS.split(value)]
    return any(color is not None and not same(color, background) for color in colors)


def _shows_through(style: Declarations) -> bool:
    """Whether transparent letters are seen by their shadow or by the picture that they are cut out of."""
    clips = (style.get("background-clip"), style.get("-webkit-background-clip"))
    return "text" in clips or style.get("text-shadow", "none") != "none"


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
        if is_transparent(value):
            continue
        words = [value] if value.startswith("rgb") else value.split()
        colors = [color for color in map(read_color, words) if color is not None]
        background = colors[0] if colors else None
    return background


def _gone(style: Declarations, *, box: bool) -> bool:
    display = style.get("display", "inline" if not box else "block")
    if display == "none":
        return True
    opacity = style.get("opacity", "")
    if re.match(r"[\d.]{1,9}%?\Z", opacity) and _number(opacity.rstrip("%")) <= (5 if "%" in opacity else 0.05):
        return True
    away = style.get("position") in ("absolute", "fixed")
    box = display not in ("inline", "contents") or away or style.get("float", "none") != "none"
    return (box and _no_size(style)) or _off_screen(style, box=box, away=away)


def _no_size(style: Declarations) -> bool:
    width, height = _is_nothing(style, "width"), _is_nothing(style, "height")
    clipped = any(style.get(name) in ("hidden", "clip") for name in ("overflow", "overflow-x", "overflow-y"))
    return clipped and (width or height)


def _is_nothing(style: Declarations, side: str) -> bool:
    """Whether a width or height is a pixel at most, and no minimum makes it more."""
    least = style.get(f"min-{side}", "auto")
    length = pixels(least)
    if length > 1 if length is not None else least not in ("auto", "none", "initial", "inherit", "unset"):
        return False
    most = (pixels(style.get(side)), pixels(style.get(f"max-{side}")))
    return any(value is not None and value <= 1 for value in most)


def _off_screen(style: Declarations, *, box: bool, away: bool) -> bool:
    names = ["margin-left", *(["text-indent", "margin-top"] if box else [])]
    if away or style.get("position") == "relative":
        names += ["left", "top"]
        if any(_is_far(length and -length) for length in map(pixels, map(style.get, ("right", "bottom")))):
            return True
    if any(_is_far(pixels(style.get(name))) for name in names):
        return True
    if style.get("clip-path", "") in ("inset(100%)", "inset(50%)"):
        return True
    if away and _NOTHING_OF.match(style.get("clip", "")):
        return True
    return box and any(_moves_away(style[name]) for name in ("transform", "-webkit-transform") if name in style)


def _moves_away(transform: str) -> bool:
    if _SCALED_TO_NOTHING.search(transform):
        return True
    moves = _TRANSLATE.findall(transform)
    return any(_is_far(pixels(length)) for move in moves for length in move.split(","))


def _is_far(length: float | None) -> bool:
    """Whether something moved by so many pixels is off the screen; what is moved down or right may be scrolled to."""
    return length is not None and (length <= -500 or length >= 5000)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
