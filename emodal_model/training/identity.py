"""The identity of a training run, and the check whether it is finished. TensorFlow is not imported."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from emodal_model.core.config import ModelConfig
from emodal_model.core.versions import versions
from emodal_model.data.samples import dataset_hash


def git_revision(folder: Path | None = None) -> str | None:
    """The commit of the git checkout around a folder (default: the working folder), "-dirty" if files were changed.

    None outside a checkout, or without git.
    """
    command = [
        "git",
        "-C",
        str(folder or Path.cwd()),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def identity(data_hash: str, config: ModelConfig) -> str:
    """A hash of everything a run depends on (data, settings, versions), 16 hexadecimal digits."""
    settings = config.model_dump(mode="json", exclude={"memory_mb", "seeds"})  # they change no weight
    parts = json.dumps([data_hash, settings, versions()], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def finished(dataset: Path, out: Path, config: ModelConfig) -> dict[str, Any] | None:
    """The metrics of this run, if it is finished and its files still exist.

    Raises ModelInputError if the dataset cannot be read.
    """
    run = identity(dataset_hash(dataset), config)
    try:
        metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
        whole = all((out / f"{name}.keras").is_file() for name in metrics["training"])
        return metrics if metrics["run"] == run and whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
