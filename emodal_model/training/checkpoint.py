"""The state of an unfinished training run, in one file that is always whole: numbers only, no pickle.

A run that was killed goes on from it; epochs after the last checkpoint are done again, with the same result.
"""

import json
import os
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.core.errors import ModelWorkError

_LISTS = ("weights", "optimizer", "averaged", "best_weights")


@dataclass(frozen=True)
class Checkpoint:
    """Everything the loop needs to go on after an epoch. history: one JSON object per epoch done."""

    weights: list[np.ndarray]
    optimizer: list[np.ndarray]
    averaged: list[np.ndarray]
    best_weights: list[np.ndarray]
    history: list[dict[str, Any]]


class CheckpointFile:
    """Where one network's state is kept. run: identity of data and settings; nothing else is read."""

    def __init__(self, path: Path, run: str, every_s: float = 20.0) -> None:
        self.path, self.run, self.every_s = path, run, every_s
        self._written_s = time.monotonic()

    def read(self) -> Checkpoint | None:
        """The state to go on from; None if there is none, or it is another run's, or damaged."""
        try:
            with np.load(self.path, allow_pickle=False) as file:
                head = json.loads(str(file["head"]))
                if head["run"] != self.run:
                    return None
                lists = {name: [file[f"{name}_{i}"] for i in range(head[name])] for name in _LISTS}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None
        return Checkpoint(**lists, history=head["history"])

    def is_due(self) -> bool:
        """Whether the last writing is every_s ago: quick epochs are cheaper done again than written each."""
        return time.monotonic() - self._written_s >= self.every_s

    def write(self, state: Checkpoint) -> None:
        """Write whole or not at all: temporary file, fsync, rename. Raises ModelWorkError if it cannot."""
        arrays = {f"{name}_{i}": array for name in _LISTS for i, array in enumerate(getattr(state, name))}
        head = {
            "run": self.run,
            "history": state.history,
            **{name: len(getattr(state, name)) for name in _LISTS},
        }
        temporary = self.path.with_suffix(".tmp")
        try:
            with temporary.open("wb") as file:
                np.savez(file, head=np.asarray(json.dumps(head)), **arrays)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
            self._written_s = time.monotonic()
        except OSError as exc:
            raise ModelWorkError(f"{self.path}: cannot be written ({exc.strerror})") from exc
