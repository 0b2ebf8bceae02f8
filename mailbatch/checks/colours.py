"""Colours of CSS that every program reads alike, and the contrast between two.

    >>> round(contrast(read_colour("#777"), read_colour("white")), 2)
    4.48

A colour that is not certain (transparent in part, a variable, a system colour) is None. Source:
WCAG 2.2, the definitions of contrast ratio and of relative luminance.

Tests: tests/checks/test_access_checks.py.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

#: Red, green and blue, 0 to 255.
Colour: TypeAlias = tuple[int, int, int]

_NAMES = {
    "black": "000000", "silver": "c0c0c0", "gray": "808080", "grey": "808080", "white": "ffffff",
    "maroon": "800000", "red": "ff0000", "purple": "800080", "fuchsia": "ff00ff", "green": "008000",
    "lime": "00ff00", "olive": "808000", "yellow": "ffff00", "navy": "000080", "blue": "0000ff",
    "teal": "008080", "aqua": "00ffff", "orange": "ffa500", "darkgray": "a9a9a9",
    "lightgray": "d3d3d3", "dimgray": "696969", "whitesmoke": "f5f5f5", "darkblue": "00008b",
    "crimson": "dc143c", "gold": "ffd700", "pink": "ffc0cb", "tomato": "ff6347",
}  # fmt: skip
_HEX = re.compile("#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*(?:,\s*1(?:\.0*)?\s*)?\)")
_SHORT = 4  # characters of #rgb
_LINEAR = 0.04045  # below, the curve of sRGB is a line


@lru_cache(maxsize=512)
def read_colour(text: str) -> Colour | None:
    """Return a colour as CSS or an attribute of HTML writes it, None where it is not certain."""
    value = text.strip().lower()
    value = f"#{_NAMES[value]}" if value in _NAMES else value
    if _HEX.fullmatch(value):
        digits = "".join(c * 2 for c in value[1:]) if len(value) == _SHORT else value[1:]
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    found = _RGB.fullmatch(value)
    if found is not None:
        red, green, blue = (min(255, int(one)) for one in found.groups())
        return red, green, blue
    return None


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    lights = sorted((_luminance(one), _luminance(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(channel / 255) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= _LINEAR else ((channel + 0.055) / 1.055) ** 2.4


def written(colour: Colour) -> str:
    """Return a colour in hexadecimal digits."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
