"""Read CSV, TSV, Parquet and XLSX annotation tables as text, keeping the line each row came from.

Nothing is interpreted here but the header: see spans.py for what the cells mean.
"""

import csv
import datetime
import difflib
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from emodal_data.errors import InputError

REQUIRED = ("film", "start", "end", "label")
OPTIONAL = ("annotator", "speaker")

Row = tuple[int, Sequence[str]]


def read_table(path: Path) -> pd.DataFrame:
    """The table as text: the columns film, start, end, label, annotator, speaker, row, then all others.

    Missing cells are empty strings; row is the line of the file (its header is line 1).
    Raises InputError for a file that is missing, not readable as its format says, empty, or without a column.
    """
    reader = {".csv": _read_csv, ".tsv": _read_csv, ".txt": _read_csv, ".parquet": _read_parquet}
    reader |= {".xlsx": _read_xlsx}
    suffix = path.suffix.lower()
    if suffix not in reader:
        raise InputError(
            f"{path}: annotations must be .csv, .tsv, .parquet or .xlsx, not {suffix or 'no suffix'}"
        )
    if not path.is_file():
        raise InputError(f"{path}: no such annotation file")
    try:
        rows = iter(reader[suffix](path))
        header = [str(name).strip() for name in next(rows, (1, []))[1]]
        return _table(path, header, rows)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _table(path: Path, header: list[str], rows: Iterable[Row]) -> pd.DataFrame:
    columns = _column_names(path, header)
    lines: list[int] = []
    cells: list[list[str]] = [[] for _ in columns]
    for line, values in rows:
        if not any(values):
            continue
        if len(values) > len(columns) and any(values[len(columns) :]):
            raise InputError(
                f"{path}: row {line} has {len(values)} cells, the header has {len(columns)}: quote the separator"
            )
        lines.append(line)
        for index, column in enumerate(cells):
            column.append(values[index].strip() if index < len(values) else "")
    if not lines:
        raise InputError(f"{path}: the table has no rows: write one line for each span")
    table = pd.DataFrame(dict(zip(columns, cells, strict=True)), dtype="str")
    for name in OPTIONAL:
        if name not in table:
            table[name] = ""
    table["row"] = lines
    known = [*REQUIRED, *OPTIONAL, "row"]
    return table[[*known, *(name for name in table.columns if name not in known)]]


def _column_names(path: Path, header: list[str]) -> list[str]:
    known = {*REQUIRED, *OPTIONAL}
    names = [name.lower() if name.lower() in known else name for name in header]
    names = [name or f"column_{index + 1}" for index, name in enumerate(names)]
    names = [f"{name}_in_table" if name == "row" else name for name in names]
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


def _read_csv(path: Path) -> Iterator[Row]:
    text = _decode(path)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"{path}: row {line} is not valid CSV: {error}") from error
        yield line, values
        line = reader.line_num + 1


def _decode(path: Path) -> str:
    raw = path.read_bytes()
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: row {line} is not UTF-8: save the table as UTF-8") from error


def _delimiter(text: str) -> str:
    """The separator that splits the header into the most columns: spreadsheets write , or ; or tab."""
    header = text.split("\n", 1)[0]
    return max(",;\t", key=header.count)


def _read_parquet(path: Path) -> Iterator[Row]:
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


def _read_xlsx(path: Path) -> Iterator[Row]:
    import python_calamine

    try:
        sheet = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
    except (python_calamine.CalamineError, OSError) as error:
        raise InputError(f"{path}: not an XLSX file: {error}") from error
    for line, values in enumerate(rows, start=1):
        yield line, [_text(value) for value in values]


def _text(value: object) -> str:
    """A cell as text; spreadsheets keep times as clock times or durations, meant as time into the film."""
    if value is None or value != value:
        return ""
    if isinstance(value, datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return repr(value.total_seconds())
    return str(value)
