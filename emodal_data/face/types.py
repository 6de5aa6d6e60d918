"""The types that the files of this room exchange: pictures, detections, faces, and the interface of a backend."""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from typing_extensions import TypeIs

from emodal_data.core.errors import InputError

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]


class LazyPicture(Protocol):
    """A picture whose RGB is computed where it is asked for. shape: (h, w, 3)."""

    shape: tuple[int, int, int]

    @property
    def whole(self) -> Picture:
        """(h, w, 3) uint8."""
        ...

    def __getitem__(self, part: tuple[slice, slice]) -> Picture:
        """The same as whole[part]: rows and columns."""
        ...

    def shrunk(self, width: int, height: int) -> Picture:
        """The whole picture shrunk by area, (height, width, 3)."""
        ...


AnyPicture = Picture | LazyPicture


#: A picture of 16 bits whose highest value is lower has fewer bits: 12 at most.
_LEAST_16_BIT = 4096


@dataclass(frozen=True, eq=False)
class Detection:
    """A face box. box_xyxy: pixels, may reach beyond the picture. score: 0 to 1.

    eyes: (2, 2) pixels, image left first (of an upright face); nose: (2,) its tip; None if the detector gives none.
    look: what the mesh saw there, if it was asked already.
    """

    box_xyxy: Box
    score: float
    eyes: Points | None = None
    nose: Points | None = None
    look: "Look | None" = None

    @property
    def width_px(self) -> float:
        """Width of the box."""
        return self.box_xyxy[2] - self.box_xyxy[0]

    @property
    def area_px2(self) -> float:
        """Area of the box."""
        return self.width_px * (self.box_xyxy[3] - self.box_xyxy[1])


@dataclass(frozen=True, eq=False)
class Look:
    """What the mesh saw in the crop of a detected face of a picture.

    crop: (side, side, 3) float32, 0 to 1. to_picture: (2, 3) map from its pixels. points: (468, 3), in its pixels.
    score: of a face being there, 0 to 1.
    """

    picture: AnyPicture
    crop: npt.NDArray[np.float32]
    to_picture: Points
    points: Points
    score: float


@dataclass(frozen=True, eq=False)
class Face:
    """A face with its landmarks.

    box_xyxy: pixels, may reach beyond the picture. score, landmark_score: 0 to 1. landmarks68: (68, 2) pixels,
    iBUG order. landmarks468, of backends with a mesh: (468, 3), x and y in pixels, z in pixels away from the
    camera.
    """

    box_xyxy: Box
    score: float
    landmarks68: Points
    landmark_score: float
    landmarks468: Points | None = None


class FaceBackend(Protocol):
    """Detects faces and their landmarks. Pictures are (h, w, 3) uint8 RGB, or give it; see as_rgb()."""

    def detect(self, rgb: AnyPicture) -> list[Detection]:
        """Boxes of all faces, largest first."""
        ...

    def landmarks(self, rgb: AnyPicture, detection: Detection) -> Face:
        """Landmarks of one detected face."""
        ...

    def faces(self, rgb: AnyPicture) -> list[Face]:
        """All faces with landmarks, largest first."""
        ...


def around(where: npt.NDArray[Any], length: int) -> slice:
    """The pixels around some positions along a side of a picture of this length; at least one."""
    low = min(max(math.floor(where.min()) - 2, 0), length - 1)
    return slice(low, max(low + 1, min(math.ceil(where.max()) + 3, length)))


def as_picture(picture: npt.NDArray[Any] | LazyPicture) -> AnyPicture:
    """A picture that is computed where it is asked for, as it is; any other by as_rgb()."""
    return picture if _is_lazy(picture) else as_rgb(picture)


def _is_lazy(picture: object) -> TypeIs[LazyPicture]:
    return hasattr(type(picture), "whole")  # to ask the picture itself would compute it


def as_rgb(picture: npt.NDArray[Any] | LazyPicture) -> Picture:
    """A picture as (h, w, 3) uint8 RGB.

    picture: gray (h, w) or (h, w, 1), RGB, or RGBA (alpha is ignored); uint8, or uint16 of full scale 65535.
    OpenCV reads BGR unless it is asked for RGB, and nothing in an array tells them apart.
    Raises InputError for anything else, also for 8, 10 or 12 bits in a uint16 array.
    """
    if _is_lazy(picture):
        return picture.whole
    if not isinstance(picture, np.ndarray):
        raise InputError(
            f"a picture must be an array, (h, w, 3) uint8, as numpy.asarray gives it; got {type(picture).__name__}"
        )
    if picture.dtype.kind == "u" and picture.dtype.itemsize == 2:  # of either byte order
        if 0 < (highest := int(picture.max(initial=0))) < _LEAST_16_BIT:
            raise InputError(
                f"a uint16 picture has values up to 65535, the highest of this one is {highest}: if it has 8, 10 or "
                "12 bits, scale it or give it as uint8"
            )
        picture = (picture >> 8).astype(np.uint8)
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or 0 in picture.shape:
        raise InputError(
            f"a picture must be uint8 (0 to 255) or uint16 (0 to 65535), gray or RGB; got {picture.dtype} "
            f"{picture.shape}"
        )
    if picture.ndim == 2:
        picture = picture[:, :, np.newaxis]
    if picture.shape[2] == 1:
        picture = np.repeat(picture, 3, axis=2)
    if picture.shape[2] not in (3, 4):
        raise InputError(f"a picture has 1, 3 or 4 channels; got {picture.shape[2]}")
    return np.ascontiguousarray(picture[:, :, :3], dtype=np.uint8)


def as_landmarks(landmarks: npt.ArrayLike, *counts: int) -> Points:
    """Landmarks as (n, 2) pixels, without further columns. Raises InputError unless n is one of the counts."""
    try:
        points = np.asarray(landmarks, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"landmarks must be an array of numbers: {error}") from error
    if points.ndim != 2 or len(points) not in counts or points.shape[1] < 2:
        wanted = " or ".join(f"({count}, 2)" for count in counts)
        raise InputError(f"landmarks must be an array {wanted}, pixels, x before y; got {points.shape}")
    return points[:, :2]
