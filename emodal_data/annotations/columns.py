"""Turns the rows of text that a reader yields into one table with the known columns first."""

import difflib
import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from emodal_data.core.errors import InputError
from emodal_data.core.schema import LEDGER, LEDGER_OPTIONS

REQUIRED = ("film", "start", "end", "label")
OPTIONAL = ("annotator", "speaker")
KNOWN = (*REQUIRED, *OPTIONAL, "row")
#: Columns of the ledger and of a folder's table: a file's own column of such a name is renamed.
_TAKEN = {*LEDGER.names, *(field.name for field in LEDGER_OPTIONS), "annotation_file"} - {
    *REQUIRED,
    *OPTIONAL,
}

#: Rows held as Python strings at a time; such strings take several times the memory of a table.
_ROWS_AT_ONCE = 1 << 14

#: A line's number in the file, and its cells. The first row that a reader yields is the header.
Row = tuple[int, Sequence[str]]


def table_of_rows(path: Path, rows: Iterable[Row]) -> pd.DataFrame:
    """The rows as a table of text: film, start, end, label, annotator, speaker, row, then all other columns.

    Missing cells are empty strings; empty rows are left out. path: for error messages.
    Raises InputError if the header lacks a required column, or a row is longer than the header.
    """
    rows = iter(rows)
    header = [str(name).strip() for name in next(rows, (1, []))[1]]
    columns = _column_names(path, header)
    schema = pa.schema([(name, pa.large_string()) for name in columns])
    lines: list[int] = []
    batches = []
    while part := list(itertools.islice(rows, _ROWS_AT_ONCE)):
        cells = []
        for line, values in part:
            if not any(values):
                continue
            if len(values) > len(columns) and any(values[len(columns) :]):
                raise InputError(
                    f"{path}: row {line} has {len(values)} cells, the header has {len(columns)}: quote the separator"
                )
            lines.append(line)
            cells.append(values)
        stripped = [[cell.strip() for cell in column] for column in _columns_of(cells, len(columns))]
        batches.append(pa.record_batch(stripped, schema))
    table: pd.DataFrame = pa.Table.from_batches(batches, schema).combine_chunks().to_pandas()
    for name in OPTIONAL:
        if name not in table:
            table[name] = ""
    table["row"] = np.array(lines, dtype=np.int64)
    return table[[*KNOWN, *(name for name in table.columns if name not in KNOWN)]]


def map_repeated(texts: pd.Series, meaning: Callable[[str], str | None]) -> pd.Series:
    """The meaning of every text, with dtype object. Most texts repeat, so `meaning` is called once for each value."""
    codes, different = pd.factorize(texts)
    meanings = np.array([meaning(text) for text in different], dtype=object)
    return pd.Series(meanings[codes], index=texts.index, dtype=object)


def misspelt_columns(names: Iterable[str]) -> dict[str, str]:
    """Unknown columns whose name resembles an optional column's: name -> the column that was probably meant."""
    near = {
        name: difflib.get_close_matches(name.lower(), OPTIONAL, n=1, cutoff=0.75)
        for name in names
        if name not in KNOWN
    }
    return {name: meant[0] for name, meant in near.items() if meant}


def _columns_of(rows: list[Sequence[str]], count: int) -> Iterable[Sequence[str]]:
    """The first `count` columns of the rows; short rows are padded with empty cells."""
    if any(len(row) != count for row in rows):
        rows = [[*row, *[""] * (count - len(row))][:count] for row in rows]
    return zip(*rows, strict=True) if rows else [[]] * count


def _column_names(path: Path, header: list[str]) -> list[str]:
    known = {*REQUIRED, *OPTIONAL}
    names = [name.lower() if name.lower() in known else name for name in header]
    names = [name or f"column_{index + 1}" for index, name in enumerate(names)]
    names = [f"{name}_in_table" if name in _TAKEN else name for name in names]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(f"{path}: the column {sorted(twice)[0]!r} appears twice in the header: rename one")
    for name in REQUIRED:
        if name not in names:
            near = difflib.get_close_matches(name, [n.lower() for n in names], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(
                f"{path}: no column {name!r} in the header ({', '.join(header) or 'empty'}){hint}"
            )
    return names
