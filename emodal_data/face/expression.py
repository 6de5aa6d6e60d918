"""Measures of an expression from landmarks: how far mouth and eyes are open, where lip corners and brows are."""

from dataclasses import dataclass

import numpy as np

from emodal_data.face.pose import Head, fit_head
from emodal_data.face.types import Points, as_landmarks

_LEFT_EYE, _RIGHT_EYE = [36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47]
_LEFT_BROW, _RIGHT_BROW = [17, 18, 19, 20, 21], [22, 23, 24, 25, 26]
_UPPER_LIP, _LOWER_LIP = [61, 62, 63], [67, 66, 65]
_LIPS_MIDDLE = [51, 57]
_LEFT_LIDS, _RIGHT_LIDS = ([37, 38], [41, 40]), ([43, 44], [47, 46])
_LEFT_CORNER, _RIGHT_CORNER = 48, 54


@dataclass(frozen=True)
class Expression:
    """An expression in distances between the centres of the eyes, after the pose of the head was removed.

    Left and right are those of the picture. Landmarks are p, iBUG numbers; x to the right and y up on the face.
    mouth_opening: mean distance of p61, p62, p63 from p67, p66, p65 (the inner lips). mouth_width: distance of the lip
    corners p48 and p54. lip_corner_left, lip_corner_right: height of a corner above the middle of p51 and p57.
    brow_left, brow_right: mean height of a brow above the centre of its eye. eye_left, eye_right: mean distance of the
    lids (p37, p38 from p41, p40; p43, p44 from p47, p46).
    """

    mouth_opening: float
    mouth_width: float
    lip_corner_left: float
    lip_corner_right: float
    brow_left: float
    brow_right: float
    eye_left: float
    eye_right: float


def measure_expression(landmarks68: Points, head: Head | None = None) -> Expression:
    """The expression of a face in a picture.

    landmarks68: (68, 2) pixels, iBUG order. head: the head fitted to them, if it is known already.
    Raises Dropped(NO_FACE) if they form no face, see fit_head; InputError if there are not 68.
    """
    points = in_eye_distances(landmarks68, head)
    height = points[:, 1]

    def apart(a: list[int], b: list[int]) -> float:
        return float(np.linalg.norm(points[a] - points[b], axis=1).mean())

    lips = height[_LIPS_MIDDLE].mean()
    return Expression(
        mouth_opening=apart(_UPPER_LIP, _LOWER_LIP),
        mouth_width=apart([_LEFT_CORNER], [_RIGHT_CORNER]),
        lip_corner_left=float(height[_LEFT_CORNER] - lips),
        lip_corner_right=float(height[_RIGHT_CORNER] - lips),
        brow_left=float(height[_LEFT_BROW].mean() - height[_LEFT_EYE].mean()),
        brow_right=float(height[_RIGHT_BROW].mean() - height[_RIGHT_EYE].mean()),
        eye_left=apart(*_LEFT_LIDS),
        eye_right=apart(*_RIGHT_LIDS),
    )


def in_eye_distances(landmarks68: Points, head: Head | None = None) -> Points:
    """(68, 2) distances between the centres of the eyes, x right and y up, from the point between them, without pose.

    landmarks68, head and errors: as measure_expression.
    """
    landmarks68 = as_landmarks(landmarks68, 68)
    points = without_pose(head or fit_head(landmarks68), landmarks68)
    left, right = points[_LEFT_EYE].mean(axis=0), points[_RIGHT_EYE].mean(axis=0)
    return np.asarray((points - (left + right) / 2) / np.linalg.norm(right - left))


def without_pose(head: Head, landmarks68: Points) -> Points:
    """(68, 2) centimetres, x right and y up, in the axes of the face: the landmarks as a frontal view shows them.

    The depth of each landmark is that of the fitted head, so that an expression stays, and an asymmetric one too.
    """
    pose = head.pose
    in_picture_cm = (landmarks68 - pose.centre_px) * [1.0, -1.0] / pose.scale_px_per_cm
    flat = in_picture_cm - np.outer(head.points_cm[:, 2], pose.rotation[:2, 2])
    return np.asarray(np.linalg.solve(pose.rotation[:2, :2], flat.T).T)
