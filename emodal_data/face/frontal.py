"""Turns a face to the front: only the pose of the head is removed, so the expression stays.

Every output pixel is a point on the surface of a frontal face; the pose gives the point's place in the photo. The
hidden side of the face is filled from the other side, with a soft border that spares eyes and mouth, in its own light.
"""

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.core.sizes import FACE_SIDE_PX
from emodal_data.face.geometry import LANDMARKS68, Floats, canonical_face
from emodal_data.face.pose import Head, Pose, fit_head
from emodal_data.face.surface import PX_PER_CM, TOP_CM, Grid, Surface, canonical_surface
from emodal_data.face.types import AnyPicture, Picture, Points, around, as_picture

#: Width in the photo of an output pixel, as a share of its width in a frontal photo: below the first it counts as
#: hidden, above the second as seen.
HIDDEN_DENSITY, SEEN_DENSITY = 0.15, 0.45
#: The further a head is turned, the less is known of its far side. From the first yaw on a part of it is used; from
#: the second yaw on only the part within this distance of the middle of the face.
FAR_FROM_DEG, FAR_TO_DEG, MIDDLE_CM = 36.0, 44.0, 1.0
#: Distance of the far side's edge from the middle of the face.
_EDGE_CM = 9.0
#: An eye, or a half of the mouth, of which a larger share is hidden is mirrored as a whole; else none of it is.
HIDDEN_SHARE = 0.1
#: Softness of the border between seen and mirrored pixels.
SEAM_PX = 3.0
_BORDER = np.ones((7, 7), np.uint8)
#: The largest factors by which the brightness of one side is matched to the other: of the light, of what it leaves.
MAX_LIGHT, MAX_GAIN = 4.0, 1.6
#: Side of the cells in which the light is compared, in output pixels; and the fit's weight of no difference, in cells.
_CELL_PX, _RIDGE_CELLS = 8, 0.1
#: Where the face ends, in halves of the picture.
_FACE_HALVES = 0.8
#: Reach of what is matched beyond the light: standard deviation in output pixels.
_MATCH_PX = 8.0
#: A face larger than the output by this factor is shrunk first, because remapping alone would alias.
SHRINK_FROM = 1.5


@dataclass(frozen=True, eq=False)
class Frontal:
    """A face seen from the front.

    image: (128, 128) uint8 gray. yaw_deg, pitch_deg, roll_deg: the pose that was removed (see Pose).
    mirrored_fraction: share of the face that was filled from its other side, 0 to 1. scale: pixels of the photo per
    pixel of `image`. head: the head that was fitted to the landmarks.
    """

    image: Picture
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    mirrored_fraction: float
    scale: float
    head: Head


def frontalize(picture: AnyPicture, landmarks: Points) -> Frontal:
    """The face of `landmarks` seen from the front, gray.

    picture: (h, w, 3) RGB or (h, w) gray, uint8, or whatever as_rgb accepts. landmarks: (68, 2) pixels of it, iBUG
    order; or all 468 mesh points, (468, 2 or more), which give the depth of this face in more places.
    Raises InputError for other arrays; Dropped(NO_FACE) as fit_head does, and if the whole face lies outside.
    """
    picture = as_picture(picture)
    head = fit_head(landmarks)
    surface = canonical_surface()
    depth_cm = surface.with_depth_of(head.points_cm)
    where_x, where_y = _project(head.pose, surface, depth_cm)
    scale = head.pose.scale_px_per_cm / PX_PER_CM
    height, width = picture.shape[:2]
    in_picture = (where_x >= 0) & (where_x <= width - 1) & (where_y >= 0) & (where_y <= height - 1)
    if not (in_picture & surface.inside).any():
        raise Dropped(Reason.NO_FACE, f"the landmarks lie outside of the picture of {width}x{height} pixels")
    image = _sample(picture, where_x, where_y, scale)
    seen = _seen(depth_cm, head.pose.rotation[2]) * _known(surface.x_cm, head.pose.yaw_deg) * in_picture
    image, mirrored = _fill_from_other_side(image, seen)
    fraction = float((mirrored * surface.inside).sum() / surface.inside.sum())
    rounded = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return Frontal(rounded, head.pose.yaw_deg, head.pose.pitch_deg, head.pose.roll_deg, fraction, scale, head)


def _project(pose: Pose, surface: Surface, depth_cm: Grid) -> tuple[Grid, Grid]:
    """The place of each output pixel in the picture: x and y, (128, 128) pixels each."""
    (xx, xy, xz), (yx, yy, yz), _ = pose.scale_px_per_cm * pose.rotation
    x = pose.centre_px[0] + xx * surface.x_cm + xy * surface.y_cm + xz * depth_cm
    y = pose.centre_px[1] - yx * surface.x_cm - yy * surface.y_cm - yz * depth_cm
    return np.asarray(x, dtype=np.float32), np.asarray(y, dtype=np.float32)


def _sample(picture: AnyPicture, where_x: Grid, where_y: Grid, shrink: float) -> Grid:
    """Gray values at (128, 128) pixel positions; `shrink`: picture pixels per output pixel."""
    height, width = picture.shape[:2]
    columns, rows = around(where_x, width), around(where_y, height)
    part = picture[rows, columns]
    gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY) if part.ndim == 3 else part
    where_x, where_y = where_x - columns.start, where_y - rows.start
    if shrink > SHRINK_FROM:
        high, wide = gray.shape
        size = max(1, round(wide / shrink)), max(1, round(high / shrink))
        where_x = (where_x + 0.5) * np.float32(size[0] / wide) - np.float32(0.5)
        where_y = (where_y + 0.5) * np.float32(size[1] / high) - np.float32(0.5)
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    sampled = cv2.remap(gray, where_x, where_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, dtype=np.float32)


def _seen(depth_cm: Grid, viewer: Floats) -> Grid:
    """How well the photo shows each output pixel, 0 to 1. viewer: (3,) unit vector from the face to the camera.

    On lines across the face, away from the viewer, the place in the photo must grow. Where the nose or a cheek in front
    has already reached further, the face is hidden. The growth per output pixel is its width in the photo.
    """
    right, up, toward = viewer
    # The grid is turned until those lines are its rows.
    angle = math.atan2(up, -right)
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    depth_along_cm = _turned(depth_cm, turn)
    along_cm = np.arange(FACE_SIDE_PX, dtype=np.float32) / np.float32(PX_PER_CM)
    across = np.float32(toward) * along_cm + np.float32(math.hypot(right, up)) * depth_along_cm
    growth = np.diff(np.maximum.accumulate(across, axis=1), axis=1) * np.float32(PX_PER_CM)
    density = np.concatenate([growth[:, :1], growth], axis=1)
    seen = (density - np.float32(HIDDEN_DENSITY)) / np.float32(SEEN_DENSITY - HIDDEN_DENSITY)
    return _turned(np.clip(seen, 0, 1), turn.T)


def _known(x_cm: Grid, yaw_deg: float) -> Grid:
    """1 where the photo's pixels are used, 0 on the part of the far side that is always mirrored."""
    given_up = min(max((abs(yaw_deg) - FAR_FROM_DEG) / (FAR_TO_DEG - FAR_FROM_DEG), 0.0), 1.0)
    border_cm = _EDGE_CM + given_up * (MIDDLE_CM - _EDGE_CM)
    return np.asarray(x_cm * math.copysign(1.0, yaw_deg) <= border_cm, dtype=np.float32)


def _turned(grid: Grid, turn: Floats) -> Grid:
    """The grid about its middle: each place has what is at `turn` times the place."""
    middle = np.full(2, (FACE_SIDE_PX - 1) / 2)
    matrix = np.column_stack([turn, middle - turn @ middle])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    turned = cv2.warpAffine(grid, matrix, grid.shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, dtype=np.float32)


def _fill_from_other_side(image: Grid, seen: Grid) -> tuple[Grid, Grid]:
    """The image with hidden pixels filled from its mirror image if they are seen there; and the share mirrored."""
    if seen.min() == 1:
        return image, np.zeros_like(seen)
    seen = _with_whole_organs(seen)
    # The soft border lies within the seen part, because the hidden part shows the background, which must not leak in.
    seen = cv2.GaussianBlur(cv2.erode(seen, _BORDER), (0, 0), SEAM_PX)
    share = np.maximum(seen[:, ::-1] - seen, 0)
    mirror_image = image[:, ::-1] * _light(image, seen)
    mirror_image *= _gain(image, mirror_image, seen)
    return image + share * (mirror_image - image), share


def _with_whole_organs(seen: Grid) -> Grid:
    """`seen`, changed so that its border runs through no eye, and through the mouth only in its middle."""
    seen = seen.copy()
    margin = _BORDER.shape[0] // 2
    for rows, columns in _organs():
        if (seen[rows, columns] > 0).mean() < 1 - HIDDEN_SHARE:
            seen[rows, columns] = 0
        else:
            around = (slice(part.start - margin, part.stop + margin) for part in (rows, columns))
            seen[tuple(around)] = 1
    return seen


@cache
def _organs() -> tuple[tuple[slice, slice], ...]:
    """Rows and columns of each eye and of each half of the mouth, which may be open."""
    organs = []
    for points, below_cm in ((slice(42, 48), 0.35), (slice(48, 68), 1.2)):
        places_cm = canonical_face().vertices_cm[LANDMARKS68[points], :2]
        (left, low), (right, high) = places_cm.min(axis=0), places_cm.max(axis=0)
        top, bottom = PX_PER_CM * (TOP_CM - high - 0.35), PX_PER_CM * (TOP_CM - low + below_cm)
        near, far = PX_PER_CM * max(left - 0.25, 0.0), PX_PER_CM * (right + 0.25)
        middle = FACE_SIDE_PX / 2
        rows = slice(round(top), round(bottom))
        organs += [
            (rows, slice(round(middle + near), round(middle + far))),
            (rows, slice(round(middle - far), round(middle - near))),
        ]
    return tuple(organs)


def _light(image: Grid, seen: Grid) -> Grid:
    """The factor by which the light of a place exceeds that of its mirror place, low-order over the face.

    Its logarithm is a step at the middle, a slope across and a twist, fitted in cells where both sides are seen. It
    reaches the places that only one side shows.
    """
    both = (seen * seen[:, ::-1]) ** 2 * canonical_surface().inside
    values = np.dstack([both, image * both, image[:, ::-1] * both])
    cells = cv2.resize(values, None, fx=1 / _CELL_PX, fy=1 / _CELL_PX, interpolation=cv2.INTER_AREA)
    weight, here, there = cells.reshape(-1, 3).T
    # A few gray levels keep the ratio of dark places near 1.
    floor = 4 * weight + np.float32(0.01)
    terms, terms_of_cells = _light_terms()
    weighted = terms_of_cells * weight[:, np.newaxis]
    prior = _RIDGE_CELLS * np.eye(len(terms), dtype=np.float32)
    logs = weighted.T @ np.log((here + floor) / (there + floor))
    light = np.tensordot(np.linalg.solve(weighted.T @ terms_of_cells + prior, logs), terms, axes=1)
    limit = math.log(MAX_LIGHT)
    return np.asarray(np.exp(np.clip(light, -limit, limit)), dtype=np.float32)


@cache
def _light_terms() -> tuple[Grid, Grid]:
    """(3, 128, 128): each changes its sign from one side to the other; and their means in cells, (cells, 3)."""
    surface = canonical_surface()
    half_cm = np.float32(FACE_SIDE_PX / PX_PER_CM / 2)
    places = surface.x_cm / half_cm, (surface.y_cm - TOP_CM) / half_cm + 1
    # Beside the face the light is that of its edge.
    x, y = (np.clip(place, -_FACE_HALVES, _FACE_HALVES) for place in places)
    terms = np.stack([np.tanh(3 * x), x, x * y])
    cells = cv2.resize(
        terms.transpose(1, 2, 0), None, fx=1 / _CELL_PX, fy=1 / _CELL_PX, interpolation=cv2.INTER_AREA
    )
    return terms, cells.reshape(-1, len(terms))


def _gain(image: Grid, mirror_image: Grid, seen: Grid) -> Grid:
    """A smooth factor that matches the mirrored side's brightness to this side's, measured where both are seen."""
    both = (seen * seen[:, ::-1]) ** 2
    # A quarter of the resolution is enough, and a wide blur is cheap there.
    sides = np.dstack([image * both, mirror_image * both])
    small = cv2.resize(sides, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    here, there = cv2.split(cv2.GaussianBlur(small, (0, 0), _MATCH_PX / 4, borderType=cv2.BORDER_CONSTANT))
    # A quarter of a gray level keeps the ratio near 1 where no pixel nearby is seen on both sides.
    floor = 0.25
    gain = np.clip((here + floor) / (there + floor), 1 / MAX_GAIN, MAX_GAIN)
    return np.asarray(cv2.resize(gain, (FACE_SIDE_PX, FACE_SIDE_PX), interpolation=cv2.INTER_LINEAR))
