"""The measures of a face. emodal_data/clips/gates.py compares them with the thresholds.

All measures are stored, whatever the thresholds, so that a changed threshold never needs the film again.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from emodal_data.face.types import Box, Picture


@dataclass(frozen=True)
class FaceMeasures:
    """The measures of one face, in pixels of the film.

    face_score, landmark_score: 0 to 1. face_width_px: width of the box. sharpness: of the aligned face (see
    the function; small is blurred). yaw_deg, pitch_deg, roll_deg: pose in the film; a far yaw comes from the
    detector's keypoints. mirrored_fraction: share of the frontal face filled from its other side.
    faces_in_frame: number of faces found. dominance: the area of this face as a share of its own and the largest other
    face's (1 if alone, 0.5 for a tie). outside_fraction: share of the box beyond the frame. x0, y0, x1, y1: the box.
    blur_px: blur of the face's edges in pixels of the frontal picture (see blur.py). view_score: whether the frontal
    picture shows a whole face, 0 to 1.
    """

    face_score: float
    landmark_score: float
    face_width_px: float
    sharpness: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    mirrored_fraction: float
    faces_in_frame: int
    dominance: float
    outside_fraction: float
    x0: float
    y0: float
    x1: float
    y1: float
    blur_px: float
    view_score: float


def sharpness(image: Picture) -> float:
    """Variance of the Laplacian of an aligned face over its own variance: independent of brightness and contrast.

    image: (h, w) uint8 gray. A constant image has 0. Source: Pech-Pacheco et al. 2000 (variance of Laplacian).
    """
    variance = float(image.var())
    if variance == 0.0:
        return 0.0
    return float(cv2.Laplacian(image, cv2.CV_32F).var()) / variance


def outside_fraction(box_xyxy: Box, width_px: int, height_px: int) -> float:
    """Share of a box's area that lies beyond a frame of the given size, 0 to 1."""
    x0, y0, x1, y1 = box_xyxy
    inside = max(0.0, min(x1, width_px) - max(x0, 0.0)) * max(0.0, min(y1, height_px) - max(y0, 0.0))
    area = (x1 - x0) * (y1 - y0)
    return float(np.clip(1.0 - inside / area, 0.0, 1.0)) if area > 0 else 1.0
