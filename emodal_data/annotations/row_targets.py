"""The numbers that rows give for targets, such as valence and arousal."""

import math
import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from emodal_data.annotations.columns import map_repeated
from emodal_data.core.errors import InputError
from emodal_data.core.reasons import Reason
from emodal_data.core.text import did_you_mean

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")


def target_value(cell: str) -> float | None:
    """The number in a cell, with a decimal point or comma; None if it is no finite number."""
    if not _NUMBER.fullmatch(cell.strip()):
        return None
    number = float(cell.strip().replace(",", "."))
    return number if math.isfinite(number) else None


def check_targets(rows: pd.DataFrame, targets: Sequence[str], need_one: bool = False) -> pd.DataFrame:
    """The rows, with the reason bad_target where a target is neither empty nor a number.

    need_one: there are no classes, and rows without a number for any target have the reason no_target.
    Raises InputError if a target is no column.
    """
    for name in targets:
        if name not in rows:
            hint = did_you_mean(name, rows.columns)
            raise InputError(f"labels.targets: the annotations have no column {name!r}{hint}")
        cells = rows[name].fillna("")
        bad = rows["reason"].isna() & (cells != "") & map_repeated(cells, _fault).notna()
        rows.loc[bad, "reason"] = Reason.BAD_TARGET.value
        rows.loc[bad, "detail"] = (
            f"column {name}: " + cells[bad].map(repr) + " is no number; leave it empty if unknown"
        )
    if need_one:
        none = rows["reason"].isna() & (rows[list(targets)].fillna("") == "").all(axis=1)
        rows.loc[none, "reason"] = Reason.NO_TARGET.value
        rows.loc[none, "detail"] = f"no number in {' or '.join(targets)}, and there are no classes"
    return rows


def missing_codes(rows: pd.DataFrame, targets: Sequence[str]) -> Iterator[str]:
    """A line for each number that recurs far from all others, as -2 or 999 does where it means "unknown".

    Far: its distance to the next number is twice the largest between the others, and a quarter of their range.
    """
    for name in targets:
        cells = rows.loc[rows["reason"].isna(), name].fillna("")
        counts = map_repeated(cells, target_value).dropna().astype(float).value_counts().sort_index()
        for counted in (counts, counts[::-1]):
            numbers = counted.index.to_numpy()
            steps = np.abs(np.diff(numbers))
            if (
                len(numbers) > 3
                and counted.iloc[0] > 2
                and steps[0] >= max(2 * steps[1:].max(), abs(numbers[-1] - numbers[1]) / 4)
            ):
                yield (
                    f"column {name!r}: {numbers[0]:g} is in {counted.iloc[0]} rows, and all other numbers are from "
                    f"{min(numbers[1:]):g} to {max(numbers[1:]):g}: leave the cells empty if it means unknown"
                )


def _fault(cell: str) -> str | None:
    return None if target_value(cell) is not None else cell
