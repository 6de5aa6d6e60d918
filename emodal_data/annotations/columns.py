"""Turns the rows of text that a reader yields into one table with the known columns first."""

import difflib
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emodal_data.annotations.mapping import (
    TableFormat,
    count_as_rows,
    map_columns,
    named_like_a_time,
    nearest,
)
from emodal_data.core.errors import InputError
from emodal_data.core.file_types import FILM_SUFFIXES, SOUND_SUFFIXES
from emodal_data.core.schema import LEDGER, LEDGER_LABELS, LEDGER_OPTIONS
from emodal_data.core.text import counted

REQUIRED = ("film", "start", "end", "label")
OPTIONAL = ("annotator", "speaker")
#: Further columns that mean something here.
MEANINGFUL = ("duration", "series", "split", "fold", "face_box", "face_side")
KNOWN = (*REQUIRED, *OPTIONAL, "row")
#: Columns of the ledger and of a folder's table: a file's own column of such a name is renamed.
_TAKEN = {
    *LEDGER.names,
    *(field.name for field in (*LEDGER_OPTIONS, *LEDGER_LABELS)),
    "annotation_file",
    "face_region",
    "time_fault",
    "time_note",
} - {
    *REQUIRED,
    *OPTIONAL,
}

#: More than this is no table of annotations: columns, cells, and bytes of text.
MAX_COLUMNS: Final = 10_000
MAX_CELLS: Final = 100_000_000
_MAX_BYTES: Final = 2**30

#: Among so many rows after the first, one that looks like the header is looked for.
LINES_ABOVE_A_HEADER: Final = 30
#: Rows held as Python strings at a time; such strings take several times the memory of a table.
_ROWS_AT_ONCE = 1 << 14

#: What is hardly the name of a column.
_NUMBER_OR_FILM: Final = re.compile(
    rf"-?\d+([.,:]\d+)*|.+({'|'.join(map(re.escape, sorted(FILM_SUFFIXES | SOUND_SUFFIXES)))})", re.IGNORECASE
)
#: A line's number in the file, and its cells. The first row that a reader yields is the header.
Row = tuple[int, Sequence[str]]

#: What str.strip removes.
_BLANKS: Final = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


@dataclass(frozen=True)
class Block:
    """Rows that were read at once: their lines in the file, and a column of text for each cell of the header."""

    lines: npt.NDArray[np.int64]
    cells: pa.Table

    def without_blanks(self) -> "Block":
        """The rows that are not empty, and their cells without surrounding blanks."""
        cells = [pc.utf8_trim(column, _BLANKS) for column in self.cells.columns]
        filled = np.zeros(len(self.lines), dtype=bool)
        for column in cells:
            filled |= pc.not_equal(column, "").to_numpy()
        table = pa.table(cells, self.cells.column_names)
        return (
            self
            if filled.all() and table.equals(self.cells)
            else Block(self.lines[filled], table.filter(filled))
        )


def table_of_rows(
    path: Path, rows: Iterable[Row], form: TableFormat | None = None, block: Block | None = None
) -> pd.DataFrame:
    """The rows as a table of text: film, start, end, label, annotator, speaker, row, then all other columns.

    Missing cells are empty strings; empty rows are left out. path: for error messages. form: the mapping of a table;
    None for formats whose columns are known. block: the rows that follow. Without start and end columns, both are
    empty: each row is a whole file.
    Raises InputError if a required column is missing, or a row is longer than the header.
    """
    rows = itertools.dropwhile(lambda row: not any(map(str.strip, row[1])), rows)
    first = next(rows, (1, []))
    if form is not None and not form.header:
        rows = itertools.chain([first], rows)
        first = (0, [str(number) for number in range(1, len(first[1]) + 1)])
    header = [str(name).strip() for name in first[1]]
    if form is not None and form.header:
        rows = _refuse_header_below(path, first, rows, form)
    names = _unique_names(path, header)
    meant = {*KNOWN, *MEANINGFUL, *(form.columns.values() if form else ())}
    needed = max((place for place, name in enumerate(names, 1) if {name, name.lower()} & meant), default=0)
    table, lines, short = _text_table(path, names, rows, block, needed)
    if short:
        found = counted(len(short), "row has", "rows have")
        table.attrs["warnings"] = (
            f"{path}: {found} fewer cells than the header, the first is row {short[0]}: what is missing is empty",
        )
    if form is not None:
        table = map_columns(path, table, form)
    if form is not None and form.votes:
        table = count_as_rows(path, table.assign(row=lines), form.votes)
        lines = table.pop("row").to_numpy()
    table.columns = pd.Index(_known_names(path, list(table.columns)))
    table = _completed(path, table, header, needs_label=form is None or form.needs_label)
    table["row"] = lines
    return table[[*KNOWN, *(name for name in table.columns if name not in KNOWN)]]


def _refuse_header_below(path: Path, first: Row, rows: Iterator[Row], form: TableFormat) -> Iterator[Row]:
    """The rows. Raises InputError if one of the next looks like the header, and the first row does not."""
    wanted = {*REQUIRED, *form.columns.values()}

    def known(row: Row) -> int:
        return len({name for cell in row[1] if (name := cell.strip()) in wanted or name.lower() in REQUIRED})

    if known(first):
        return rows
    near = list(itertools.islice(rows, LINES_ABOVE_A_HEADER))
    if header := next((row for row in near if known(row) > 1), None):
        raise InputError(
            f"{path}: row {first[0]} is no header, and row {header[0]} looks like one: set table.skip to "
            f"{header[0] - 1}, the number of lines before it"
        )
    return itertools.chain(near, rows)


def _text_table(
    path: Path, names: list[str], rows: Iterator[Row], block: Block | None, needed: int
) -> tuple[pd.DataFrame, npt.NDArray[np.int64], list[int]]:
    """The cells without surrounding blanks, the line of each row that is not empty, and those of rows that are short.

    needed: cells that a row must have at least.
    """
    schema = pa.schema([(name, pa.large_string()) for name in names])
    lines: list[int] = []
    short: list[int] = []
    batches: list[pa.RecordBatch] = []
    cells_left, bytes_left = MAX_CELLS, _MAX_BYTES
    while part := list(itertools.islice(rows, _ROWS_AT_ONCE)):
        cells = []
        for line, values in part:
            if not any(value.strip() for value in values):
                continue
            if len(values) > len(names) and any(value.strip() for value in values[len(names) :]):
                raise InputError(
                    f"{path}: row {line} has {len(values)} cells, the header has {len(names)}: quote the separator, or "
                    "leave out what is above the header with table.skip"
                )
            if len(values) < needed:
                short.append(line)
            lines.append(line)
            cells.append(values)
        stripped = [[cell.strip() for cell in column] for column in _columns_of(cells, len(names))]
        batches.append(pa.record_batch(stripped, schema))
        cells_left -= len(part) * len(names)
        bytes_left -= batches[-1].nbytes
        _refuse_too_much(path, cells_left, bytes_left)
    if block:
        _refuse_too_much(path, cells_left - len(block.lines) * len(names), bytes_left - block.cells.nbytes)
        block = block.without_blanks()
        batches += block.cells.rename_columns(names).to_batches()
    numbers = np.concatenate([np.array(lines, dtype=np.int64), *([block.lines] if block else [])])
    return pa.Table.from_batches(batches, schema).combine_chunks().to_pandas(), numbers, short


def _refuse_too_much(path: Path, cells_left: int, bytes_left: int) -> None:
    if cells_left < 0:
        raise InputError(f"{path}: has more than {MAX_CELLS:,} cells: remove rows and columns, or split it")
    if bytes_left < 0:
        raise InputError(
            f"{path}: holds more than {_MAX_BYTES // 2**20:,} MB of text: remove columns, or split it"
        )


def map_repeated(texts: pd.Series, meaning: Callable[[str], object]) -> pd.Series:
    """The meaning of every text, with dtype object. Most texts repeat, so `meaning` is called once for each value."""
    codes, different = pd.factorize(texts)
    meanings = np.array([meaning(text) for text in different], dtype=object)
    return pd.Series(meanings[codes], index=texts.index, dtype=object)


def misspelt_columns(names: Iterable[str], targets: Collection[str] = ()) -> dict[str, str]:
    """Unknown columns whose name resembles an optional column's: name -> the column that was probably meant.

    targets: columns that are used by these names.
    """
    near = {
        name: difflib.get_close_matches(name.lower(), (*OPTIONAL, *MEANINGFUL), n=1, cutoff=0.75)
        for name in names
        if name not in KNOWN and name not in MEANINGFUL and name not in targets
    }
    return {name: meant[0] for name, meant in near.items() if meant}


def _columns_of(rows: list[Sequence[str]], count: int) -> Iterable[Sequence[str]]:
    """The first `count` columns of the rows; short rows are padded with empty cells."""
    if any(len(row) != count for row in rows):
        rows = [[*row, *[""] * (count - len(row))][:count] for row in rows]
    return zip(*rows, strict=True) if rows else [[]] * count


def _unique_names(path: Path, header: list[str]) -> list[str]:
    """The names of the header, with numbers for those that are empty. Raises InputError if one appears twice."""
    known = {*REQUIRED, *OPTIONAL, *MEANINGFUL}
    if len(header) > MAX_COLUMNS:
        raise InputError(
            f"{path}: has {len(header):,} columns, more than {MAX_COLUMNS:,}: remove those without use"
        )
    names = [name or f"column_{index + 1}" for index, name in enumerate(header)]
    compared = [name.lower() if name.lower() in known else name for name in names]
    if twice := {name for name, count in Counter(compared).items() if count > 1}:
        raise InputError(f"{path}: the column {sorted(twice)[0]!r} appears twice in the header: rename one")
    return names


def _known_names(path: Path, names: list[str]) -> list[str]:
    """Known columns in lower case; NAME_in_table for columns whose name the ledger needs."""
    known = {*REQUIRED, *OPTIONAL, *MEANINGFUL}
    names = [name.lower() if name.lower() in known else name for name in names]
    names = [f"{name}_in_table" if name in _TAKEN else name for name in names]
    return _unique_names(path, names)


def _completed(path: Path, table: pd.DataFrame, header: list[str], needs_label: bool) -> pd.DataFrame:
    """The table with all known columns. Raises InputError that names all required columns that are missing."""
    is_whole = not {"start", "end"} & set(table.columns) and not any(map(named_like_a_time, table.columns))
    optional = (*OPTIONAL, "start", "end") if is_whole else OPTIONAL
    if "start" in table and "end" not in table and "duration" in table:
        optional = (*optional, "end")
    if not needs_label:
        optional = (*optional, "label")
    for name in optional:
        if name not in table:
            table[name] = ""
    missing = [name for name in REQUIRED if name not in table]
    if missing:
        near = {name: nearest(name, list(table.columns)) for name in missing}
        told = ", ".join(
            f"{name!r}{f' (did you mean {near[name]!r}?)' if near[name] else ''}" for name in missing
        )
        mapping = ", ".join(f"{name} = {json.dumps(near[name] or '...')}" for name in missing)
        whole = _about_the_header(header)
        whole += '; for whole files, start = "=" and end = "="' if {"start", "end"} <= set(missing) else ""
        raise InputError(
            f"{path}: no column {told} in the header ({', '.join(header) or 'empty'}); "
            f"rename, or set table.columns = {{ {mapping} }}{whole}"
        )
    return table


def _about_the_header(header: list[str]) -> str:
    """What else may be wrong if columns are missing: cells that nothing separates, or a first row that is none."""
    if len(header) == 1 and len(header[0].split()) > 1:
        return '; if blanks separate the cells, set table.delimiter = "whitespace"'
    is_numbered = header == [str(number) for number in range(1, len(header) + 1)]
    if not is_numbered and any(_NUMBER_OR_FILM.fullmatch(name) for name in header):
        return "; if the first row is no header, set table.header = false"
    return ""
