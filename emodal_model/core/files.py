"""Files written whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any

from emodal_model.core.errors import ModelWorkError


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write atomically. Raises ModelWorkError if it cannot be written."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False))


def write_text(path: Path, text: str) -> None:
    """Write atomically, with the folders above. Raises ModelWorkError if it cannot be written."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as exc:
        raise ModelWorkError(f"{path}: cannot be written ({exc.strerror})") from exc
