"""Finds times and labels that are probably not read as they are meant: unmapped columns, other units, frames."""

import re
from collections.abc import Collection, Iterator, Mapping
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
#: Last digits of times that may count something else: their pattern, how many of them, with half as many values and all
#: below the next number, are no chance, and what they may mean.
_DIGITS: Final = (
    (
        r"^[0-9]+:[0-9]{2}:([0-9]{2})$",
        20,
        30,
        "if they count frames, as in 00:01:02:06, write all four numbers and set table.frame_rate",
    ),
    (
        r":[0-9]{2}[.,]([0-9]{2})$",
        10,
        30,
        "if they count frames, write a colon before them and set table.frame_rate",
    ),
    (r"^[0-9]+[.,]([0-9]{1,2})$", 40, 60, "if they count seconds after minutes, write 1:30 for 1.30"),
)
#: Seconds of clock times vary if there are so many of them, and minutes if there are so many.
_CLOCK_TIMES, _MINUTES = 10, 5
_WORD: Final = re.compile(r"[A-Zµ]?[a-zµ]+|[A-Z]+(?![a-z])")
_UNITS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("frame", "frames", "startframe", "endframe", "framestart", "frameend"), "frames"),
    **dict.fromkeys(("day", "days"), "days"),
    **dict.fromkeys(("hour", "hours", "hrs"), "hours"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("us", "µs", "usec", "micros", "microsecond", "microseconds"), "microseconds"),
    **dict.fromkeys(("ns", "nsec", "nanos", "nanosecond", "nanoseconds"), "nanoseconds"),
    **{word: word.removesuffix("s") + "s" for word in ("sample", "samples", "tick", "ticks")},
    **dict.fromkeys(("percent", "percentage", "pct"), "percent"),
}
_COUNTED: Final[Mapping[str, str]] = {"ms": "milliseconds", "frames": "frames", "days": "days"}
#: What follows a name of which a table has several: label_1, label_2.
_NUMBER: Final = re.compile(r"[ _.-]?\d+$")


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
    names = [name for name in map(str, table.columns) if name not in (*KNOWN, *MEANINGFUL)]
    for name in names:
        if head[name].str.match(r"\{['\"]").any():
            return f"column {name!r} holds lists of records", (
                f'map columns in it, such as table.columns = {{ start = "{name}.start" }}'
            )
    if not head["film"].duplicated().any():
        return "", ""
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
    """Lines if a mapped column's name, or the digits of times, say that they do not count seconds.

    table: see columns.table_of_rows. columns, unit: of the section table.
    """
    sources = [columns.get(name, "") for name in ("start", "end", "duration")]
    words = [(source, word.lower()) for source in sources for word in _WORD.findall(source)]
    units = {source: _UNITS[word] for source, word in words if word in _UNITS and source[:1] != "="}
    if any(word == "max" for _, word in words):  # min is the least then
        units = {source: named for source, named in units.items() if named != "minutes"}
    if units and unit == "s":
        source, named = next(iter(units.items()))
        advice = f'set table.unit = "{named}"' if named in _COUNTED else "write seconds"
        yield f"{path}: column {source!r} is read in seconds: {advice} if it counts {_COUNTED.get(named, named)}"
    cells = pd.concat([table["start"].head(_ROWS), table["end"].head(_ROWS)], ignore_index=True)
    cells = cells[cells != ""]
    for pattern, least, limit, meaning in _DIGITS:
        digits = cells.str.extract(pattern, expand=False).dropna().str.ljust(2, "0").astype(int)
        if len(digits) >= least and digits.nunique() >= least / 2 and digits.max() < limit:
            if cells[digits.index].str.extract(r"(\d+)[:.,]\d+$", expand=False).nunique() < _MINUTES:
                continue  # all films are short
            yield (
                f"{path}: the last digits of {len(digits)} times are all below {limit}, as in "
                f"{cells[digits.index[0]]!r}: {meaning}"
            )
    different = cells.drop_duplicates()
    if len(different) < _CLOCK_TIMES:
        return
    if different.str.fullmatch(r"\d+:\d\d:00([.,]0*)?").all():
        yield (
            f"{path}: all times are whole minutes, as in {different.iloc[-1]!r}: if a spreadsheet took minutes and "
            "seconds for hours and minutes, write 0:01:30 for 1:30"
        )
    if unit == "s" and different.str.fullmatch(r"0?[.,]\d+|0|[1-9][.,]?\d*[eE]-\d+").all():
        yield (
            f'{path}: all times are below 1 s, as in {different.iloc[-1]!r}: set table.unit = "days" if they are a '
            "spreadsheet's clock times as numbers; if they are shares of the film, write seconds"
        )


def columns_side_by_side(
    path: Path, table: pd.DataFrame, columns: Mapping[str, str], mapped: Collection[str]
) -> Iterator[str]:
    """A line if a column of labels or times has others of its name with other numbers, such as label_2.

    table, columns: as in odd_times. mapped: columns that are read elsewhere, because the file is named several times.
    """
    for name in ("label", "start", "end"):
        source = columns.get(name, name)
        bare = _NUMBER.sub("", source)
        others = [
            other
            for other in map(str, table.columns)
            if bare and other not in (name, source, *mapped) and _NUMBER.sub("", other) == bare != other
        ]
        if others:
            yield (
                f"{path}: of {source!r} and {', '.join(map(repr, others[:5]))} only the first is read: if all hold "
                "labels or times, name the file once for each of them in table.files"
            )
            return
