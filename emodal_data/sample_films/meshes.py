"""Warps a picture by a triangle mesh: gives the source pixel of each output pixel.

Pure functions; the caller knows what the vertices mean.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Map = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]

#: Inverse maps are computed at every third pixel and interpolated: faces are smooth.
STEP_PX = 3
#: Fractional bits of the vertices in cv2.fillConvexPoly.
SHIFT = 4


@dataclass(frozen=True)
class Grid:
    """The centres of cells STEP_PX wide in a picture rendered at `scale`.

    left, top: px of the first cell's corner, even. columns, rows: cells, even, so that chroma has whole samples.
    """

    scale: float
    left: int
    top: int
    columns: int
    rows: int

    @classmethod
    def over(cls, box: tuple[float, float, float, float], scale: float) -> "Grid":
        """The grid that covers a box, x0, y0, x1, y1 in the picture at scale 1."""
        x0, y0, x1, y1 = (side * scale for side in box)
        left, top = math.floor(x0 / 2) * 2, math.floor(y0 / 2) * 2
        cells = (math.ceil((x1 - left) / (2 * STEP_PX)) * 2, math.ceil((y1 - top) / (2 * STEP_PX)) * 2)
        return cls(scale, left, top, *cells)


def inverse_map(target: Floats, depth: Floats, source: Floats, triangles: Ints, size: tuple[int, int]) -> Map:
    """The source of each output pixel, (h, w, 2) x and y in the source; -1e4 outside all triangles.

    target, source: (n, 2) px of the vertices in the output and in the source. depth: (n,) larger is nearer.
    size: (w, h) of the output. Nearer triangles cover farther ones (painter's algorithm).
    """
    width, height = size
    order = np.argsort(depth[triangles].mean(axis=1), kind="stable")
    corners = np.round(target * (1 << SHIFT)).astype(np.int32)[triangles]
    number = np.full((height, width), -1, np.int32)
    for index in order:
        cv2.fillConvexPoly(number, corners[index], int(index), lineType=cv2.LINE_8, shift=SHIFT)
    affine = _affine(target[triangles], source[triangles])
    ys, xs = np.nonzero(number >= 0)
    rows = affine[number[ys, xs]]
    mapped = np.full((height, width, 2), -1e4, np.float32)
    mapped[ys, xs] = rows[:, :, 0] * xs[:, None] + rows[:, :, 1] * ys[:, None] + rows[:, :, 2]
    return mapped


def _affine(target: Floats, source: Floats) -> Map:
    """(t, 2, 3): for each triangle the affine map from its target corners, (t, 3, 2), to its source corners."""
    origin = target[:, 0]
    a, b = target[:, 1] - origin, target[:, 2] - origin
    determinant = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    # A triangle seen edge-on covers almost no pixel, so any finite map will do.
    determinant = np.where(np.abs(determinant) < 1e-3, 1e-3, determinant)
    u, v = source[:, 1] - source[:, 0], source[:, 2] - source[:, 0]
    along_x = (u * b[:, 1:2] - v * a[:, 1:2]) / determinant[:, None]
    along_y = (v * a[:, 0:1] - u * b[:, 0:1]) / determinant[:, None]
    constant = source[:, 0] - along_x * origin[:, 0:1] - along_y * origin[:, 1:2]
    return np.stack([along_x, along_y, constant], axis=2).astype(np.float32)
