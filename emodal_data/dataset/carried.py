"""Columns of the annotation table that travel into the shards: targets, and columns that are asked for.

In the tables of clips and samples their names have the prefix `carried_`, so that they cannot meet other columns.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from emodal_data.annotations.agreement import counted_rows
from emodal_data.annotations.row_targets import target_value
from emodal_data.core.config import DatasetConfig
from emodal_data.core.errors import InputError
from emodal_data.core.schema import CARRIED_DESCRIPTION, SHARD_COLUMNS
from emodal_data.core.text import did_you_mean

PREFIX: Final = "carried_"

_WHOLE_NUMBER: Final = re.compile(r"[+-]?(0|[1-9]\d{0,17})")
_TRUTH: Final = {"true": True, "false": False}
#: Bins of the histogram of a column of numbers, and values listed of a column of texts.
_BINS, _MOST_VALUES = 20, 10


def carried_names(config: DatasetConfig) -> tuple[str, ...]:
    """The columns that a build carries, targets first."""
    persons = ["person"] if config.face.persons else []
    return tuple(dict.fromkeys([*config.labels.targets, *config.shards.columns, *persons]))


def check_carried(rows: pd.DataFrame, config: DatasetConfig) -> None:
    """Raise InputError if the rows lack a column that is to be carried, or the shards have one of its name."""
    for setting, names in (
        ("labels.targets", config.labels.targets),
        ("shards.columns", config.shards.columns),
    ):
        for name in names:
            if name in SHARD_COLUMNS:
                raise InputError(
                    f"{setting}: the shards have a column {name!r} of their own; rename it in the table"
                )
            if name not in rows:
                hint = did_you_mean(name, rows.columns)
                raise InputError(f"{setting}: the annotations have no column {name!r}{hint}")


def carry(rows: pd.DataFrame, clips: pd.DataFrame, config: DatasetConfig) -> pd.DataFrame:
    """The clips with the columns that are carried.

    rows: clips.tables.ROWS, with the other columns of the annotations as text. A target is the mean over the clip's
    rows that count as votes, float64. Of another column the first row that is not empty counts; it becomes whole
    numbers, numbers or truth values if all its cells are such, and else stays text.
    """
    check_carried(rows, config)
    rows = counted_rows(rows)
    for name in carried_names(config):
        filled = rows.loc[rows[name].fillna("") != "", ["clip_id", name]]
        if name in config.labels.targets:
            numbers = filled[name].map(target_value).astype(float)
            values = numbers.groupby(filled["clip_id"], sort=False).mean()
        else:
            first = filled.drop_duplicates("clip_id").set_index("clip_id")[name]
            values = _typed(first, filled[name].unique().tolist())
        clips[PREFIX + name] = values.reindex(clips.index)
    return clips


def carried_fields(clips: pd.DataFrame, targets: Sequence[str]) -> list[pa.Field]:
    """The fields of the shards for the carried columns of clips, in their order."""
    fields = []
    for column in clips.columns:
        if column.startswith(PREFIX):
            name = column.removeprefix(PREFIX)
            kind = pa.float32() if name in targets else _KINDS[clips[column].dtype.kind]
            fields.append(pa.field(name, kind, metadata=_about(name, targets)))
    return fields


def tally_carried(originals: pd.DataFrame) -> dict[str, Any]:
    """How the carried columns of unaugmented samples are distributed, by name.

    type, clips (with a value); of numbers also mean, std, min, median, max and bins (low, high, clips); of texts and
    truth values the number of distinct values, and the most frequent ones with their clips.
    """
    return {
        str(column).removeprefix(PREFIX): _tally(originals[column].dropna())
        for column in originals.columns
        if str(column).startswith(PREFIX)
    }


_KINDS: Final[Mapping[str, pa.DataType]] = {
    "i": pa.int64(),
    "f": pa.float64(),
    "b": pa.bool_(),
    "O": pa.string(),
}


def _about(name: str, targets: Sequence[str]) -> dict[str, str]:
    kind = "target" if name in targets else "column"
    return {"description": CARRIED_DESCRIPTION[kind].format(name)}


def _typed(values: pd.Series, cells: Sequence[str]) -> pd.Series:
    """The values as the narrowest type that holds all cells of their column."""
    if not cells:
        return values.astype(object)
    if all(_WHOLE_NUMBER.fullmatch(cell) for cell in cells):
        return values.astype("Int64")
    numbers = [target_value(cell) for cell in cells]
    if all(number is not None for number in numbers) and not any(_is_code(cell) for cell in cells):
        return values.map(target_value).astype(float)
    if all(cell.lower() in _TRUTH for cell in cells):
        return values.str.lower().map(_TRUTH).astype("boolean")
    return values.astype(object)


def _is_code(cell: str) -> bool:
    """Whether a number has leading zeros, as identifiers have."""
    return re.match(r"0\d", cell) is not None


def _tally(values: pd.Series) -> dict[str, Any]:
    if values.dtype.kind not in "if":
        counts = values.astype(str).value_counts()
        most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_VALUES]
        kind = "bool" if values.dtype.kind == "b" else "string"
        return {
            "type": kind,
            "clips": len(values),
            "distinct": len(counts),
            "most_frequent": {str(value): int(count) for value, count in most},
        }
    numbers = values.to_numpy(dtype=np.float64)
    about = {"type": "int64" if values.dtype.kind == "i" else "float", "clips": len(numbers)}
    if not len(numbers):
        return about
    in_bins, edges = np.histogram(numbers, _BINS)
    shown: dict[str, float] = {
        name: float(f"{value:.6g}")
        for name, value in {
            "mean": numbers.mean(),
            "std": numbers.std(),
            "min": numbers.min(),
            "median": float(np.median(numbers)),
            "max": numbers.max(),
        }.items()
        if math.isfinite(value)
    }
    if values.dtype.kind == "i":
        shown |= {"min": int(numbers.min()), "max": int(numbers.max())}
    bins = [
        {"low": float(f"{low:.6g}"), "high": float(f"{high:.6g}"), "clips": int(count)}
        for low, high, count in zip(edges[:-1], edges[1:], in_bins, strict=True)
    ]
    return {**about, **shown, "bins": bins}
