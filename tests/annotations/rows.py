"""Writes an annotation file, reads it, and gives its rows as a reader of the ledger sees them."""

from pathlib import Path

import pandas as pd

from emodal_data.annotations import read_annotations


def rows_of(folder: Path, name: str, text: str) -> pd.DataFrame:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return read_annotations(path)


def spans_of(rows: pd.DataFrame) -> list[tuple[object, ...]]:
    """(row, film, start_s, end_s, label, reason) of every row, missing values as None."""
    table = rows[["row", "film", "start_s", "end_s", "label", "reason"]].astype(object)
    return [tuple(None if pd.isna(cell) else cell for cell in row) for row in table.itertuples(index=False)]
