"""The depth of the canonical face over the output grid, and its correction to the depth of one face.

The canonical surface is built once per process; frontal.py uses it.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.core.sizes import FACE_SIDE_PX
from emodal_data.face.geometry import Floats, canonical_face
from emodal_data.face.pose import vertices_of

Grid = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]

#: The crop, the same for every face: from below the chin of an open mouth to above raised brows.
BOTTOM_CM, TOP_CM = -11.0, 6.0
PX_PER_CM = FACE_SIDE_PX / (TOP_CM - BOTTOM_CM)
#: Beyond the outline of the face the surface recedes: centimetres of depth per centimetre out, and the least depth.
_FALL, _BACK_CM = 6.0, -9.0
#: Reach of a depth correction at a landmark (standard deviation of its bell).
_REACH_CM = 1.3
#: Output pixels per pixel of the coarse grid on which corrections are spread.
_COARSE_PX = 4


@dataclass(frozen=True, eq=False)
class Surface:
    """The canonical face over the output grid; beyond its outline the surface recedes.

    x_cm, y_cm, depth_cm: (128, 128), the axes of the canonical face. inside: (128, 128) bool, the face.
    """

    x_cm: Grid
    y_cm: Grid
    depth_cm: Grid
    inside: npt.NDArray[np.bool_]

    def with_depth_of(self, points_cm: Floats) -> Grid:
        """(128, 128) depth corrected to pass near a face's own points. points_cm: (68 or 468, 3)."""
        generic = canonical_face().vertices_cm[vertices_of(len(points_cm)).numbers]
        difference = (points_cm[:, 2] - generic[:, 2]).astype(np.float32)
        coarse = (_spread(len(points_cm)) @ difference).reshape(FACE_SIDE_PX // _COARSE_PX, -1)
        fine = cv2.resize(coarse, (FACE_SIDE_PX, FACE_SIDE_PX), interpolation=cv2.INTER_LINEAR)
        return np.asarray(self.depth_cm + fine, dtype=np.float32)


@cache
def canonical_surface() -> Surface:
    """The canonical face over the output grid."""
    face = canonical_face()
    x, y = _grid(1)
    z = np.full(x.shape, -np.inf)
    a, b, c = face.vertices_cm[face.triangles].transpose(1, 2, 0)
    twice_area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    left, low, _ = np.minimum(np.minimum(a, b), c)
    right, high, _ = np.maximum(np.maximum(a, b), c)
    # One pixel more, because of rounding.
    column, row = (np.maximum(0, np.searchsorted(*each) - 1) for each in ((x[0], left), (-y[:, 0], -high)))
    columns, rows = (
        np.minimum(FACE_SIDE_PX, np.searchsorted(*each) + 1) - first
        for each, first in (((x[0], right), column), ((-y[:, 0], -low), row))
    )
    # Of each triangle that is not seen from behind, all pixels of the rectangle around it.
    pixels = columns * rows * (twice_area > 0)
    of = np.repeat(np.arange(len(pixels)), pixels)
    number = np.arange(len(of)) - np.repeat(np.cumsum(pixels) - pixels, pixels)
    places = row[of] + number // columns[of], column[of] + number % columns[of]
    a, b, c, twice_area = a[:, of], b[:, of], c[:, of], twice_area[of]
    across, up = x[places], y[places]
    u = ((across - a[0]) * (c[1] - a[1]) - (up - a[1]) * (c[0] - a[0])) / twice_area
    v = ((b[0] - a[0]) * (up - a[1]) - (b[1] - a[1]) * (across - a[0])) / twice_area
    height = a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2])
    is_covered = (u >= 0) & (v >= 0) & (u + v <= 1)
    np.maximum.at(z, places, np.where(is_covered, height, -np.inf))
    inside = np.isfinite(z)
    distance_px, nearest = _nearest_inside(inside)
    z[~inside] = z[nearest] - _FALL * distance_px / PX_PER_CM
    z = np.maximum(z, _BACK_CM)
    # The blur smooths the edges of the triangles.
    z = cv2.GaussianBlur(z, (0, 0), 1.0)
    return Surface(x.astype(np.float32), y.astype(np.float32), z.astype(np.float32), inside)


def _nearest_inside(inside: npt.NDArray[np.bool_]) -> tuple[Floats, tuple[Places, Places]]:
    """For each pixel outside, the distance to the nearest pixel inside, and the rows and the columns of those.

    Of several, the one furthest left, then up. The distance transform of scipy gives the same, but its import costs 0.2
    CPU-s a process. OpenCV labels approximate distances only: the depth would change by up to 0.13 cm.
    """
    edge = inside & (cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    columns, rows = np.nonzero(edge.T)
    y, x = np.nonzero(~inside)
    # In 16 bits, which hold all squares of the grid, this takes a tenth of the time.
    lengths = np.arange(FACE_SIDE_PX, dtype=np.int16)[:, np.newaxis]
    squares = ((lengths - rows.astype(np.int16)) ** 2)[y] + ((lengths - columns.astype(np.int16)) ** 2)[x]
    nearest = squares.argmin(axis=1)
    return np.sqrt(squares.min(axis=1), dtype=np.float64), (rows[nearest], columns[nearest])


@cache
def _spread(points: int) -> Grid:
    """(coarse pixels, points) weights that spread corrections from the landmarks; rows sum to at most 1.

    The landmarks have their places on the canonical face, which is accurate enough for a smooth correction.
    """
    places = canonical_face().vertices_cm[vertices_of(points).numbers]
    x, y = (values.reshape(-1, 1) for values in _grid(_COARSE_PX))
    distance2 = (x - places[:, 0]) ** 2 + (y - places[:, 1]) ** 2
    near = np.exp(-distance2 / (2 * _REACH_CM**2))
    # A second, wide bell reaches places far from every landmark; beyond it the canonical depth stays.
    weights = near + 0.05 * np.exp(-distance2 / (2 * (4 * _REACH_CM) ** 2))
    return np.asarray(weights / (weights.sum(axis=1, keepdims=True) + 1e-2), dtype=np.float32)


def _grid(pixel: int) -> tuple[Floats, Floats]:
    """x and y in centimetres at the centres of square blocks of `pixel` output pixels."""
    centres = (np.arange(FACE_SIDE_PX // pixel) + 0.5) * (pixel / PX_PER_CM)
    x, y = np.meshgrid(centres - FACE_SIDE_PX / PX_PER_CM / 2, TOP_CM - centres)
    return x, y
