"""The 468-point face mesh: finds the points of one face in pixels, with a score.

The crop and its rotation follow MediaPipe's face_landmark graph. The score is the model's own face score, times the
agreement between the points of the picture and of its mirror image.
"""

import math
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.face.geometry import canonical_face
from emodal_data.face.models import Model, Tensor, sigmoid
from emodal_data.face.types import AnyPicture, Detection, Look, Points, around

MODEL = "face_landmark.tflite"
#: Side of the crop in sides of the face's mesh: the model was trained with this margin.
CROP_SIDES = 1.5
#: The crop by a detection with keypoints: its side in sides of the box; its centre, in an upright face: from the middle
#: of the box toward the nose by these shares across and down, and up by a share of the box. Fitted to where the mesh of
#: 600 detected faces lies; with a tenth more, landmarks of drawn faces are as near as with a crop by an earlier mesh.
BOX_SIDES = 1.6
TOWARD_NOSE = np.array([0.3, 0.43])
RAISED_SIDES = 0.05
#: The keypoints of a head that leans further are too rough for that.
LEANING_RAD = math.pi / 4
EYE_LEFT, EYE_RIGHT = 33, 263
#: Mean distance between the points of a picture and of its mirror image, in sides of the crop, at which the agreement
#: is one half. In 99 of 100 faces with a yaw up to 30 degrees the distance is smaller; from 60 degrees on, where the
#: points are guessed, it is larger.
DOUBTFUL_DISAGREEMENT = 0.02


class Mesh:
    """Finds 468 points of a face."""

    def __init__(self) -> None:
        self._model = Model(MODEL)
        self._mirror = canonical_face().mirror

    def __call__(self, rgb: AnyPicture, detection: Detection) -> tuple[Points, float]:
        """Points (468, 3): x, y in pixels, z in pixels away from the camera; and the score, 0 to 1.

        The model runs on the crop and on its mirror image. The points are the mean of the two, so a mirrored photo
        gives mirrored points.
        """
        seen = (
            detection.look if detection.look and detection.look.picture is rgb else self.look(rgb, detection)
        )
        here, there, other_score = seen.points, *self._look(np.asarray(cv2.flip(seen.crop, 1), np.float32))
        there = (there * [-1.0, 1.0, 1.0] + [self._model.side_px - 1.0, 0.0, 0.0])[self._mirror]
        apart = np.linalg.norm((here - there)[:, :2], axis=1).mean() / self._model.side_px
        agreement = 1.0 / (1.0 + float(apart / DOUBTFUL_DISAGREEMENT) ** 4)
        return _in_picture((here + there) / 2, seen.to_picture), min(seen.score, other_score) * agreement

    def look(self, rgb: AnyPicture, detection: Detection) -> Look:
        """One run of the model: is there a face?"""
        crop, to_picture = self._face_crop(rgb, detection)
        return Look(rgb, crop, to_picture, *self._look(crop))

    def _face_crop(self, rgb: AnyPicture, detection: Detection) -> tuple[Tensor, Points]:
        """An upright crop of the face and the (2, 3) map to the picture; see _crop.

        It is cut by the detector's keypoints. If there are none, or the head leans far, by the points of a first look.
        """
        x0, y0, x1, y1 = detection.box_xyxy
        middle, side_px = np.array([(x0 + x1) / 2, (y0 + y1) / 2]), max(x1 - x0, y1 - y0)
        turn_rad = 0.0 if detection.eyes is None else _turn_rad(*detection.eyes)
        if detection.eyes is not None and detection.nose is not None and abs(turn_rad) <= LEANING_RAD:
            rotation = _rotation(turn_rad)
            moved = (detection.nose - middle) @ rotation * TOWARD_NOSE - [0.0, RAISED_SIDES * side_px]
            return self._crop(rgb, middle + rotation @ moved, BOX_SIDES * side_px, turn_rad)
        crop, to_picture = self._crop(rgb, middle, CROP_SIDES * side_px, turn_rad)
        points = _in_picture(self._look(crop)[0], to_picture)
        turn_rad = _turn_rad(points[EYE_LEFT, :2], points[EYE_RIGHT, :2])
        rotation = _rotation(turn_rad)
        upright = points[:, :2] @ rotation
        low, high = upright.min(axis=0), upright.max(axis=0)
        return self._crop(
            rgb, rotation @ ((low + high) / 2), CROP_SIDES * float((high - low).max()), turn_rad
        )

    def _crop(
        self, rgb: AnyPicture, centre: Points, side_px: float, turn_rad: float
    ) -> tuple[Tensor, Points]:
        """The model's input, (side, side, 3) in 0 to 1, and the (2, 3) map from its pixels to the picture's."""
        side = self._model.side_px
        linear = max(side_px, 1.0) / side * _rotation(turn_rad)
        to_picture = np.column_stack([linear, centre - linear @ [side / 2, side / 2]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        corners = centre + (np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]]) * side / 2) @ linear.T
        columns, rows = (
            around(each, length) for each, length in zip(corners.T, rgb.shape[1::-1], strict=True)
        )
        in_part = to_picture - [[0.0, 0.0, columns.start], [0.0, 0.0, rows.start]]
        part = rgb[rows, columns]
        crop = cv2.warpAffine(part, in_part, (side, side), flags=flags, borderMode=cv2.BORDER_CONSTANT)
        return crop.astype(np.float32) / np.float32(255), to_picture

    def _look(self, crop: Tensor) -> tuple[Points, float]:
        """Points (468, 3) in the crop's pixels, and the model's score."""
        raw, logit = self._model(crop)
        return raw.reshape(468, 3).astype(np.float64), float(sigmoid(logit).ravel()[0])


@cache
def loaded_mesh() -> Mesh:
    """The mesh, loaded once in a process."""
    return Mesh()


def _in_picture(points: Points, to_picture: Points) -> Points:
    """Points (n, 3) of a crop, in pixels of the picture that it was cut from."""
    linear = to_picture[:, :2]
    depth = points[:, 2] * math.sqrt(abs(np.linalg.det(linear)))
    return np.column_stack([points[:, :2] @ linear.T + to_picture[:, 2], depth])


def _turn_rad(left: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """In-plane rotation of the line from the image-left eye to the image-right eye."""
    across = np.asarray(right, dtype=np.float64) - np.asarray(left, dtype=np.float64)
    return math.atan2(across[1], across[0])


def _rotation(turn_rad: float) -> Points:
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    return np.array([[cos, -sin], [sin, cos]])
