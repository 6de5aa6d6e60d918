"""Annotation rows that cannot be used: all of them for programs, a summary of at most a screen for people."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emodal_data.core.reasons import Reason, stages
from emodal_data.storage.urls import shown

#: As many wrong rows as are reported one by one; more are counted by reason.
MOST_WRONG_ROWS = 10
_VALUES = 3
_LABELS = (Reason.UNKNOWN_LABEL, Reason.LABEL_OUTSIDE_SCHEME, Reason.LABEL_TIE)
_LONGEST = 60


def wrong_rows(rows: pd.DataFrame, annotations: Path) -> list[dict[str, Any]]:
    """The annotation rows that cannot be used, with file, row, reason, what is wrong, and the value that is.

    rows: plan.Plan.rows. The value is the film, the label or the cell that the reason is about.
    """
    wrong = rows[rows["reason"].notna()]
    files = [shown(annotations)] * len(wrong)
    if "annotation_file" in wrong:
        files = [shown(annotations / file) for file in wrong["annotation_file"]]
    labels = wrong["label_as_written"] if "label_as_written" in wrong else wrong["label"]
    columns = (wrong["row"], wrong["reason"], wrong["detail"], wrong["film"], labels)
    return [
        {
            "file": file,
            "row": int(row),
            "reason": reason,
            "detail": detail,
            "value": _value(reason, detail, film, label),
        }
        for file, row, reason, detail, film, label in zip(files, *columns, strict=True)
    ]


def wrong_row_line(wrong: dict[str, Any]) -> str:
    """One line for a row that cannot be used."""
    return f"{wrong['file']}: row {wrong['row']}: {wrong['reason']}: {wrong['detail']}"


def wrong_row_lines(wrong: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each wrong row if they are few, else two for each reason, the commonest first."""
    if len(wrong) <= MOST_WRONG_ROWS:
        return [wrong_row_line(row) for row in wrong]
    of_reason: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in wrong:
        of_reason[row["reason"]].append(row)
    lines = [f"{len(wrong):,} rows cannot be used:"]
    for reason, rows in sorted(of_reason.items(), key=lambda item: -len(item[1])):
        values = Counter(row["value"] for row in rows)
        said = ", ".join(f"{_short(value)} x {count:,}" for value, count in values.most_common(_VALUES))
        more = f", and {len(values) - _VALUES:,} other values" if len(values) > _VALUES else ""
        lines += [f"  {len(rows):,} {reason}: {said}{more}", f"      such as {wrong_row_line(rows[0])}"]
    return lines


def _value(reason: str, detail: str | None, film: str, label: str | None) -> str:
    if reason in _LABELS:
        return str(label)
    if reason == Reason.END_NOT_AFTER_START or (
        reason == Reason.BAD_TIME and str(detail).startswith("column ")
    ):
        return str(detail).split(" is ")[0].split(": end must")[0]
    return film if reason in stages()["film"] else "" if detail is None else detail


def _short(value: str) -> str:
    value = " ".join(value.split())
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}..."
