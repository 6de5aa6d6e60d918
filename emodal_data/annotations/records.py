"""Reads records of JSON: a list of objects, an object of objects, or an object a line. Nested names get a dot."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from emodal_data.annotations.columns import Row
from emodal_data.annotations.text import cell_text, decode, lines
from emodal_data.core.errors import InputError


def read_json_records(path: Path) -> Iterator[Row] | None:
    """The rows of a file of flat records, numbered from 2 as if a header were line 1; None if it holds other JSON.

    Of an object of objects, the column `key` has the name of each.
    """
    try:
        content = json.loads(decode(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON: {error}") from error
    if isinstance(content, dict) and content and all(isinstance(value, dict) for value in content.values()):
        content = [{"key": key, **value} for key, value in content.items()]
    if not isinstance(content, list) or not content or not all(map(_is_flat, content)):
        return None
    return _rows(enumerate(content, start=2))


def read_json_lines(path: Path, encoding: str = "") -> Iterator[Row]:
    """The rows of a file with an object on each line; row is the line. Raises InputError for other lines."""
    records = []
    for number, line in enumerate(lines(path, encoding), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: row {number} is not valid JSON: {error}") from error
        if not isinstance(record, dict):
            raise InputError(f"{path}: row {number} is no JSON object")
        records.append((number, record))
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
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | list) else cell_text(value)
