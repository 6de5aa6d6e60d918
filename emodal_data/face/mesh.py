"""The 468-point face mesh: one face in, its points in pixels and a landmark score out.

The crop and its turn follow MediaPipe's face_landmark graph; the score is the model's own "a face is here".
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.face.models import Model, sigmoid
from emodal_data.face.parcels import Detection, Picture, Points

MODEL = "face_landmark.tflite"
#: Side of the crop in sides of the face: the model was trained with this margin.
CROP_SIDES = 1.5
EYE_LEFT, EYE_RIGHT = 33, 263


class Mesh:
    """Puts 468 points on a face."""

    def __init__(self) -> None:
        self._model = Model(MODEL)

    def __call__(self, rgb: Picture, detection: Detection) -> tuple[Points, float]:
        """Points (468, 3): x, y in pixels, z in pixels away from the camera; and the score, 0 to 1.

        The first look goes by the detector's box, the second by the first one's points; the second counts.
        """
        x0, y0, x1, y1 = detection.box_xyxy
        eyes = detection.eyes if detection.eyes is not None else np.array([[x0, y0], [x1, y0]])
        side_px = CROP_SIDES * max(x1 - x0, y1 - y0)
        points, _ = self._look(rgb, np.array([(x0 + x1) / 2, (y0 + y1) / 2]), side_px, _turn_rad(*eyes))
        turn_rad = _turn_rad(points[EYE_LEFT, :2], points[EYE_RIGHT, :2])
        rotation = _rotation(turn_rad)
        upright = points[:, :2] @ rotation
        low, high = upright.min(axis=0), upright.max(axis=0)
        centre = rotation @ ((low + high) / 2)
        return self._look(rgb, centre, CROP_SIDES * float((high - low).max()), turn_rad)

    def _look(self, rgb: Picture, centre: Points, side_px: float, turn_rad: float) -> tuple[Points, float]:
        side = self._model.side_px
        scale = max(side_px, 1.0) / side
        linear = scale * _rotation(turn_rad)
        to_picture = np.column_stack([linear, centre - linear @ [side / 2, side / 2]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(rgb, to_picture, (side, side), flags=flags, borderMode=cv2.BORDER_CONSTANT)
        raw, logit = self._model(crop.astype(np.float32) / np.float32(255))
        points = raw.reshape(468, 3).astype(np.float64)
        points[:, :2] = points[:, :2] @ linear.T + to_picture[:, 2]
        points[:, 2] *= scale
        return points, float(sigmoid(logit).ravel()[0])


def _turn_rad(left: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """In-plane turn of the line from the image-left eye to the image-right eye."""
    across = np.asarray(right, dtype=np.float64) - np.asarray(left, dtype=np.float64)
    return math.atan2(across[1], across[0])


def _rotation(turn_rad: float) -> Points:
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    return np.array([[cos, -sin], [sin, cos]])
