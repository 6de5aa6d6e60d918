"""From the rows of text that a reader yields to one table with the known columns first."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from emodal_data.errors import InputError
from emodal_data.schema import LEDGER, LEDGER_OPTIONS

REQUIRED = ("film", "start", "end", "label")
OPTIONAL = ("annotator", "speaker")
KNOWN = (*REQUIRED, *OPTIONAL, "row")
#: Columns of the ledger and of a folder's table: a file's own column of that name is kept under another.
_TAKEN = {*LEDGER.names, *(field.name for field in LEDGER_OPTIONS), "annotation_file"} - {
    *REQUIRED,
    *OPTIONAL,
}

#: The line of the file and its cells. The first row that a reader yields is the header.
Row = tuple[int, Sequence[str]]


def table_of_rows(path: Path, rows: Iterable[Row]) -> pd.DataFrame:
    """The rows as a table of text: film, start, end, label, annotator, speaker, row, then all other columns.

    Missing cells are empty strings; empty rows are left out. path: named in errors.
    Raises InputError for a header without a column, or a row that is longer than it.
    """
    rows = iter(rows)
    header = [str(name).strip() for name in next(rows, (1, []))[1]]
    columns = _column_names(path, header)
    lines: list[int] = []
    cells: list[list[str]] = [[] for _ in columns]
    seen: dict[str, str] = {}  # most cells repeat: a million rows then hold each text once
    for line, values in rows:
        if not any(values):
            continue
        if len(values) > len(columns) and any(values[len(columns) :]):
            raise InputError(
                f"{path}: row {line} has {len(values)} cells, the header has {len(columns)}: quote the separator"
            )
        lines.append(line)
        for index, column in enumerate(cells):
            cell = values[index].strip() if index < len(values) else ""
            column.append(seen.setdefault(cell, cell))
    table = pd.DataFrame(dict(zip(columns, cells, strict=True)), dtype="str")
    for name in OPTIONAL:
        if name not in table:
            table[name] = ""
    table["row"] = np.array(lines, dtype=np.int64)
    return table[[*KNOWN, *(name for name in table.columns if name not in KNOWN)]]


def misspelt_columns(names: Iterable[str]) -> dict[str, str]:
    """Columns that are kept as they are but look like an optional one of another spelling: name -> the one meant."""
    near = {
        name: difflib.get_close_matches(name.lower(), OPTIONAL, n=1, cutoff=0.75)
        for name in names
        if name not in KNOWN
    }
    return {name: meant[0] for name, meant in near.items() if meant}


def _column_names(path: Path, header: list[str]) -> list[str]:
    known = {*REQUIRED, *OPTIONAL}
    names = [name.lower() if name.lower() in known else name for name in header]
    names = [name or f"column_{index + 1}" for index, name in enumerate(names)]
    names = [f"{name}_in_table" if name in _TAKEN else name for name in names]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(f"{path}: the column {sorted(twice)[0]!r} stands twice in the header")
    for name in REQUIRED:
        if name not in names:
            near = difflib.get_close_matches(name, [n.lower() for n in names], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(
                f"{path}: no column {name!r} in the header ({', '.join(header) or 'empty'}){hint}"
            )
    return names
