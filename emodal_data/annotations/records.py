"""Reads records of JSON: a list of objects, an object of such, or an object a line. Nested names get a dot."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from emodal_data.annotations.columns import Row
from emodal_data.annotations.mapping import PLAIN, TableFormat
from emodal_data.annotations.text import cell_text, decode, lines
from emodal_data.core.errors import InputError


def read_json_records(path: Path, form: TableFormat = PLAIN) -> Iterator[Row] | None:
    """The rows of a file of flat records, numbered from 2 as if a header were line 1; None if it holds other JSON.

    Of an object of records, or of lists of records, the column `key` has the name of each. Objects of columns, as
    pandas writes them, are read too. A list of records within a record is flat if a mapped column is in it
    (segments.start): each of them is a row.
    Raises InputError if an object has a name twice: one of them would be lost.
    """
    try:
        content = json.loads(decode(path, form.encoding), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON: {error}") from error
    records = _records(content) if isinstance(content, dict) else content
    if isinstance(records, list):
        records = [row for record in records for row in _with_inner(record, form)]
    if not isinstance(records, list) or not records or not all(map(_is_flat, records)):
        return None
    return _rows(enumerate(records, start=2))


def _records(content: dict[str, Any]) -> list[Any]:
    """The records of an object; none if it holds something else."""
    columns, data = content.get("columns"), content.get("data")
    if isinstance(columns, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
        return [dict(zip(columns, row, strict=False)) for row in data]
    objects = {key: value for key, value in content.items() if isinstance(value, dict)}
    if objects and len(objects) == len(content):
        numbers = dict.fromkeys(number for column in objects.values() for number in column)
        if all(map(str.isdecimal, numbers)) and not all(map(str.isdecimal, objects)):
            return [{name: column.get(number) for name, column in objects.items()} for number in numbers]
        return [{"key": key, **value} for key, value in objects.items()]
    lists = {
        key: value
        for key, value in content.items()
        if isinstance(value, list) and value and all(isinstance(record, dict) for record in value)
    }
    if len(lists) == 1 or (lists and all(isinstance(value, list) for value in content.values())):
        return [{"key": key, **record} for key, records in lists.items() for record in records]
    return []


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its names and values. Raises ValueError if a name appears twice."""
    content = dict(pairs)
    if len(content) < len(pairs):
        name = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"the name {name!r} appears twice in an object")
    return content


def names_inner_records(form: TableFormat) -> bool:
    """Whether a mapped column is within another one, such as segments.start."""
    return any(re.search(r"[\w\]]\.\w", source) for source in form.columns.values() if source[:1] != "=")


def _with_inner(record: Any, form: TableFormat) -> list[Any]:
    """The record, or if it has a list of records that a mapped column is in, each of these with the record's others."""
    if not isinstance(record, dict):
        return [record]
    named = [name for name in record if any(f"{name}." in source for source in form.columns.values())]
    inner = next((name for name in named if isinstance(record[name], list)), None)
    if inner is None or not all(isinstance(part, dict) for part in record[inner]):
        return [record]
    others = {name: value for name, value in record.items() if name != inner}
    return [others | {f"{inner}.{name}": value for name, value in part.items()} for part in record[inner]]


def read_json_lines(path: Path, form: TableFormat = PLAIN) -> Iterator[Row]:
    """The rows of a file with an object on each line; row is the line. Raises InputError for other lines.

    Lists of records within a record are as in read_json_records.
    """
    records: list[tuple[int, Any]] = []
    for number, line in enumerate(lines(path, form.encoding), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: row {number} is not valid JSON: {error}") from error
        if not isinstance(record, dict):
            raise InputError(f"{path}: row {number} is no JSON object")
        records += [(number, row) for row in _with_inner(record, form)]
    return _rows(records)


def _rows(records: Iterable[tuple[int, Mapping[str, Any]]]) -> Iterator[Row]:
    cells = [(number, dict(_flat(record))) for number, record in records]
    names = list(dict.fromkeys(name for _, record in cells for name in record))
    yield 1, names  # refused if there are too many, before a row has a cell for each
    for number, record in cells:
        yield number, [record.get(name, "") for name in names]


def _is_flat(record: object) -> bool:
    """Whether no cell of a record is a list of records, as in exports of annotation tools."""
    return isinstance(record, dict) and not any(
        isinstance(value, list) and any(isinstance(item, dict) for item in value) for value in record.values()
    )


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _text(value)


def _text(value: object) -> str:
    """A cell. A list of words is its words, as in a cell with several labels."""
    if isinstance(value, bool | dict):
        return json.dumps(value, ensure_ascii=False)
    return ", ".join(map(_text, value)) if isinstance(value, list) else cell_text(value)
