"""The numbers that rows give for targets, such as valence and arousal."""

import difflib
import math
import re
from collections.abc import Sequence

import pandas as pd

from emodal_data.annotations.columns import map_repeated
from emodal_data.core.errors import InputError
from emodal_data.core.reasons import Reason

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
            near = difflib.get_close_matches(name, list(rows.columns), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
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


def _fault(cell: str) -> str | None:
    return None if target_value(cell) is not None else cell
