"""How a head is turned and shaped: the canonical face fitted to landmarks, and the three angles of the fit.

A far camera is assumed (scaled orthographic): true for film faces, and it needs no guess about the lens.
"""

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from emodal_data.face.geometry import LANDMARKS68, Floats, Ints, canonical_face
from emodal_data.face.parcels import Points

#: Rounds of pose and shape, and Gauss-Newton steps in each: further ones change the angles by < 0.2 degrees.
_ROUNDS, _STEPS = 4, 2
#: How far landmarks are placed wrongly, and how far faces differ from the canonical one (x, y, z).
_NOISE_CM, _SPREAD_CM = 0.1, np.array([0.4, 0.4, 1.0])
_FLIP = np.array([-1.0, 1.0, 1.0])


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


@dataclass(frozen=True, eq=False)
class Head:
    """A head in a picture. pose: how it is turned. points_cm: (68 or 468, 3) its own shape, mirror-symmetric."""

    pose: Pose
    points_cm: Floats


@dataclass(frozen=True, eq=False)
class Vertices:
    """Which vertices of the canonical face a set of landmarks is. numbers, mirror: (n,). weights: (n,), sum 1."""

    numbers: Ints
    mirror: Ints
    weights: Floats


@cache
def vertices_of(points: int) -> Vertices:
    """The vertices behind 68 landmarks or all 468. The weights say how much each tells of the pose."""
    face = canonical_face()
    if points == len(LANDMARKS68):
        # The jaw's points slide along the outline as the head turns (in some backends); brows and mouth move
        # with the expression.
        weights = np.array([0.3] * 27 + [1.0] * 21 + [0.3] * 20)
        place = {int(number): index for index, number in enumerate(LANDMARKS68)}
        mirror = np.array([place[int(face.mirror[number])] for number in LANDMARKS68])
        return Vertices(LANDMARKS68, mirror, weights / weights.sum())
    if points == len(face.vertices_cm):
        weights = np.full(points, 0.05)
        weights[face.stable] = face.stable_weights * len(face.stable)
        return Vertices(np.arange(points), face.mirror, weights / weights.sum())
    raise ValueError(f"68 or 468 landmarks, not {points}")


def fit_pose(landmarks: Points) -> Pose:
    """How the head of 68 or 468 landmarks is turned; see fit_head."""
    return fit_head(landmarks).pose


def fit_head(landmarks: Points) -> Head:
    """Pose and shape of the head that explains landmarks best, the shape symmetric and near the canonical one.

    landmarks: (68, 2) pixels, iBUG order, or (468, 2 or more) mesh points. Faces differ from the canonical one,
    but each is (nearly) its own mirror image, so a turned face shows two views of one half: that tells shape
    from pose, depth included. Found in turns: pose by Gauss-Newton steps, shape by ridge regression.
    """
    vertices = vertices_of(len(landmarks))
    weights = vertices.weights
    generic = canonical_face().vertices_cm[vertices.numbers]
    seen = np.asarray(landmarks, dtype=np.float64)[:, :2] * [1.0, -1.0]
    shape = generic
    rotation, scale = _affine_start(generic, seen, weights)
    for _ in range(_ROUNDS):
        rotation, scale, centre = _turn(rotation, scale, shape, seen, weights)
        residual_cm = (seen - centre) / scale - generic @ rotation[:2].T
        shape = generic + _symmetric_difference(rotation, residual_cm, vertices.mirror)
    rotation, scale, centre = _turn(rotation, scale, shape, seen, weights)
    return Head(Pose(rotation, scale, centre * [1.0, -1.0]), shape)


def _affine_start(shape: Floats, seen: Points, weights: Floats) -> tuple[Floats, float]:
    """Rotation and scale near the best affine map of the shape onto the landmarks seen."""
    centred, target = shape - weights @ shape, seen - weights @ seen
    weighted = (weights[:, np.newaxis] * centred).T
    right, up = np.linalg.solve(weighted @ centred, weighted @ target).T
    length = float(np.linalg.norm(right))
    right = right / length
    up = up - (up @ right) * right
    height = float(np.linalg.norm(up))
    up = up / height
    return np.stack([right, up, np.cross(right, up)]), (length + height) / 2


def _turn(
    rotation: Floats, scale: float, shape: Floats, seen: Points, weights: Floats
) -> tuple[Floats, float, Points]:
    """Rotation, scale and centre improved by Gauss-Newton steps on the weighted squared distance in pixels."""
    middle, target = weights @ shape, weights @ seen
    centred, goal = shape - middle, seen - target
    for _ in range(_STEPS):
        x, y, z = rotation @ centred.T
        zero = np.zeros_like(x)
        # Columns: a small turn about each axis (over scale), and a small change of log(scale).
        jacobian = scale * np.array([[zero, z, -y, x], [-z, zero, x, y]]).transpose(2, 0, 1)
        residual = goal - scale * np.stack([x, y], axis=1)
        weighted = (jacobian * weights[:, np.newaxis, np.newaxis]).reshape(-1, 4).T
        step = np.linalg.solve(weighted @ jacobian.reshape(-1, 4), weighted @ residual.ravel())
        rotation = cv2.Rodrigues(step[:3])[0] @ rotation
        scale *= math.exp(step[3])
    return rotation, scale, target - scale * (rotation @ middle)[:2]


def _symmetric_difference(rotation: Floats, residual_cm: Points, mirror: Ints) -> Floats:
    """(n, 3) mirror-symmetric difference from the canonical face that best explains (n, 2) residuals."""
    own, other = rotation[:2], rotation[:2] * _FLIP
    precision = (own.T @ own + other.T @ other) / _NOISE_CM**2 + np.diag(1.0 / _SPREAD_CM**2)
    evidence = (residual_cm @ own + residual_cm[mirror] @ other) / _NOISE_CM**2
    return np.asarray(np.linalg.solve(precision, evidence.T).T)
