"""Reads the rows of CSV, TSV, Parquet and XLSX tables as text; row is the line, 1 for the header."""

import csv
import datetime
import io
import re
from collections.abc import Iterator
from pathlib import Path

from emodal_data.annotations.columns import Row
from emodal_data.annotations.mapping import PLAIN, TableFormat
from emodal_data.annotations.text import decode, number_text
from emodal_data.core.errors import InputError

_LINE_END = re.compile(r"\r\n|\r|\n")
_SEP_LINE = re.compile(r'"?sep=(.)"?[,;\t]*(?:\r\n|\r|\n)', re.IGNORECASE)


def read_csv(path: Path, form: TableFormat = PLAIN) -> Iterator[Row]:
    """The rows of a CSV or TSV file. Raises InputError if a quotation mark is not closed, or would hide rows."""
    text = decode(path, form.encoding)
    first = 1
    if sep := _SEP_LINE.match(text):  # a line that tells spreadsheets the separator
        text, first = text[sep.end() :], 2
    delimiter = form.delimiter or (sep[1] if sep else "") or _delimiter(path, text)
    if delimiter == "whitespace":
        yield from _split_at_blanks(text, first)
    elif form.quotes == "never" or (form.quotes == "auto" and _is_unquoted(text, delimiter)):
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
        raise InputError(f"{path}: row {line} is not valid CSV: {error}") from error


def _hides_a_row(cell: str, delimiter: str, width: int) -> bool:
    """Whether a line within a cell has as many cells as the header: then a quotation mark was hardly meant to open."""
    lines = _LINE_END.split(cell)
    return len(lines) > 1 and any(line.count(delimiter) >= width - 1 > 0 for line in lines[1:-1] or lines[1:])


def _is_unquoted(text: str, delimiter: str) -> bool:
    """Whether quotation marks are plain text: in tables separated by tabs, if each line then has the header's cells."""
    if delimiter != "\t":
        return False
    lines = [line for line in _LINE_END.split(text) if line.strip()]
    return all(line.count("\t") == lines[0].count("\t") for line in lines)


def _read_unquoted(text: str, delimiter: str, first: int) -> Iterator[Row]:
    """Rows are lines. Marks around a whole cell are still removed, because spreadsheets write them."""
    for line, content in enumerate(_LINE_END.split(text), start=first):
        yield line, [_without_marks(cell) for cell in content.split(delimiter)]


def _without_marks(cell: str) -> str:
    inner = cell[1:-1]
    is_quoted = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if is_quoted else cell


def _split_at_blanks(text: str, first: int) -> Iterator[Row]:
    for line, content in enumerate(_LINE_END.split(text), start=first):
        yield line, content.split()


def _delimiter(path: Path, text: str) -> str:
    """The separator that occurs most often in the header: spreadsheets write a comma, a semicolon or a tab."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    header = _LINE_END.split(text, maxsplit=1)[0]
    return max(",;\t", key=header.count)


def read_parquet(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file, numbered as if its header were line 1."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except pa.ArrowException as error:
        raise InputError(f"{path}: not a Parquet file: {error}") from error
    yield 1, table.column_names
    line = 2
    for batch in table.to_batches():
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield line, [_text(value) for value in values]
            line += 1


def read_xlsx(path: Path, form: TableFormat = PLAIN) -> Iterator[Row]:
    """The rows of a sheet of an XLSX file. Raises InputError if there is no such sheet."""
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        rows = book.get_sheet_by_name(_sheet_name(path, book.sheet_names, form.sheet)).to_python(
            skip_empty_area=False
        )
    except (python_calamine.CalamineError, OSError) as error:
        raise InputError(f"{path}: not an XLSX file: {error}") from error
    for line, values in enumerate(rows, start=1):
        yield line, [_text(value) for value in values]


def _sheet_name(path: Path, names: list[str], wanted: str | int | None) -> str:
    if isinstance(wanted, int) and 1 <= wanted <= len(names):
        return names[wanted - 1]
    if wanted in names or wanted is None:
        return str(wanted) if wanted in names else names[0]
    raise InputError(f"{path}: no sheet {wanted!r}; its sheets are {', '.join(names)}")


def _text(value: object) -> str:
    """A cell as text; whole numbers have no decimals, since a spreadsheet has no others.

    Spreadsheets store times as clock times or durations; both mean a time from the film's start.
    """
    if value is None or value != value:
        return ""
    if isinstance(value, datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return number_text(value.total_seconds())
    if isinstance(value, float):
        return number_text(value).removesuffix(".0")
    return str(value)
