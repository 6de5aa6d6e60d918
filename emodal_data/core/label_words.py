"""Words for emotions: common synonyms, and the classes and codes of well-known label schemes.

docs/labels.md shows both tables.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

#: The classes of a build that does not name its own, in the order of the label column.
DEFAULT_CLASSES: Final = ("angry", "happy", "neutral", "sad")

#: What the clips of a dataset without classes count as, in place of a class: each has a number for a target.
RATED: Final = "rated"

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
_SIX: Final = ("angry", "disgust", "fear", "happy", "neutral", "sad")
_EIGHT: Final = ("angry", "calm", "disgust", "fear", "happy", "neutral", "sad", "surprise")

#: Classes of corpora without neutral or with further ones, in the order of emodal_data/corpora.
_MAFW: Final = (*_SEVEN, "contempt", "anxiety", "helplessness", "disappointment")
_STUDYFORREST: Final = (
    *("admiration", "angry", "contempt", "disappointment", "fear", "fears_confirmed", "gloating"),
    *("gratification", "gratitude", "happy", "happy-for", "hate", "hope", "love", "pity", "pride", "relief"),
    *("remorse", "resent", "sad", "satisfaction", "shame"),
)


def _codes(text: str) -> dict[str, str]:
    """Codes written as "a=angry h=happy"."""
    return dict(pair.split("=") for pair in text.split())


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "poster": Preset(DEFAULT_CLASSES),
        "ekman7": Preset(_SEVEN),
        "afew": Preset(_SEVEN),
        "caer": Preset(_SEVEN),
        "crema_d": Preset(
            _SIX,
            _codes("a=angry d=disgust f=fear h=happy n=neutral s=sad")
            | _codes("ang=angry dis=disgust fea=fear hap=happy neu=neutral"),
        ),
        "dfew": Preset(_SEVEN, _codes("1=happy 2=sad 3=neutral 4=angry 5=surprise 6=disgust 7=fear")),
        "emodb": Preset(
            ("angry", "boredom", "disgust", "fear", "happy", "neutral", "sad"),
            _codes("w=angry l=boredom e=disgust a=fear f=happy n=neutral t=sad"),
        ),
        "emorynlp": Preset(("joyful", "mad", "neutral", "peaceful", "powerful", "sad", "scared")),
        "enterface05": Preset(("angry", "disgust", "fear", "happy", "sad", "surprise")),
        "ferv39k": Preset(_SEVEN),
        "iemocap": Preset(
            ("angry", "disgust", "fear", "frustrated", "happy", "neutral", "sad", "surprise"),
            _codes(
                "ang=angry hap=happy exc=happy excited=happy neu=neutral fru=frustrated fea=fear sur=surprise"
            )
            | _codes(f"dis=disgust oth=other xxx={UNLABELLED}"),
        ),
        "m3ed": Preset(_SEVEN),
        "mafw": Preset(_MAFW),
        "meld": Preset(_SEVEN),
        "liris_accede": Preset(("negative", "neutral", "positive")),
        "mer2023": Preset(("angry", "happy", "neutral", "sad", "surprise", "worried")),
        "mosei": Preset(("negative", "neutral", "positive")),
        "ravdess": Preset(
            _EIGHT,
            _codes("01=neutral 02=calm 03=happy 04=sad 05=angry 06=fear 07=disgust 08=surprise"),
        ),
        "savee": Preset(_SEVEN, _codes("a=angry d=disgust f=fear h=happy n=neutral sa=sad su=surprise")),
        "studyforrest": Preset(_STUDYFORREST),
    }
)


def counted_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """What the clips of a dataset are counted by: its classes, or RATED without any."""
    return tuple(classes) or (RATED,)


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
