"""Finds times that are probably not read as they are meant: unmapped columns, other units, frames as decimals."""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

import pandas as pd

from emodal_data.annotations.columns import KNOWN, MEANINGFUL, map_repeated
from emodal_data.annotations.times import parse_time_s
from emodal_data.core.errors import InputError

#: Rows that are looked at.
_ROWS: Final = 1000
#: Names of columns with one time a row.
_POINTS: Final = (
    "time",
    "time_s",
    "start_time",
    "end_time",
    "timestamp",
    "timecode",
    "frame",
    "frame_id",
    "frame_number",
    "second",
    "seconds",
)
#: Pairs of neighbouring spans that are needed to tell spans from other numbers, and how many of them do not overlap.
_NEIGHBOURS, _APART = 3, 0.8
#: Decimals of times that may count something else: their pattern, how many of them, with half as many values and all
#: below the next number, are no chance, and what they may mean.
_DIGITS: Final = (
    (
        r":[0-9]{2}[.,]([0-9]{2})$",
        10,
        30,
        "if they count frames, write a colon before them and set table.frame_rate",
    ),
    (r"^[0-9]+[.,]([0-9]{1,2})$", 40, 60, "if they count seconds after minutes, write 1:30 for 1.30"),
)
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_UNITS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("frame", "frames"), "frames"),
}
_COUNTED: Final[Mapping[str, str]] = {"ms": "milliseconds", "frames": "frames"}


def unmapped_times(path: Path, table: pd.DataFrame, is_meant: bool) -> Iterator[str]:
    """A line if all rows are whole files, and columns of the table look like times within the films.

    All rows of a film are votes for the whole film then. table: see columns.table_of_rows.
    is_meant: whether a setting says that the rows are whole files. Raises InputError if none does.
    """
    if (table["start"] != "").any() or (table["end"] != "").any():
        return
    found, advice = _columns_of_times(table)
    if found and is_meant:
        yield f"{path}: {found}, but each row counts for its whole film: {advice} if that is not meant"
    elif found:
        raise InputError(f'{path}: {found}: {advice}; for whole files, start = "=" and end = "="')


def _columns_of_times(table: pd.DataFrame) -> tuple[str, str]:
    """Which columns look like times within films, and what to do; two empty texts if none do."""
    head = table.drop_duplicates("row").head(_ROWS)
    if not head["film"].duplicated().any():
        return "", ""
    names = [name for name in map(str, table.columns) if name not in (*KNOWN, *MEANINGFUL)]
    times = {name: map_repeated(head[name], parse_time_s).astype(float) for name in names}
    times = {name: column for name, column in times.items() if column.notna().all()}
    for start, end in pairwise(names):
        if start in times and end in times and _are_spans(head["film"], times[start], times[end]):
            found = f"columns {start!r} and {end!r} look like the times of spans"
            return found, f'set table.columns = {{ start = "{start}", end = "{end}" }}'
    for name in times:
        is_likely = name.lower() in _POINTS or (name.isdecimal() and "." in "".join(head[name]))
        if is_likely and times[name].groupby(head["film"]).nunique().max() > 1:
            found = f"column {name!r} looks like a time within the film"
            return found, "a span needs start and end: write both, and set table.columns"
    return "", ""


def _are_spans(film: pd.Series, start_s: pd.Series, end_s: pd.Series) -> bool:
    """Whether each start is before its end, and most spans of a film end before the next one begins."""
    if not (start_s < end_s).all():
        return False
    spans = pd.DataFrame({"film": film, "start_s": start_s, "end_s": end_s}).drop_duplicates()
    spans = spans.sort_values(["film", "start_s"])
    following_s = spans.groupby("film")["start_s"].shift(-1)
    has_next = following_s.notna()
    return bool(has_next.sum() >= _NEIGHBOURS and (following_s >= spans["end_s"])[has_next].mean() >= _APART)


def odd_times(path: Path, table: pd.DataFrame, columns: Mapping[str, str], unit: str) -> Iterator[str]:
    """A line if a mapped column's name says that it does not count seconds, and one if decimals may count others.

    table: see columns.table_of_rows. columns, unit: of the section table.
    """
    sources = [columns.get(name, "") for name in ("start", "end", "duration")]
    units = {
        source: _UNITS[word]
        for source in sources
        for word in map(str.lower, _WORD.findall(source))
        if word in _UNITS and source[:1] != "="
    }
    if units and unit == "s":
        source, named = next(iter(units.items()))
        yield f'{path}: column {source!r} is read in seconds: set table.unit = "{named}" if it counts {_COUNTED[named]}'
    cells = pd.concat([table["start"].head(_ROWS), table["end"].head(_ROWS)], ignore_index=True)
    for pattern, least, limit, meaning in _DIGITS:
        digits = cells.str.extract(pattern, expand=False).dropna().str.ljust(2, "0").astype(int)
        if len(digits) >= least and digits.nunique() >= least / 2 and digits.max() < limit:
            yield (
                f"{path}: the last digits of {len(digits)} times are all below {limit}, as in "
                f"{cells[digits.index[0]]!r}: {meaning}"
            )
