"""The colour of each class in every chart.

The first eight are Okabe and Ito's palette, for readers with colour vision deficiency.
"""

import colorsys
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Final

#: Classes that have the same colour in every dataset.
_FIXED: Final[Mapping[str, str]] = {
    "angry": "#d55e00",
    "happy": "#e69f00",
    "neutral": "#8c959f",
    "sad": "#0072b2",
}
#: The colours of other classes, in this order.
_OTHERS: Final = ("#009e73", "#cc79a7", "#56b4e9", "#f0e442")
#: The share of the colour circle between two further colours: the golden angle keeps neighbours apart.
_GOLDEN = 0.618033988749895


def class_colours(classes: Sequence[str]) -> dict[str, str]:
    """A colour for each class, in order, all of them different.

    Beyond the palette, colours are hues of the circle that only tell neighbours apart.
    """
    free = [colour for colour in (*_OTHERS, *_FIXED.values()) if colour not in map(_FIXED.get, classes)]
    hues = (_of_hue(number * _GOLDEN % 1.0) for number in count(1))
    return {name: _FIXED.get(name) or (free.pop(0) if free else next(hues)) for name in classes}


def _of_hue(hue: float) -> str:
    channels = colorsys.hls_to_rgb(hue, 0.5, 0.6)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)
