"""Colours of classes: the same word has the same colour in every report, and up to 64 classes can be told apart.

Each colour has a contrast of at least 3:1 on white and on near-black.
"""

import colorsys
from collections.abc import Sequence
from typing import Final

from emodal_data.core.label_words import UNLABELLED, folded

#: Colours of common classes.
_OF_WORDS: Final = {
    "angry": "#c8505a",
    "happy": "#b07d12",
    "neutral": "#6f7f8c",
    "sad": "#3d7ea6",
    "disgust": "#5c8a3a",
    "fear": "#7a6fc0",
    "surprise": "#c2621b",
    UNLABELLED: "#8f6bb3",
}
#: Luminance (WCAG) of all other colours; between the limits of 3:1 on white and on #16181d.
_LUMINANCES: Final = (0.18, 0.27, 0.135)
#: Turn of the hue from one colour to the next: the golden angle, so that the first few are far apart.
_TURN: Final = 0.381966


def class_colours(labels: Sequence[str]) -> dict[str, str]:
    """The colour of each class and of unlabelled clips, as #rrggbb, all different."""
    colours = {name: _OF_WORDS[folded(name)] for name in labels if folded(name) in _OF_WORDS}
    colours[UNLABELLED] = _OF_WORDS[UNLABELLED]
    number = 0
    for name in labels:
        while name not in colours:
            colour = _colour(number)
            number += 1
            if colour not in colours.values():
                colours[name] = colour
    return {name: colours[name] for name in (*labels, UNLABELLED)}


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, 0 to 1, as WCAG defines it."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _colour(number: int) -> str:
    hue = (0.08 + number * _TURN) % 1
    saturation = 0.75 if number % 2 == 0 else 0.4
    low, high = 0.0, 1.0
    for _ in range(20):  # the lightness that gives the luminance
        middle = (low + high) / 2
        if luminance(_hex(hue, middle, saturation)) < _LUMINANCES[number % len(_LUMINANCES)]:
            low = middle
        else:
            high = middle
    return _hex(hue, high, saturation)


def _hex(hue: float, lightness: float, saturation: float) -> str:
    return "#" + "".join(
        f"{round(255 * value):02x}" for value in colorsys.hls_to_rgb(hue, lightness, saturation)
    )
