"""Parses the cells of an annotation table: times and names. A bad cell becomes a reason, never an error."""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from emodal_data.annotations.columns import map_repeated
from emodal_data.annotations.times import TIME_COLUMNS
from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.core.region import parse_region, region_text

_WHOLE_NUMBER = re.compile(r"^(-?\d+)\.0+$")
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


def spans(table: pd.DataFrame) -> pd.DataFrame:
    """The table's cells as values, one line for each row; the label is still a text.

    For the columns see annotations.read_annotations.
    """
    out = pd.DataFrame(
        {
            "row": table["row"].astype(np.int64),
            "film": table["film"],
            "start_s": table["start_s"].astype(np.float64),
            "end_s": table["end_s"].astype(np.float64),
            "label": table["label"],
            "annotator": map_repeated(table["annotator"], plain_name).astype(table["annotator"].dtype),
            "speaker": map_repeated(table["speaker"], lambda name: plain_name(name) or None),
            "reason": None,
            "measured": math.nan,
            "detail": table["time_note"].astype(object),
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
    mark(table["time_fault"].notna(), Reason.BAD_TIME, lambda bad: bad["time_fault"])
    length_s = out["end_s"] - out["start_s"]
    backwards = ": " + ADVICE[Reason.END_NOT_AFTER_START]
    mark(
        length_s <= 0,
        Reason.END_NOT_AFTER_START,
        lambda bad: "start " + bad["start"] + ", end " + bad["end"] + backwards,
        length_s,
    )
    if regions := [name for name in ("face_box", "face_side") if name in table]:
        texts = table[regions[0]] if len(regions) == 1 else table[regions[0]] + table[regions[1]]
        out["face_region"] = map_repeated(texts, _region)
        mark(
            (texts != "") & out["face_region"].isna(),
            Reason.BAD_REGION,
            lambda bad: (
                " and ".join(regions) + ": " + texts[bad.index].map(repr) + ": " + ADVICE[Reason.BAD_REGION]
            ),
        )
    read = ["film", "start", "end", "label", "annotator", "speaker", "row", *TIME_COLUMNS]
    return out.join(table.drop(columns=read))


def _region(text: str) -> str | None:
    region = parse_region(text)
    return None if region is None else region_text(region)


def alike(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of names that differ only in case, leading zeros, width, invisible characters, or blank and underscore."""
    first: dict[str, str] = {}
    pairs = []
    for name in names:
        folded = unicodedata.normalize("NFKC", name).casefold().replace("_", " ")
        visible = "".join(letter for letter in folded if unicodedata.category(letter) != "Cf")
        key = " ".join(_LEADING_ZEROS.sub("", visible).split())
        if first.setdefault(key, name) != name:
            pairs.append((first[key], name))
    return pairs


def plain_name(text: str) -> str:
    """The name of a person in one spelling: NFC, single blanks, and 7 for a 7.0 that a spreadsheet wrote."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    return _WHOLE_NUMBER.sub(r"\1", name)
