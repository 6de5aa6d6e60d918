"""Words for emotions: common synonyms, and the classes and codes of well-known label schemes.

docs/labels.md shows both tables.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

#: The classes of a build that does not name its own, in the order of the label column.
DEFAULT_CLASSES: Final = ("angry", "happy", "neutral", "sad")

#: Values of labels.map that are not classes.
DROP: Final = "drop"
UNLABELLED: Final = "unlabelled"

#: Words that mean the same emotion. A class takes the other words of its line, unless the line has another class.
SYNONYMS: Final[tuple[tuple[str, ...], ...]] = (
    ("angry", "anger", "mad"),
    ("happy", "happiness", "joy", "joyful"),
    ("sad", "sadness"),
    ("fear", "fearful", "afraid", "scared"),
    ("disgust", "disgusted"),
    ("surprise", "surprised"),
    ("contempt", "contemptuous"),
    ("calm", "calmness"),
    ("excited", "excitement"),
    ("frustrated", "frustration"),
)


@dataclass(frozen=True)
class Preset:
    """A label scheme by name. codes: what annotations write, and the word that it means."""

    classes: tuple[str, ...]
    codes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


_SEVEN: Final = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
_SEVEN_BY_NUMBER: Final = dict(
    zip("1234567", ("happy", "sad", "neutral", "angry", "surprise", "disgust", "fear"), strict=True)
)
_NOTHING_SEEN: Final = {"xxx": UNLABELLED}

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "poster": Preset(DEFAULT_CLASSES),
        "ekman7": Preset(_SEVEN),
        "crema_d": Preset(
            ("angry", "disgust", "fear", "happy", "neutral", "sad"),
            {
                **{"a": "angry", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral", "s": "sad"},
                **{"ang": "angry", "dis": "disgust", "fea": "fear", "hap": "happy", "neu": "neutral"},
            },
        ),
        "dfew": Preset(_SEVEN, _SEVEN_BY_NUMBER),
        "emodb": Preset(
            ("angry", "boredom", "disgust", "fear", "happy", "neutral", "sad"),
            {
                **{"w": "angry", "l": "boredom", "e": "disgust", "a": "fear"},
                **{"f": "happy", "n": "neutral", "t": "sad"},
            },
        ),
        "emorynlp": Preset(("joyful", "mad", "neutral", "peaceful", "powerful", "sad", "scared")),
        "iemocap": Preset(
            (*_SEVEN, "excited", "frustrated"),
            {
                **{"ang": "angry", "hap": "happy", "exc": "excited", "neu": "neutral", "fru": "frustrated"},
                **{"fea": "fear", "sur": "surprise", "dis": "disgust", "oth": "other"},
                **_NOTHING_SEEN,
            },
        ),
        "meld": Preset(("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")),
        "ravdess": Preset(
            ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
            {
                **{"01": "neutral", "02": "calm", "03": "happy", "04": "sad"},
                **{"05": "angry", "06": "fearful", "07": "disgust", "08": "surprised"},
            },
        ),
        "savee": Preset(
            _SEVEN,
            {
                **{"a": "angry", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral"},
                **{"sa": "sad", "su": "surprise"},
            },
        ),
    }
)


def folded(text: str) -> str:
    """The form in which words are compared: NFC, lower case, single blanks."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text).strip()).casefold()


def synonyms_of(words: set[str]) -> dict[str, str]:
    """Further words for some words: synonym -> the one of them that it means. words: folded."""
    found: dict[str, str] = {}
    for line in SYNONYMS:
        inside = words & set(line)
        if len(inside) == 1:
            (word,) = inside
            found |= {synonym: word for synonym in line if synonym != word}
    return found
