"""What the cells of an annotation table mean: times, labels, names. Bad cells become reasons, never errors."""

import math
import re

import numpy as np
import pandas as pd

from emodal_data.reasons import ADVICE, Reason
from emodal_data.schema import LABEL_SYNONYMS, LABELS

_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:[.,]\d*)?)")
_SECONDS = re.compile(r"\d+(?:[.,]\d*)?|[.,]\d+")


def parse_time_s(text: str) -> float | None:
    """Seconds of "12.5", "02:03.5" or "1:02:03.250" (a comma is a point too); None if it is no time."""
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
    """The table's cells as values, one line for each row: see annotations.read_annotations for the columns."""
    start_s, end_s = (
        np.array(
            [math.nan if t is None else t for t in map(parse_time_s, table[name].tolist())], dtype=np.float64
        )
        for name in ("start", "end")
    )
    words = table["label"].str.lower()
    out = pd.DataFrame(
        {
            "row": table["row"].astype(np.int64),
            "film": table["film"],
            "start_s": start_s,
            "end_s": end_s,
            "label": words.map(LABEL_SYNONYMS).astype(object).where(words.isin(list(LABEL_SYNONYMS)), None),
            "annotator": table["annotator"],
            "speaker": table["speaker"].astype(object).where(table["speaker"] != "", None),
            "reason": None,
            "measured": math.nan,
            "detail": None,
        }
    )

    def mark(bad: pd.Series, reason: Reason, detail: pd.Series, measured: pd.Series | None = None) -> None:
        bad = bad & out["reason"].isna()  # the first fault found names the row
        out.loc[bad, "reason"] = reason.value
        out.loc[bad, "detail"] = detail[bad]
        if measured is not None:
            out.loc[bad, "measured"] = measured[bad]

    mark(
        table["film"] == "",
        Reason.FILM_MISSING,
        "column film is empty: " + _advice(table, Reason.FILM_MISSING),
    )
    for name, value in (("start", out["start_s"]), ("end", out["end_s"])):
        detail = f"column {name}: " + table[name].map(repr) + " is no time; " + ADVICE[Reason.BAD_TIME]
        mark(value.isna(), Reason.BAD_TIME, detail)
    length_s = out["end_s"] - out["start_s"]
    detail = "start " + table["start"] + ", end " + table["end"] + ": " + ADVICE[Reason.END_NOT_AFTER_START]
    mark(length_s <= 0, Reason.END_NOT_AFTER_START, detail, length_s)
    unknown = (words != "") & out["label"].isna()
    detail = (
        "column label: "
        + table["label"].map(repr)
        + f" is none of {', '.join(LABELS)}; leave it empty if unknown"
    )
    mark(unknown, Reason.UNKNOWN_LABEL, detail)
    return out.join(table.drop(columns=["film", "start", "end", "label", "annotator", "speaker", "row"]))


def _advice(table: pd.DataFrame, reason: Reason) -> pd.Series:
    return pd.Series(ADVICE[reason], index=table.index)
