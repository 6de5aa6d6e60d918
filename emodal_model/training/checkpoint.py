"""The checkpoint of an unfinished training: one file that is written atomically and holds no pickle.

A training that was killed resumes from it. Epochs after the last checkpoint are repeated, with the same result.
"""

import json
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.core.files import atomic_path

_LISTS = ("weights", "adam", "averaged", "best_weights")


@dataclass(frozen=True)
class Checkpoint:
    """All that the loop needs to resume after an epoch. adam: Adam.state. history: a JSON object of each epoch."""

    weights: list[np.ndarray]
    adam: list[np.ndarray]
    averaged: list[np.ndarray]
    best_weights: list[np.ndarray]
    history: list[dict[str, Any]]


class CheckpointFile:
    """The file of one training's checkpoints. run: identity of data and settings; other runs' files are ignored."""

    def __init__(self, path: Path, run: str, every_s: float = 20.0) -> None:
        self.path, self.run, self.every_s = path, run, every_s
        self._written_s = time.monotonic()

    def read(self) -> Checkpoint | None:
        """The state to resume from; None if there is none, it belongs to another run, or it is damaged."""
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
        """Whether the last write was every_s ago: a quick epoch is cheaper to repeat than to write."""
        return time.monotonic() - self._written_s >= self.every_s

    def write(self, state: Checkpoint) -> None:
        """Write the state atomically. Raises ModelWorkError if it cannot be written."""
        arrays = {f"{name}_{i}": array for name in _LISTS for i, array in enumerate(getattr(state, name))}
        head = {
            "run": self.run,
            "history": state.history,
            **{name: len(getattr(state, name)) for name in _LISTS},
        }
        with atomic_path(self.path) as temporary:
            np.savez(temporary, head=np.asarray(json.dumps(head)), **arrays)
        self._written_s = time.monotonic()
