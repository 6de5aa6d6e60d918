"""Frame sequences of different lengths that are read like an array, and how they are padded into a batch.

Shorter rows of a batch end with frames of zeros. A real frame never has 68 zeros, so these frames mark the padding.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np


class Sequences:
    """Rows of (frames, features) float32, each with its own number of frames; only batches are copied."""

    def __init__(self, rows: Sequence[np.ndarray]) -> None:
        self._rows = list(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self._rows)

    def __getitem__(self, chosen: Any) -> np.ndarray:
        """The rows of a slice, a mask or indices, (rows, longest, features), padded with zeros."""
        rows = self.take(chosen)._rows
        longest, width = max((len(row) for row in rows), default=1), self._rows[0].shape[1]
        padded = np.zeros((len(rows), longest, width), np.float32)
        for place, row in zip(padded, rows, strict=True):
            place[: len(row)] = row
        return padded

    def take(self, chosen: Any) -> "Sequences":
        """The rows of a slice, a mask or indices, in that order; nothing is copied."""
        return Sequences([self._rows[index] for index in np.arange(len(self))[chosen]])

    def mean_and_std(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and population standard deviation of each feature over all frames, (features,) float64 each."""
        frames = sum(len(row) for row in self._rows)
        mean = sum(row.sum(axis=0, dtype=np.float64) for row in self._rows) / frames
        squares = sum(((row - mean) ** 2).sum(axis=0) for row in self._rows) / frames
        return np.asarray(mean), np.sqrt(np.asarray(squares))
