"""Atomic file writes: a reader finds the old file or the new one, never a part of it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emodal_model.core.errors import ModelWorkError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path with the suffix of `path`, in its folder; rename it to `path` if the block succeeds.

    Creates the folders above. The file is on disk (fsync) before it is renamed. Raises ModelWorkError if it cannot be
    written.
    """
    temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as exc:
        raise ModelWorkError(f"{path}: cannot be written ({exc.strerror or exc})") from exc


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON file atomically. Raises ModelWorkError if it cannot be written."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False))


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8. Raises ModelWorkError if it cannot be written."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
