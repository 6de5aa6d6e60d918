"""Reads the times of annotation tables: seconds, clock times, timecodes, frame numbers. A bad cell becomes a fault.

Cells that may mean two times are faults that say what they would mean: nothing is guessed.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emodal_data.core.config import TableConfig
from emodal_data.core.errors import InputError
from emodal_data.core.reasons import ADVICE, Reason

#: Columns that with_times adds: seconds (NaN where there is none), the fault of a row, and what was done to its start.
TIME_COLUMNS: Final = ("start_s", "end_s", "time_fault", "time_note")

#: Characters of a time at most: numbers with hundreds of digits are beyond what a float holds.
_LONGEST: Final = 100
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:[.,]\d*)?)")
_SECONDS = re.compile(r"\d+(?:[.,]\d*)?|[.,]\d+")
_TIMECODE = re.compile(r"(\d+):(\d\d):(\d\d)([:;])(\d\d)")
_TIME_DELTA = re.compile(r"(-?\d+) days?,? ?\+?(?:(\d+):(\d\d):(\d\d(?:\.\d+)?))?")
#: 1,234 is 1234 in English spreadsheets and 1.234 where the decimal separator is a comma; 1.234 the other way round.
_COMMA_THOUSANDS = re.compile(r"[1-9]\d{0,2},\d{3}")
_DOT_THOUSANDS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_GROUPED = re.compile(
    r"\d{1,3}(?:,\d{3})+\.\d+|\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:,\d{3}){2,}|\d{1,3}(?:\.\d{3}){2,}"
)
_DECIMAL_COMMA = r"^(0,\d+|\d+,(\d{1,2}|\d{4,}))$"
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[ T].*)?")
#: What read_xlsx makes of a clock time that the spreadsheet shows without seconds.
WITHOUT_SECONDS: Final = "{hours}:{minutes:02} [h:mm]"
_WITHOUT_SECONDS = re.compile(r"(\d+):(\d\d) \[h:mm\]")


@dataclass(frozen=True)
class TimeRules:
    """How the cells of one file are read. divisor: plain numbers are divided by it to give seconds.

    has_decimal_comma: whether 1,234 is 1.234. has_comma_cells: whether another cell has a decimal comma, so that 1.234
    may be 1234.
    """

    divisor: float = 1.0
    rate: Fraction | None = None
    has_decimal_comma: bool = False
    has_comma_cells: bool = False


def parse_rate(text: str) -> Fraction | None:
    """Frames per second of "25", "23,976" or "24000/1001"; None if it is no rate."""
    above, slash, below = text.replace(",", ".").partition("/")
    try:
        rate = Fraction(above) / Fraction(below if slash else "1")
    except (ValueError, ZeroDivisionError):
        return None
    return rate if rate > 0 else None


def parse_time_s(text: str) -> float | None:
    """Seconds of "12.5", "02:03.5" or "1:02:03.250" (with a decimal point or comma); None if it is not a time."""
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if _SECONDS.fullmatch(text):
        seconds = float(text.replace(",", "."))
        return seconds if math.isfinite(seconds) else None
    clock = _CLOCK.fullmatch(text)
    if not clock:
        return None
    hours, minutes, seconds = clock[1], int(clock[2]), float(clock[3].replace(",", "."))
    if seconds >= 60 or (hours is not None and minutes >= 60):
        return None
    return int(hours or 0) * 3600 + minutes * 60 + seconds


def read_time(text: str, rules: TimeRules) -> float | str:
    """Seconds of a cell, negative before the film's beginning; or what is wrong with it, to follow the cell's text."""
    if len(text) > _LONGEST:
        return " is no time; " + ADVICE[Reason.BAD_TIME]
    if shown := _WITHOUT_SECONDS.fullmatch(text):
        hours, minutes = int(shown[1]), int(shown[2])
        return (
            f" is a clock time without seconds, {hours * 60 + minutes} s if {hours} is minutes and "
            f"{hours * 3600 + minutes * 60} s if it is hours: write {hours // 60}:{hours % 60:02}:{minutes:02} or "
            f"{hours}:{minutes:02}:00"
        )
    if text.startswith("="):
        return " is a formula that was never calculated: open and save the file in a spreadsheet"
    if _DATE.fullmatch(text):
        return (
            " is a date: the spreadsheet took the text for one; write it again in a column of the format text"
        )
    if thousands := _thousands(text, rules):
        return thousands
    if delta := _TIME_DELTA.fullmatch(text):
        return sum(
            float(part or 0) * unit_s
            for part, unit_s in zip(delta.groups(), (86400, 3600, 60, 1), strict=True)
        )
    if timecode := _TIMECODE.fullmatch(text):
        return _timecode_s(timecode, rules.rate)
    sign, positive = (-1, text[1:]) if text.startswith("-") else (1, text)
    time_s = parse_time_s(positive)
    if time_s is None:
        return " is no time; " + ADVICE[Reason.BAD_TIME]
    return sign * (time_s / rules.divisor if _SECONDS.fullmatch(positive) else time_s)


def with_times(
    table: pd.DataFrame, config: TableConfig, is_semicolon: bool, may_be_whole: bool
) -> pd.DataFrame:
    """The rows of one file with TIME_COLUMNS. Rows of whole files have neither times nor a fault.

    table: start, end and, if the file has it, duration, as text. is_semicolon: whether cells are separated by
    semicolons, as spreadsheets do where the decimal separator is a comma. may_be_whole: whether a row without start and
    end means the whole file. Raises InputError if config.frame_rate is no rate.
    """
    durations = table["duration"] if "duration" in table else pd.Series("", index=table.index, dtype="str")
    rules = _rules([table["start"], table["end"], durations], config, is_semicolon)
    start_s, start_fault = _read_column(table["start"], rules)
    end_s, end_fault = _read_column(table["end"], rules)
    lasts = (table["end"] == "") & (durations != "") & (table["start"] != "")
    if lasts.any():
        length_s, length_fault = _read_column(durations[lasts], rules)
        end_s[lasts] = start_s[lasts] + length_s
        end_fault[lasts] = length_fault
    early = (start_s < 0) & (start_s >= -config.clamp_s)
    note = pd.Series(None, index=table.index, dtype=object)
    note[early] = "start " + table.loc[early, "start"].astype(object) + " is before the film: taken as 0"
    start_s = np.where(early, 0.0, start_s)
    before = f" is more than {config.clamp_s:g} s before the film (table.clamp_s)"
    faults = {
        "start": start_fault.mask(start_fault.isna() & (start_s < 0), before),
        "end": end_fault.mask(end_fault.isna() & (end_s < 0), " is before the film"),
    }
    whole = (table["start"] == "") & (table["end"] == "") & may_be_whole
    if (table["start"] != "").any():  # else durations are those of the films
        whole &= durations == ""
    fault = pd.Series(None, index=table.index, dtype=object)
    for name, texts in {"start": table["start"], "end": table["end"].where(~lasts, durations)}.items():
        wrong = fault.isna() & faults[name].notna() & ~whole
        told = "column " + np.where(lasts[wrong] & (name == "end"), "duration", name).astype(object) + ": "
        fault[wrong] = told + texts[wrong].map(repr).astype(object) + faults[name][wrong]
    start_s[faults["start"].notna()] = math.nan
    return table.assign(start_s=start_s, end_s=end_s, time_fault=fault, time_note=note)


def _rules(columns: list[pd.Series], config: TableConfig, is_semicolon: bool) -> TimeRules:
    rate = None
    if config.frame_rate is not None and (rate := parse_rate(str(config.frame_rate))) is None:
        raise InputError(
            f"table.frame_rate = {config.frame_rate!r}: write frames per second, such as 25 or 30000/1001"
        )
    divisors: Mapping[str, float] = {"s": 1.0, "ms": 1000.0, "frames": float(rate or 1), "days": 1 / 86400}
    has_comma_cells = any(
        pc.any(pc.match_substring_regex(pa.array(column), _DECIMAL_COMMA)).as_py()
        for column in columns
        if len(column)
    )
    return TimeRules(divisors[config.unit], rate, has_comma_cells or is_semicolon, has_comma_cells)


def _read_column(texts: pd.Series, rules: TimeRules) -> tuple[npt.NDArray[np.float64], pd.Series]:
    """Seconds of every cell, NaN where there is none, and faults. Plain numbers, usually most, are read in one call."""
    cells = pa.array(texts, pa.large_string())
    is_plain = pc.match_substring_regex(cells, r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$")
    if rules.has_comma_cells:
        is_plain = pc.and_(
            is_plain, pc.invert(pc.match_substring_regex(cells, f"^{_DOT_THOUSANDS.pattern}$"))
        )
    plain = pc.if_else(is_plain, cells, None).cast(pa.float64())
    times_s: npt.NDArray[np.float64] = plain.to_numpy(zero_copy_only=False).copy() / rules.divisor
    faults = np.full(len(texts), None, dtype=object)
    rest = np.flatnonzero(np.isnan(times_s))
    for place, text in zip(rest, texts.iloc[rest].tolist(), strict=True):
        time = read_time(text, rules)
        if isinstance(time, str):
            faults[place] = time
        else:
            times_s[place] = time
    return times_s, pd.Series(faults, index=texts.index, dtype=object)


def _thousands(text: str, rules: TimeRules) -> str | None:
    """What is wrong with a number that may have a thousands separator."""
    if _GROUPED.fullmatch(text):
        decimal = max(text.rfind(","), text.rfind("."))
        is_grouped_only = text.count(text[decimal]) > 1
        whole = re.sub(r"[.,]", "", text if is_grouped_only else text[:decimal])
        return (
            f" has a thousands separator: write {whole}{'' if is_grouped_only else f'.{text[decimal + 1 :]}'}"
        )
    if (_COMMA_THOUSANDS.fullmatch(text) and not rules.has_decimal_comma) or (
        _DOT_THOUSANDS.fullmatch(text) and rules.has_comma_cells
    ):
        digits = re.sub(r"[.,]", "", text)
        decimal_text = text.replace(",", ".")
        return (
            f" is {digits} if {text[-4]!r} separates thousands and {decimal_text} if it is the decimal separator: "
            f"write {digits} or {float(decimal_text):.4f}"
        )
    return None


def _timecode_s(timecode: re.Match[str], rate: Fraction | None) -> float | str:
    """Seconds of HH:MM:SS:FF: frames counted at the nearest whole rate, shown at the rate. With ; frames are dropped.

    Source: SMPTE ST 12-1.
    """
    if rate is None:
        return " is a timecode, which needs the frame rate: set table.frame_rate"
    hours, minutes, seconds, frames = (int(timecode[group]) for group in (1, 2, 3, 5))
    nominal = round(rate)
    if minutes >= 60 or seconds >= 60 or frames >= nominal:
        return f" is no timecode at {float(rate):.5g} frames a second"
    count = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    if timecode[4] == ";":
        dropped, passed = nominal // 15, hours * 60 + minutes
        if nominal not in (30, 60) or rate == nominal:
            return f" drops frames, which is so at 30000/1001 and 60000/1001 frames a second, not at {float(rate):.5g}"
        if frames < dropped and seconds == 0 and minutes % 10:
            return f" is no timecode that drops frames: the minute begins with {dropped:02}"
        count -= dropped * (passed - passed // 10)
    return float(count / rate)
