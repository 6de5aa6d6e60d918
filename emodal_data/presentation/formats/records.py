"""Reads the samples of a shard one by one, and copies the files that every export has."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.core.errors import WorkError
from emodal_data.core.schema import with_current_names

#: The kinds of columns: images and sounds are files, or lists of files; vectors are arrays of float32; all others are
#: plain values.
FILES, FILE_LISTS, VECTORS = "file", "files", "vector"


def records(shard: Path) -> Iterator[dict[str, Any]]:
    """The samples of a shard: column -> value. The value of a file (a struct of bytes and path) is its bytes."""
    with _opened(shard) as file:
        for group in range(file.num_row_groups):
            for record in with_current_names(file.read_row_group(group)).to_pylist():
                yield {name: _without_path(value) for name, value in record.items()}


def _without_path(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_path(one) for one in value] if value and isinstance(value[0], dict) else value
    return value["bytes"] if isinstance(value, dict) else value


def kinds(shard: Path) -> dict[str, str]:
    """The columns of a shard that are files, lists of files or vectors."""
    with _opened(shard) as file:
        schema = file.schema_arrow
    return {field.name: kind for field in schema if (kind := _kind(field.type))}


def _kind(column: pa.DataType) -> str | None:
    if pa.types.is_struct(column):
        return FILES
    if pa.types.is_list(column) and pa.types.is_struct(column.value_type):
        return FILE_LISTS
    is_list = pa.types.is_list(column) or pa.types.is_fixed_size_list(column)
    # In float32, a time of a long film would be exact to half a millisecond.
    return VECTORS if is_list and column.value_type != pa.float64() else None


def card(dataset: Path) -> tuple[str, str]:
    """The front matter of the dataset card, without its fences, and the text below it."""
    text = (dataset / "README.md").read_text(encoding="utf-8")
    _, matter, body = text.split("---\n", 2)
    return matter, body


def copy_provenance_files(dataset: Path, folder: Path) -> None:
    """Copy the files that record where the samples come from: the ledger and the manifest."""
    for name in ("ledger.parquet", "manifest.json"):
        shutil.copyfile(dataset / name, folder / name)


@contextlib.contextmanager
def _opened(shard: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(shard) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise WorkError(f"{shard}: cannot be read: {error}; `emodal verify` says what is damaged") from error
