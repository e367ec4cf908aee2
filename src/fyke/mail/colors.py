"""Colours as CSS and HTML write them."""

import re

_RGB = re.compile(r"rgba?\(\s?(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})(?:[\s,/]+([\d.]{1,8})%?)?\s?\)")
_ALPHA = re.compile(r"(?:rgb|hsl)a?\((?:[^),/]{1,20},[^),/]{1,20},[^),/]{1,20},|[^),/]{1,60}/)\s?([\d.]{1,8})(%?)\s?\)")
_HEX = re.compile(r"[0-9a-f]{6}(?:[0-9a-f]{2})?\Z")
_CLEAR = 0.05
"""the opacity under which nothing is seen"""
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

Color = tuple[int, int, int]


def read_color(value: str) -> Color | None:
    """A colour as CSS or HTML writes it; None for one that is not known (or transparent)."""
    value = value.strip().lower()
    if value in _NAMES:
        return _NAMES[value]
    match = _RGB.match(value)
    if match is not None:
        if match[4] is not None and _number(match[4]) < _CLEAR:
            return None
        return (min(int(match[1]), 255), min(int(match[2]), 255), min(int(match[3]), 255))
    digits = value.removeprefix("#")
    if len(digits) in (3, 4):
        digits = "".join(digit * 2 for digit in digits)
    if not _HEX.match(digits) or int(digits[6:] or "ff", 16) < _CLEAR * 255:
        return None
    return (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16))


def is_transparent(value: str) -> bool:
    """Whether a colour in lower case is none at all."""
    if value.startswith("#") and len(value) in (5, 9):
        digits = value[4] * 2 if len(value) == 5 else value[7:]
        return _HEX.match(f"000000{digits}") is not None and int(digits, 16) < _CLEAR * 255
    alpha = _ALPHA.match(value)
    if alpha is not None:
        return _number(alpha[1]) < _CLEAR * (100 if alpha[2] else 1)
    return value == "transparent"


def same(one: Color | None, other: Color | None) -> bool:
    """Whether two colours cannot be told apart: no channel differs by more than 8 of 255."""
    return one is not None and other is not None and all(abs(a - b) <= 8 for a, b in zip(one, other, strict=True))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
