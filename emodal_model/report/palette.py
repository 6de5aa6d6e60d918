"""The colour of each class in every chart: the same as in the report of a dataset (a test compares them).

Each colour has a contrast of at least 3:1 on white and on near-black.
"""

import colorsys
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

#: Colours of common classes, in any case.
_OF_WORDS: Final[Mapping[str, str]] = {
    "angry": "#c8505a",
    "happy": "#b07d12",
    "neutral": "#6f7f8c",
    "sad": "#3d7ea6",
    "disgust": "#5c8a3a",
    "fear": "#7a6fc0",
    "surprise": "#c2621b",
}
#: The colour of unlabelled clips, which no class has.
_UNLABELLED: Final = "#8f6bb3"
#: Luminance (WCAG) of all other colours; between the limits of 3:1 on white and on #16181d.
_LUMINANCES: Final = (0.18, 0.27, 0.135)
#: Turn of the hue from one colour to the next: the golden angle, so that the first few are far apart.
_TURN: Final = 0.381966


def class_colours(classes: Sequence[str]) -> dict[str, str]:
    """The colour of each class as #rrggbb, in order, all of them different."""
    known = {name: _OF_WORDS[_folded(name)] for name in classes if _folded(name) in _OF_WORDS}
    colours, number = dict(known), 0
    for name in classes:
        while name not in colours:
            colour = _colour(number)
            number += 1
            if colour not in (*colours.values(), _UNLABELLED):
                colours[name] = colour
    return {name: colours[name] for name in classes}


def _folded(name: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", name).strip()).casefold()


def _colour(number: int) -> str:
    """The lightness that gives the luminance, by bisection."""
    hue, saturation = (0.08 + number * _TURN) % 1, 0.75 if number % 2 == 0 else 0.4
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        if _luminance(_channels(hue, middle, saturation)) < _LUMINANCES[number % len(_LUMINANCES)]:
            low = middle
        else:
            high = middle
    return "#" + "".join(f"{channel:02x}" for channel in _channels(hue, high, saturation))


def _channels(hue: float, lightness: float, saturation: float) -> list[int]:
    return [round(255 * value) for value in colorsys.hls_to_rgb(hue, lightness, saturation)]


def _luminance(channels: Sequence[int]) -> float:
    shares = [channel / 255 for channel in channels]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
