"""Turning a face to the front: only the head's pose is taken out, so what the face expresses stays.

Every output pixel is a point on a face surface in front of the viewer; the pose says where the photo shows it.
The side that the head hides is filled from the other one, softly and at matched brightness.
"""

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from emodal_data.face.geometry import Floats, canonical_face
from emodal_data.face.parcels import Picture, Points
from emodal_data.face.pose import Pose, fit_pose

Gray = npt.NDArray[np.float32]

SIDE_PX = 128
#: The crop, the same for every face: from below an open mouth's chin to above raised brows.
BOTTOM_CM, TOP_CM = -11.0, 6.0
PX_PER_CM = SIDE_PX / (TOP_CM - BOTTOM_CM)
#: Photo pixels an output pixel of the frontal view gets across, as a share of what it gets in a frontal
#: photo: below the first it counts as hidden, above the second as seen.
HIDDEN_DENSITY, SEEN_DENSITY = 0.15, 0.45
#: Softness of the border between seen and mirrored, pixels.
SEAM_PX = 3.0
#: How far the two sides' brightness may be matched, as a factor.
MAX_GAIN = 1.6
#: A face shown larger than the output by this factor is shrunk first: remapping alone would alias.
SHRINK_FROM = 1.5


@dataclass(frozen=True, eq=False)
class Frontal:
    """A face seen from the front.

    image: (128, 128) uint8 gray. yaw_deg, pitch_deg, roll_deg: the pose that was taken out (see Pose).
    mirrored_fraction: share of the face that was filled from its other side, 0 to 1.
    """

    image: Picture
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    mirrored_fraction: float


@dataclass(frozen=True, eq=False)
class Surface:
    """The face as a height over the output grid. points_cm: (128, 128, 3). inside: (128, 128) bool, the face."""

    points_cm: Floats
    inside: npt.NDArray[np.bool_]


def frontalize(picture: npt.NDArray[np.uint8], landmarks68: Points) -> Frontal:
    """The face of `landmarks68` seen from the front, gray.

    picture: (h, w, 3) RGB or (h, w) gray, uint8. landmarks68: (68, 2) pixels of it.
    """
    return frontal_view(picture, fit_pose(landmarks68))


def frontal_view(picture: npt.NDArray[np.uint8], pose: Pose) -> Frontal:
    """The face at `pose` seen from the front, gray. picture: (h, w, 3) RGB or (h, w) gray, uint8."""
    surface = _canonical_surface()
    where = pose.project(surface.points_cm.reshape(-1, 3)).reshape(SIDE_PX, SIDE_PX, 2)
    image = _sample(picture, where, pose.scale_px_per_cm / PX_PER_CM)
    height, width = picture.shape[:2]
    in_picture = ((where >= 0) & (where <= [width - 1, height - 1])).all(axis=2)
    seen = _seen(surface, math.radians(pose.yaw_deg)) * in_picture
    image, taken = _fill_from_other_side(image, seen)
    fraction = float((taken * surface.inside).sum() / surface.inside.sum())
    rounded = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return Frontal(rounded, pose.yaw_deg, pose.pitch_deg, pose.roll_deg, fraction)


def _sample(picture: npt.NDArray[np.uint8], where: Points, shrink: float) -> Gray:
    """Gray values at (128, 128, 2) pixel positions; `shrink`: photo pixels per output pixel."""
    height, width = picture.shape[:2]
    low = np.clip(np.floor(where.min(axis=(0, 1))) - 2, 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(where.max(axis=(0, 1))) + 3, low + 1, [width, height]).astype(int)
    part = picture[low[1] : high[1], low[0] : high[0]]
    gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY) if part.ndim == 3 else part
    where = where - low
    if shrink > SHRINK_FROM:
        size = np.maximum(1, np.rint((high - low) / shrink)).astype(int)
        gray = cv2.resize(gray, tuple(size.tolist()), interpolation=cv2.INTER_AREA)
        where = (where + 0.5) * (size / (high - low)) - 0.5
    mapped = where.astype(np.float32)
    sampled = cv2.remap(
        gray, mapped[:, :, 0], mapped[:, :, 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(sampled, dtype=np.float32)


def _seen(surface: Surface, yaw_rad: float) -> Gray:
    """How well the photo shows each output pixel, 0 to 1.

    Along a row of the face, the photo's x must grow; where the nose or cheek in front has already reached
    further, the face is hidden. The growth per output pixel is the density of what was photographed.
    """
    x, z = surface.points_cm[:, :, 0], surface.points_cm[:, :, 2]
    across = x * math.cos(yaw_rad) + z * math.sin(yaw_rad)
    if yaw_rad < 0:
        across = -across[:, ::-1]
    front = np.maximum.accumulate(across, axis=1)
    density = np.diff(front, axis=1, prepend=front[:, :1] - (front[:, 1:2] - front[:, :1])) * PX_PER_CM
    if yaw_rad < 0:
        density = density[:, ::-1]
    seen = np.clip((density - HIDDEN_DENSITY) / (SEEN_DENSITY - HIDDEN_DENSITY), 0, 1)
    return seen.astype(np.float32)


def _fill_from_other_side(image: Gray, seen: Gray) -> tuple[Gray, Gray]:
    """The image with what is not seen taken from its mirror image where that is seen; and the share taken."""
    if seen.min() == 1:
        return image, np.zeros_like(seen)
    seen = cv2.GaussianBlur(seen, (0, 0), SEAM_PX)
    taken = (1 - seen) * seen[:, ::-1]
    mirrored = image[:, ::-1] * _gain(image, seen)
    return image + taken * (mirrored - image), taken


def _gain(image: Gray, seen: Gray) -> Gray:
    """Factor that brings the mirrored side to this side's brightness, judged where both are seen, smooth."""
    both = seen * seen[:, ::-1]
    # Light changes slowly over a face, so a quarter of the resolution is enough and a wide blur is cheap.
    sides = np.dstack([image * both, image[:, ::-1] * both])
    small = cv2.resize(sides, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    here, there = cv2.split(cv2.GaussianBlur(small, (0, 0), 4.0, borderType=cv2.BORDER_CONSTANT))
    # A quarter of a gray level keeps the ratio sane where nothing near is seen on both sides.
    floor = 0.25
    gain = np.clip((here + floor) / (there + floor), 1 / MAX_GAIN, MAX_GAIN)
    return np.asarray(cv2.resize(gain, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR))


@cache
def _canonical_surface() -> Surface:
    """The canonical face as a height over the output grid; beyond its outline it goes on at the outline's depth."""
    face = canonical_face()
    centres = (np.arange(SIDE_PX) + 0.5) / PX_PER_CM
    x, y = np.meshgrid(centres - SIDE_PX / PX_PER_CM / 2, TOP_CM - centres)
    z = np.full((SIDE_PX, SIDE_PX), -np.inf)
    for corners in face.vertices_cm[face.triangles]:
        a, b, c = corners[:, :2]
        twice_area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if twice_area <= 0:  # seen from behind
            continue
        u = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / twice_area
        v = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / twice_area
        covered = (u >= 0) & (v >= 0) & (u + v <= 1)
        depth = corners[0, 2] + u * (corners[1, 2] - corners[0, 2]) + v * (corners[2, 2] - corners[0, 2])
        z = np.where(covered, np.maximum(z, depth), z)
    inside = np.isfinite(z)
    nearest = distance_transform_edt(~inside, return_distances=False, return_indices=True)
    # The blur takes the edges off the triangles.
    z = cv2.GaussianBlur(z[tuple(nearest)], (0, 0), 1.0)
    return Surface(np.dstack([x, y, z]), inside)
