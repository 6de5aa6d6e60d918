"""Turns a face to the front: only the pose of the head is removed, so the expression stays.

Every output pixel is a point on the surface of a frontal face; the pose gives the point's place in the photo. The
hidden side of the face is filled from the other side, with a soft border and matched brightness.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.core.sizes import FACE_SIDE_PX
from emodal_data.face.pose import Pose, fit_head
from emodal_data.face.surface import PX_PER_CM, Grid, Surface, canonical_surface
from emodal_data.face.types import Picture, Points

#: Width in the photo of an output pixel, as a share of its width in a frontal photo: below the first it counts as
#: hidden, above the second as seen.
HIDDEN_DENSITY, SEEN_DENSITY = 0.15, 0.45
#: The further a head is turned, the less is known of its far side. From the first yaw on a part of it is used; from
#: the second yaw on only the part within this distance of the middle of the face.
FAR_FROM_DEG, FAR_TO_DEG, MIDDLE_CM = 28.0, 36.0, 1.0
#: Distance of the far side's edge from the middle of the face.
_EDGE_CM = 9.0
#: Softness of the border between seen and mirrored pixels.
SEAM_PX = 3.0
_BORDER = np.ones((7, 7), np.uint8)
#: The largest factor by which the brightness of one side is matched to the other.
MAX_GAIN = 1.6
#: A face larger than the output by this factor is shrunk first, because remapping alone would alias.
SHRINK_FROM = 1.5


@dataclass(frozen=True, eq=False)
class Frontal:
    """A face seen from the front.

    image: (128, 128) uint8 gray. yaw_deg, pitch_deg, roll_deg: the pose that was removed (see Pose).
    mirrored_fraction: share of the face that was filled from its other side, 0 to 1. scale: pixels of the photo per
    pixel of `image`.
    """

    image: Picture
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    mirrored_fraction: float
    scale: float


def frontalize(picture: npt.NDArray[np.uint8], landmarks: Points) -> Frontal:
    """The face of `landmarks` seen from the front, gray.

    picture: (h, w, 3) RGB or (h, w) gray, uint8. landmarks: (68, 2) pixels of it, iBUG order; or all 468 mesh
    points, (468, 2 or more), which give the depth of this face in more places.
    """
    head = fit_head(landmarks)
    surface = canonical_surface()
    depth_cm = surface.with_depth_of(head.points_cm)
    where_x, where_y = _project(head.pose, surface, depth_cm)
    scale = head.pose.scale_px_per_cm / PX_PER_CM
    image = _sample(picture, where_x, where_y, scale)
    height, width = picture.shape[:2]
    in_picture = (where_x >= 0) & (where_x <= width - 1) & (where_y >= 0) & (where_y <= height - 1)
    seen = _seen(surface.x_cm, depth_cm, math.radians(head.pose.yaw_deg)) * in_picture
    seen *= _known(surface.x_cm, head.pose.yaw_deg)
    image, mirrored = _fill_from_other_side(image, seen)
    fraction = float((mirrored * surface.inside).sum() / surface.inside.sum())
    rounded = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return Frontal(rounded, head.pose.yaw_deg, head.pose.pitch_deg, head.pose.roll_deg, fraction, scale)


def _project(pose: Pose, surface: Surface, depth_cm: Grid) -> tuple[Grid, Grid]:
    """The place of each output pixel in the picture: x and y, (128, 128) pixels each."""
    (xx, xy, xz), (yx, yy, yz), _ = pose.scale_px_per_cm * pose.rotation
    x = pose.centre_px[0] + xx * surface.x_cm + xy * surface.y_cm + xz * depth_cm
    y = pose.centre_px[1] - yx * surface.x_cm - yy * surface.y_cm - yz * depth_cm
    return np.asarray(x, dtype=np.float32), np.asarray(y, dtype=np.float32)


def _sample(picture: npt.NDArray[np.uint8], where_x: Grid, where_y: Grid, shrink: float) -> Grid:
    """Gray values at (128, 128) pixel positions; `shrink`: picture pixels per output pixel."""
    height, width = picture.shape[:2]
    left, right = _window(where_x, width)
    top, bottom = _window(where_y, height)
    part = picture[top:bottom, left:right]
    gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY) if part.ndim == 3 else part
    where_x, where_y = where_x - left, where_y - top
    if shrink > SHRINK_FROM:
        size = max(1, round((right - left) / shrink)), max(1, round((bottom - top) / shrink))
        where_x = (where_x + 0.5) * np.float32(size[0] / (right - left)) - np.float32(0.5)
        where_y = (where_y + 0.5) * np.float32(size[1] / (bottom - top)) - np.float32(0.5)
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    sampled = cv2.remap(gray, where_x, where_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, dtype=np.float32)


def _window(where: Grid, length: int) -> tuple[int, int]:
    """First and last-plus-one of the pixels around the positions, at least one, within the picture."""
    low = min(max(math.floor(where.min()) - 2, 0), length - 1)
    return low, max(low + 1, min(math.ceil(where.max()) + 3, length))


def _seen(x_cm: Grid, depth_cm: Grid, yaw_rad: float) -> Grid:
    """How well the photo shows each output pixel, 0 to 1.

    Along a row of the face, x in the photo must grow. Where the nose or a cheek in front has already reached
    further, the face is hidden. The growth per output pixel is its width in the photo.
    """
    # A head turned to the left is the mirror image of one turned to the right.
    toward = 1 if yaw_rad >= 0 else -1
    across = toward * (x_cm * math.cos(yaw_rad) + depth_cm * math.sin(yaw_rad))[:, ::toward]
    front = np.maximum.accumulate(across, axis=1)
    growth = np.diff(front, axis=1) * np.float32(PX_PER_CM)
    density = np.concatenate([growth[:, :1], growth], axis=1)[:, ::toward]
    seen = (density - np.float32(HIDDEN_DENSITY)) / np.float32(SEEN_DENSITY - HIDDEN_DENSITY)
    return np.asarray(np.clip(seen, 0, 1), dtype=np.float32)


def _known(x_cm: Grid, yaw_deg: float) -> Grid:
    """1 where the photo's pixels are used, 0 on the part of the far side that is always mirrored."""
    given_up = min(max((abs(yaw_deg) - FAR_FROM_DEG) / (FAR_TO_DEG - FAR_FROM_DEG), 0.0), 1.0)
    border_cm = _EDGE_CM + given_up * (MIDDLE_CM - _EDGE_CM)
    return np.asarray(x_cm * math.copysign(1.0, yaw_deg) <= border_cm, dtype=np.float32)


def _fill_from_other_side(image: Grid, seen: Grid) -> tuple[Grid, Grid]:
    """The image with hidden pixels filled from its mirror image if they are seen there; and the share mirrored."""
    if seen.min() == 1:
        return image, np.zeros_like(seen)
    # The soft border lies within the seen part, because the hidden part shows the background, which must not leak in.
    seen = cv2.GaussianBlur(cv2.erode(seen, _BORDER), (0, 0), SEAM_PX)
    share = (1 - seen) * seen[:, ::-1]
    mirror_image = image[:, ::-1] * _gain(image, seen)
    return image + share * (mirror_image - image), share


def _gain(image: Grid, seen: Grid) -> Grid:
    """A smooth factor that matches the mirrored side's brightness to this side's, measured where both are seen."""
    both = seen * seen[:, ::-1]
    # Light changes slowly over a face, so a quarter of the resolution is enough and a wide blur is cheap.
    sides = np.dstack([image * both, image[:, ::-1] * both])
    small = cv2.resize(sides, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    here, there = cv2.split(cv2.GaussianBlur(small, (0, 0), 4.0, borderType=cv2.BORDER_CONSTANT))
    # A quarter of a gray level keeps the ratio near 1 where no pixel nearby is seen on both sides.
    floor = 0.25
    gain = np.clip((here + floor) / (there + floor), 1 / MAX_GAIN, MAX_GAIN)
    return np.asarray(cv2.resize(gain, (FACE_SIDE_PX, FACE_SIDE_PX), interpolation=cv2.INTER_LINEAR))
