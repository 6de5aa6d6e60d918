"""Images that need not fit into memory: decoded once into an unnamed file, and read from it in batches.

The file has no name, so that no image of a face outlives the process, even if the process is killed.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.core.errors import ModelWorkError


class DiskImages:
    """Chosen rows of several image arrays, without a copy of them; it is read like one array.

    parts: arrays of images, (n, height, width) uint8. rows: (m,) indices into their concatenation; None: all, in order.
    """

    def __init__(self, parts: Sequence[np.ndarray], rows: np.ndarray | None = None) -> None:
        self._parts = tuple(parts)
        self._starts = np.cumsum([0, *(len(part) for part in parts)])
        self._rows = np.arange(self._starts[-1]) if rows is None else rows
        self.shape: tuple[int, ...] = (len(self._rows), *self._parts[0].shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, chosen: Any) -> np.ndarray:
        """The images of an index, a slice, a mask or indices, as an array in memory."""
        rows = self._rows[chosen]
        if np.ndim(rows) == 0:
            return np.asarray(self[np.asarray([chosen])][0])
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for number, part in enumerate(self._parts):
            mine = owner == number
            images[mine] = part[rows[mine] - self._starts[number]]
        return images

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def take(self, chosen: np.ndarray) -> "DiskImages":
        """The images of a mask or of indices, in that order; nothing is read."""
        return DiskImages(self._parts, self._rows[chosen])

    @staticmethod
    def join(several: Sequence["DiskImages"]) -> "DiskImages":
        """Concatenate several; nothing is read."""
        starts = np.cumsum([0, *(each._starts[-1] for each in several)])
        rows = [each._rows + start for each, start in zip(several, starts, strict=False)]
        return DiskImages([part for each in several for part in each._parts], np.concatenate(rows))


def on_disk(shape: tuple[int, ...], folder: Path) -> np.ndarray:
    """A uint8 array in an unnamed file of the folder, which is deleted when the process ends.

    Raises ModelWorkError if the disk has no room for it.
    """
    if 0 in shape:
        return np.empty(shape, np.uint8)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            array: np.ndarray = np.memmap(file, np.uint8, "w+", shape=shape)
    except OSError as exc:
        raise ModelWorkError(
            f"{folder}: no room for the images ({exc.strerror or exc}); free some space, or raise model.memory_mb"
        ) from exc
    return array
