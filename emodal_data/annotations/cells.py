"""Parses the cells of an annotation table: times and names. A bad cell becomes a reason, never an error."""

import functools
import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emodal_data.annotations.columns import map_repeated
from emodal_data.core.reasons import ADVICE, Reason

_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:[.,]\d*)?)")
_WHOLE_NUMBER = re.compile(r"^(\d+)\.0+$")
_SECONDS = re.compile(r"\d+(?:[.,]\d*)?|[.,]\d+")


def parse_time_s(text: str) -> float | None:
    """Seconds of "12.5", "02:03.5" or "1:02:03.250" (with a decimal point or comma); None if it is not a time."""
    text = text.strip()
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


def spans(table: pd.DataFrame) -> pd.DataFrame:
    """The table's cells as values, one line for each row; the label is still a text.

    For the columns see annotations.read_annotations.
    """
    out = pd.DataFrame(
        {
            "row": table["row"].astype(np.int64),
            "film": table["film"],
            "start_s": _times_s(table["start"]),
            "end_s": _times_s(table["end"]),
            "label": table["label"],
            "annotator": map_repeated(table["annotator"], plain_name).astype(table["annotator"].dtype),
            "speaker": map_repeated(table["speaker"], lambda name: plain_name(name) or None),
            "reason": None,
            "measured": math.nan,
            "detail": None,
        }
    )

    def mark(
        bad: pd.Series,
        reason: Reason,
        detail: Callable[[pd.DataFrame], Any],
        measured: pd.Series | None = None,
    ) -> None:
        bad = bad & out["reason"].isna()  # the first fault of a row gives its reason
        out.loc[bad, "reason"] = reason.value
        out.loc[bad, "detail"] = detail(table[bad])
        if measured is not None:
            out.loc[bad, "measured"] = measured[bad]

    no_film = "column film is empty: " + ADVICE[Reason.FILM_MISSING]
    mark(table["film"] == "", Reason.FILM_MISSING, lambda bad: no_film)
    no_time = " is no time; " + ADVICE[Reason.BAD_TIME]
    for name in ("start", "end"):
        detail = functools.partial(_quoted, name=name, fault=no_time)
        mark(out[f"{name}_s"].isna(), Reason.BAD_TIME, detail)
    length_s = out["end_s"] - out["start_s"]
    backwards = ": " + ADVICE[Reason.END_NOT_AFTER_START]
    mark(
        length_s <= 0,
        Reason.END_NOT_AFTER_START,
        lambda bad: "start " + bad["start"] + ", end " + bad["end"] + backwards,
        length_s,
    )
    return out.join(table.drop(columns=["film", "start", "end", "label", "annotator", "speaker", "row"]))


def plain_name(text: str) -> str:
    """The name of a person in one spelling: NFC, single blanks, and 7 for a 7.0 that a spreadsheet wrote."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    return _WHOLE_NUMBER.sub(r"\1", name)


def _quoted(rows: pd.DataFrame, name: str, fault: str) -> pd.Series:
    return f"column {name}: " + rows[name].map(repr) + fault


def _times_s(texts: pd.Series) -> npt.NDArray[np.float64]:
    """parse_time_s of every cell, NaN for None. Cells in plain seconds, usually nearly all, are parsed in one call."""
    cells = pa.array(texts)
    is_plain = pc.match_substring_regex(cells, r"^[0-9]{1,15}(\.[0-9]{1,15})?$")
    times_s: npt.NDArray[np.float64] = (
        pc.if_else(is_plain, cells, None).cast(pa.float64()).to_numpy(zero_copy_only=False).copy()
    )
    rest = np.flatnonzero(np.isnan(times_s))
    parsed = map(parse_time_s, texts.iloc[rest].tolist())
    times_s[rest] = [math.nan if time_s is None else time_s for time_s in parsed]
    return times_s
