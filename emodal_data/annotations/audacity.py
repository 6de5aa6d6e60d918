"""Reads Audacity's label tracks: start, end and label, separated by tabs, without a header."""

import re
from collections.abc import Iterator
from pathlib import Path

from emodal_data.annotations.columns import Row
from emodal_data.annotations.text import lines

_TWO_TIMES = re.compile(r"\s*-?\d+(?:[.,]\d*)?\t-?\d+(?:[.,]\d*)?\s*(?:\t|$)")


def is_label_track(path: Path, encoding: str = "") -> bool:
    """Whether a text file begins like a label track and not like a table with a header.

    Audacity writes the tab before a label even if the label is empty: pairs of numbers, such as times and ratings, are
    no label track.
    """
    filled = [line for line in lines(path, encoding) if line.strip()]
    return bool(filled and _TWO_TIMES.match(filled[0])) and any(line.count("\t") > 1 for line in filled)


def read_audacity(path: Path, film: str, encoding: str = "") -> Iterator[Row]:
    """A row for every label; row is its line. Point labels have no length and become end_not_after_start.

    Lines that begin with a backslash hold frequencies of the previous label and are ignored.
    """
    yield 1, ["film", "start", "end", "label"]
    for number, line in enumerate(lines(path, encoding), start=1):
        if line.strip() and not line.startswith("\\"):
            start, end, *label = [*line.split("\t"), ""]
            yield number, [film, start, end, " ".join(label)]
