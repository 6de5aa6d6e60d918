"""How far a mouth is open, from the 68 landmarks of a face."""

import numpy as np

from emodal_data.face.types import Points

_LEFT_EYE, _RIGHT_EYE = slice(36, 42), slice(42, 48)
#: Pairs of landmarks, upper and lower lip: the outer border in the middle, and the inner border at three places.
_UPPER, _LOWER = (51, 61, 62, 63), (57, 67, 66, 65)


def mouth_opening(landmarks68: Points) -> float:
    """Mean distance between points of the upper and of the lower lip, in distances between the eyes' centres.

    landmarks68: (68, 2), iBUG order. NaN if the eyes have one centre, as no face has.
    """
    eyes_px = np.linalg.norm(landmarks68[_LEFT_EYE].mean(axis=0) - landmarks68[_RIGHT_EYE].mean(axis=0))
    if eyes_px == 0:
        return float("nan")
    apart_px = np.linalg.norm(landmarks68[list(_UPPER)] - landmarks68[list(_LOWER)], axis=1)
    return float(apart_px.mean() / eyes_px)
