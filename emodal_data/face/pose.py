"""How the head is turned: the rigid fit of the canonical face to landmarks, and its three angles.

A far camera is assumed (scaled orthographic): true for film faces, and it needs no guess about the lens.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from emodal_data.face.geometry import LANDMARKS68, Floats, canonical_face
from emodal_data.face.parcels import Points

_STEPS = 8


@dataclass(frozen=True, eq=False)
class Pose:
    """The canonical face as it lies in a picture: pixels = scale * (rotation @ vertex)[:2] * (1, -1) + centre.

    rotation: (3, 3), axes of the canonical face (x right, y up, z toward the viewer): a turn about y (yaw), then
    about x (pitch), then in the picture's plane (roll), so that roll changes neither of the others.
    scale_px_per_cm: size.
    centre_px: (2,) where the canonical origin (middle of the head) lies.
    """

    rotation: Floats
    scale_px_per_cm: float
    centre_px: Points

    @property
    def yaw_deg(self) -> float:
        """Turn of the head about its own neck; positive: the nose points to the right of the picture."""
        return math.degrees(math.atan2(-self.rotation[2, 0], self.rotation[2, 2]))

    @property
    def pitch_deg(self) -> float:
        """Nod of the head; positive: the face looks up."""
        return -math.degrees(math.asin(min(1.0, max(-1.0, self.rotation[2, 1]))))

    @property
    def roll_deg(self) -> float:
        """Turn of the head in the picture's plane; positive: clockwise."""
        return math.degrees(math.atan2(self.rotation[0, 1], self.rotation[1, 1]))

    def project(self, points_cm: Floats) -> Points:
        """Pixels (n, 2) of points (n, 3) given in the canonical face's axes."""
        return self.centre_px + self.scale_px_per_cm * (points_cm @ self.rotation[:2].T) * [1.0, -1.0]


def _weights68() -> Floats:
    """How far each landmark tells the pose and not the expression or the painter of the outline.

    Jaw points slide along the outline as the head turns, brows and mouth move with the expression.
    """
    weights = np.ones(68)
    weights[0:17] = 0.0
    weights[17:27] = 0.3
    weights[48:68] = 0.3
    return weights


def fit_pose(landmarks68: Points) -> Pose:
    """Pose of the canonical face that explains 68 landmarks best (weighted least squares, Gauss-Newton).

    landmarks68: (68, 2) pixels, iBUG order.
    """
    model = canonical_face().vertices_cm[LANDMARKS68]
    seen = np.asarray(landmarks68, dtype=np.float64) * [1.0, -1.0]
    weights = _weights68() / _weights68().sum()
    middle = weights @ model
    target = weights @ seen
    model, seen, root = model - middle, seen - target, np.sqrt(weights)[:, np.newaxis]
    # Start from the best affine map, made a scaled rotation.
    affine = np.linalg.lstsq(root * model, root * seen, rcond=None)[0].T
    u, singular, vt = np.linalg.svd(affine, full_matrices=False)
    rows = u @ vt
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])])
    scale = float(singular.mean())
    for _ in range(_STEPS):
        turned = model @ rotation.T
        residual = seen - scale * turned[:, :2]
        x, y, z = turned.T
        zero = np.zeros_like(x)
        # d(pixels) for a small turn about each axis, and for a small change of log(scale).
        jacobian = scale * np.stack(
            [np.stack([zero, -z], 1), np.stack([z, zero], 1), np.stack([-y, x], 1), turned[:, :2]], 2
        )
        step = np.linalg.lstsq(
            (root[:, :, None] * jacobian).reshape(-1, 4), (root * residual).ravel(), rcond=None
        )[0]
        rotation = cv2.Rodrigues(step[:3])[0] @ rotation
        scale *= math.exp(step[3])
    centre = target - scale * (rotation @ middle)[:2]
    return Pose(rotation, scale, centre * [1.0, -1.0])
