"""Reads Praat's TextGrid files: the intervals and points of the tiers that hold labels."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emodal_data.annotations.columns import Row
from emodal_data.annotations.label_tiers import label_tiers
from emodal_data.annotations.text import decode
from emodal_data.core.errors import InputError

#: What Praat reads of a text file, in its long and its short form: texts, flags and numbers that stand alone.
_VALUE = re.compile(
    r'"((?:[^"]|"")*)"|(?<!\S)(<\w+>)(?!\S)|(?<!\S)(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?!\S)|(?<!\S)!.*'
)


@dataclass(frozen=True)
class _Value:
    text: str
    is_text: bool
    line: int


def read_textgrid(path: Path, film: str, encoding: str = "") -> Iterator[Row]:
    """A row for every interval with a text and every point of the label tiers; row is the line of its first time.

    Label tiers are chosen as in ELAN files. A point has no length and becomes end_not_after_start. An interval without
    a text is the silence between two others, and no row.
    Raises InputError for other text, and if it is not clear which tier holds the labels.
    """
    yield 1, ["film", "start", "end", "label", "tier"]
    try:
        tiers = _tiers(_values(decode(path, encoding)))
    except (LookupError, ValueError) as error:
        raise InputError(
            f"{path}: not a TextGrid as text: save it in Praat with Save as text file"
        ) from error
    described = [(name, name, any(row[2] for _, row in rows)) for name, rows in tiers]
    for index in label_tiers(path, described):
        name, rows = tiers[index]
        for line, (start, end, label) in rows:
            if label:
                yield line, [film, start, end, label, name]


def _values(text: str) -> list[_Value]:
    values, line, here = [], 1, 0
    for match in _VALUE.finditer(text):
        line, here = line + text.count("\n", here, match.start()), match.start()
        if match[1] is not None:
            values.append(_Value(match[1].replace('""', '"').strip(), True, line))
        elif match[2] or match[3]:
            values.append(_Value(match[2] or match[3], False, line))
    return values


def _tiers(values: list[_Value]) -> list[tuple[str, list[tuple[int, tuple[str, str, str]]]]]:
    """The name of each tier, and line, start, end and text of what it holds. Raises LookupError or ValueError."""
    if [value.text for value in values[:2]] != ["ooTextFile", "TextGrid"] or values[4].text != "<exists>":
        raise ValueError("no TextGrid")
    place, tiers = 6, []
    for _ in range(int(values[5].text)):
        kind, name, count = values[place].text, values[place + 1].text, int(values[place + 4].text)
        width = {"IntervalTier": 3, "TextTier": 2}[kind] if values[place].is_text else 0
        place += 5
        rows = []
        for _ in range(count):
            *times, text = values[place : place + width]
            if not text.is_text or any(time.is_text for time in times):
                raise ValueError("a text in the place of a time")
            rows.append((times[0].line, (times[0].text, times[-1].text, text.text)))
            place += width
        tiers.append((name, rows))
    return tiers
