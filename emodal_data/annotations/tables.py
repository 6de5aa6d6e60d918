"""Reads the rows of CSV, TSV, Parquet and XLSX tables as text; row is the line, 1 for the header."""

import csv
import datetime
import io
from collections.abc import Iterator
from pathlib import Path

from emodal_data.annotations.columns import Row
from emodal_data.annotations.text import decode, number_text
from emodal_data.core.errors import InputError


def read_csv(path: Path) -> Iterator[Row]:
    """The rows of a CSV or TSV file. Raises InputError if a quote is not closed."""
    text = decode(path)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for values in reader:
            yield line, values
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}: row {line} is not valid CSV: {error}") from error


def _delimiter(text: str) -> str:
    """The separator that occurs most often in the header: spreadsheets write a comma, a semicolon or a tab."""
    header = text.split("\n", 1)[0]
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


def read_xlsx(path: Path) -> Iterator[Row]:
    """The rows of the first sheet of an XLSX file."""
    import python_calamine

    try:
        sheet = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
    except (python_calamine.CalamineError, OSError) as error:
        raise InputError(f"{path}: not an XLSX file: {error}") from error
    for line, values in enumerate(rows, start=1):
        yield line, [_text(value) for value in values]


def _text(value: object) -> str:
    """A cell as text. Spreadsheets store times as clock times or durations; both mean a time from the film's start."""
    if value is None or value != value:
        return ""
    if isinstance(value, datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return number_text(value.total_seconds())
    return number_text(value) if isinstance(value, float) else str(value)
