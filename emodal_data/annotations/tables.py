"""Reads the rows of CSV, TSV and Parquet tables as text; row is the line, 1 for the header."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from emodal_data.annotations.columns import MAX_CELLS, MAX_COLUMNS, Block, Row
from emodal_data.annotations.mapping import PLAIN, TableFormat
from emodal_data.annotations.text import LINE_END, cell_text, decode
from emodal_data.core.errors import InputError
from emodal_data.core.text import cell_as_meant

#: How a cell begins that was kept from being a formula: see core.text.plain_cell.
_NO_FORMULA = re.compile(r"'[=+\-@]")
#: Rows of a Parquet file that are decoded at a time.
_ROWS_AT_ONCE = 1 << 12
#: Text tables of more characters are read in one block if they are plain; its first rows are read one by one.
_LONG_TEXT: Final = 1 << 20
_ROWS_BEFORE_BLOCK: Final = 64
#: Characters of a line at most for a block: the csv module refuses longer cells.
_LONGEST_LINE: Final = 1 << 17
_SEP_LINE = re.compile(r'"?sep=(.)"?[,;\t]*(?:\r\n|\r|\n)', re.IGNORECASE)


def read_csv(path: Path, form: TableFormat = PLAIN) -> Iterator[Row]:
    """The rows of a CSV or TSV file. Raises InputError if a quotation mark is not closed, or would hide rows."""
    text, delimiter, first = _opened(path, form)
    yield from _rows(path, text, delimiter, first, form)


def read_long_csv(path: Path, form: TableFormat = PLAIN) -> tuple[Iterator[Row], Block | None]:
    """As read_csv; of a long plain table only the first rows, and all others in one block."""
    text, delimiter, first = _opened(path, form)
    end = 0
    if len(text) > _LONG_TEXT:
        for _ in range(_ROWS_BEFORE_BLOCK):
            end = text.find("\n", end) + 1
    block = _plain_block(text, end, delimiter, first) if end else None
    return _rows(path, text[:end] if block else text, delimiter, first, form), block


def _opened(path: Path, form: TableFormat) -> tuple[str, str, int]:
    """The text of a table from its first row, its separator, and the line of that row."""
    text, first = _text(path, form)
    delimiter = _delimiter(path, text, form)
    if sep := _SEP_LINE.match(text):
        text, first = text[sep.end() :], first + 1
    return text, delimiter, first


def _plain_block(text: str, begin: int, delimiter: str, first: int) -> Block | None:
    """The rows from `begin`, where a line begins; None if the table must be read row by row.

    It need not if no cell is quoted, no line is empty, and all lines have as many cells as the header.
    first: the line of the file at which the text begins.
    """
    if '"' in text or "\0" in text or "\ufeff" in text or len(delimiter) > 1 or not delimiter.isascii():
        return None
    if text.count("\r") != text.count("\r\n") or "\r\r" in text or _NO_FORMULA.search(text):
        return None
    head = text[:begin].split("\n")[:-1]
    width = head[0].count(delimiter) + 1
    if width > MAX_COLUMNS:
        return None
    if not head[0].replace(delimiter, "").strip() or any(line.count(delimiter) != width - 1 for line in head):
        return None
    lines = text.count("\n", begin) + (not text.endswith("\n"))
    names = [str(number) for number in range(width)]
    try:
        cells = pa_csv.read_csv(
            pa.BufferReader(text[begin:].encode()),
            pa_csv.ReadOptions(use_threads=False, block_size=_LONGEST_LINE, column_names=names),
            pa_csv.ParseOptions(delimiter=delimiter, quote_char=False),
            pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.large_string())),
        )
    except pa.ArrowInvalid:  # a line has more cells, or fewer, or is too long
        return None
    if len(cells) != lines:  # lines were empty, so that those of the rows are not known
        return None
    return Block(np.arange(lines) + first + len(head), cells)


def _rows(path: Path, text: str, delimiter: str, first: int, form: TableFormat) -> Iterator[Row]:
    rows = _raw_rows(path, text, delimiter, first, form)
    if _NO_FORMULA.search(text):
        rows = ((line, [cell_as_meant(cell) for cell in values]) for line, values in rows)
    yield from rows


def _raw_rows(path: Path, text: str, delimiter: str, first: int, form: TableFormat) -> Iterator[Row]:
    if delimiter == "whitespace":
        yield from _split_at_blanks(text, first)
    elif (
        len(delimiter) > 1
        or form.quotes == "never"
        or (form.quotes == "auto" and _is_unquoted(text, delimiter))
    ):
        yield from _read_unquoted(text, delimiter, first)
    else:
        yield from _read_quoted(path, text, delimiter, first, is_checked=form.quotes == "auto")


def _read_quoted(path: Path, text: str, delimiter: str, first: int, is_checked: bool) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line, width = first, 0
    try:
        for values in reader:
            width = width or len(values)
            if is_checked and any(_hides_a_row(cell, delimiter, width) for cell in values):
                raise InputError(
                    f"{path}: row {line}: a quotation mark opens a cell that holds the next rows as far as row "
                    f"{first + reader.line_num - 1}: remove the mark, or set table.quotes to never (marks are text) or "
                    "always (the cell is meant)"
                )
            yield line, values
            line = first + reader.line_num
    except csv.Error as error:
        raise InputError(
            f"{path}: row {line} is not valid CSV: {error}: double a quotation mark within a quoted cell, or set "
            "table.quotes to never"
        ) from error


def _hides_a_row(cell: str, delimiter: str, width: int) -> bool:
    """Whether a line within a cell has as many cells as the header: then a quotation mark was hardly meant to open."""
    lines = LINE_END.split(cell)
    return len(lines) > 1 and any(line.count(delimiter) >= width - 1 > 0 for line in lines[1:-1] or lines[1:])


def _is_unquoted(text: str, delimiter: str) -> bool:
    """Whether quotation marks are plain text: in tables separated by tabs, if each line then has the header's cells."""
    if delimiter != "\t":
        return False
    lines = [line for line in LINE_END.split(text) if line.strip()]
    return all(line.count("\t") == lines[0].count("\t") for line in lines)


def _read_unquoted(text: str, delimiter: str, first: int) -> Iterator[Row]:
    """Rows are lines. Marks around a whole cell are still removed, because spreadsheets write them.

    A separator may have several characters, such as the ___ of CMU-MOSEI's transcripts.
    """
    for line, content in enumerate(LINE_END.split(text), start=first):
        yield line, [_without_marks(cell) for cell in content.split(delimiter)]


def _without_marks(cell: str) -> str:
    inner = cell[1:-1]
    is_quoted = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if is_quoted else cell


def _split_at_blanks(text: str, first: int) -> Iterator[Row]:
    for line, content in enumerate(LINE_END.split(text), start=first):
        yield line, content.split()


def delimiter_of(path: Path, form: TableFormat) -> str:
    """The separator of a text table. Raises InputError as read_csv does."""
    return _delimiter(path, _text(path, form)[0], form)


def _text(path: Path, form: TableFormat) -> tuple[str, int]:
    """The text of a file after the lines to skip and the empty lines that follow them, and the number of its first."""
    text, first, begin = decode(path, form.encoding), 1, 0
    while (end := LINE_END.search(text, begin)) and (
        first <= form.skip or not text[begin : end.start()].strip()
    ):
        first, begin = first + 1, end.end()
    return text[begin:], first


def _delimiter(path: Path, text: str, form: TableFormat) -> str:
    """The separator that is set, or named in a line for spreadsheets, or else occurs most often in the header."""
    if form.delimiter:
        return form.delimiter
    if sep := _SEP_LINE.match(text):
        return sep[1]
    header = LINE_END.split(text, maxsplit=1)[0]
    if path.suffix.lower() == ".tsv" and "\t" in header:
        return "\t"
    return max(",;\t|", key=header.count)


def read_parquet(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file, numbered as if its header were line 1."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names, shape = file.schema_arrow.names, file.metadata
            if shape.num_rows * len(names) > MAX_CELLS:
                raise InputError(f"{path}: has {shape.num_rows:,} rows of {len(names):,} columns: split it")
            yield 1, names
            line = 2
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield line, [cell_text(value) for value in values]
                    line += 1
    except pa.ArrowMemoryError:
        raise
    except pa.ArrowException as error:
        raise InputError(f"{path}: not a Parquet file: {error}") from error
