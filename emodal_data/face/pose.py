"""Fits the canonical face to landmarks: the pose of a head, its three angles, and its shape.

The camera model is scaled orthographic (a far camera). That holds for faces in films and needs no lens parameters.
"""

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.face.geometry import LANDMARKS68, Floats, Ints, canonical_face
from emodal_data.face.types import Points, as_landmarks

#: Gauss-Newton steps at most: further ones change the angles by less than 0.04 degrees in 99 faces of 100. Each step is
#: a fifth of the last one or less; after one below this (radians, log of scale, cm) the rest is below 0.001 degrees.
_STEPS, _LEAST_STEP = 8, 1e-5
#: Standard deviations of the error of landmarks, of faces about the canonical one (x, y, z; including expression),
#: and of the pitch of heads in films.
_NOISE_CM = 0.2
_SPREAD_CM = np.array([1.2, 0.4, 0.8])
_NOD_RAD = 0.3
#: Landmarks that scatter less than this in some direction are not a face.
_LEAST_SPREAD_PX = 0.5
#: Cosine of the angle between nose and viewer, below which the landmarks are in another order: no such face is found.
_AWAY = -0.5
_NOISE_COVARIANCE = _NOISE_CM**2 * np.eye(4)
_FLIP = np.array([-1.0, 1.0, 1.0])
#: The mesh points at the corners of each eye, and at the tip of the nose.
_EYE_LEFT, _EYE_RIGHT, _NOSE_TIP = (33, 133), (362, 263), 4


@dataclass(frozen=True, eq=False)
class Pose:
    """Maps the canonical face to a picture: pixels = scale * (rotation @ vertex)[:2] * (1, -1) + centre.

    rotation: (3, 3), in the axes of the canonical face (x right, y up, z toward the viewer): a rotation about y (yaw),
    then about x (pitch), then in the picture's plane (roll), so that roll changes neither of the others.
    scale_px_per_cm: size. centre_px: (2,) place of the canonical origin, the middle of the head.
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
    """A head in a picture. pose: its pose. points_cm: (68 or 468, 3) its own shape, mirror-symmetric."""

    pose: Pose
    points_cm: Floats


@dataclass(frozen=True, eq=False)
class Vertices:
    """The vertices of the canonical face that correspond to landmarks. numbers, mirror: (n,). weights: (n,), sum 1."""

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
    weights = np.full(points, 0.05)
    weights[face.stable] = face.stable_weights * len(face.stable)
    return Vertices(np.arange(points), face.mirror, weights / weights.sum())


def fit_pose(landmarks: Points) -> Pose:
    """The pose of the head of 68 or 468 landmarks; see fit_head."""
    return fit_head(landmarks).pose


def fit_head(landmarks: Points) -> Head:
    """Pose and shape of the head that explains landmarks best; the shape is symmetric and near the canonical one.

    landmarks: (68, 2) pixels, iBUG order, or (468, 2 or more) mesh points. Faces differ from the canonical one
    and change with the expression, but each is nearly symmetric. A turned face therefore shows two views of one half,
    which separates shape, including depth, from pose. Gauss-Newton steps find the pose; the shape is integrated out
    of them (errors of a pair of mirror landmarks are correlated) and estimated at the end.
    Raises Dropped(NO_FACE) if the landmarks lie on one spot or line, are not numbers, or are those of a face that looks
    away from the viewer, as in another order; InputError if there are not so many.
    """
    seen = as_landmarks(landmarks, len(LANDMARKS68), len(canonical_face().vertices_cm)) * [1.0, -1.0]
    if not np.isfinite(seen).all():
        raise Dropped(Reason.NO_FACE, "the landmarks do not form a face: some are not numbers")
    vertices = vertices_of(len(seen))
    weights, mirror = vertices.weights, vertices.mirror
    generic = canonical_face().vertices_cm[vertices.numbers]
    middle = weights @ generic
    centred = generic - middle
    (xx, xy), (_, yy) = (seen - seen.mean(axis=0)).T @ (seen - seen.mean(axis=0)) / len(seen)
    # The smaller eigenvalue is the variance across the narrow direction.
    if (xx + yy - math.hypot(xx - yy, 2 * xy)) / 2 <= _LEAST_SPREAD_PX**2:
        raise Dropped(Reason.NO_FACE, "the landmarks do not form a face")
    rotation, scale = _affine_start(centred, seen, weights)
    centre = weights @ seen
    # Of each landmark and of its partner, x and y: what follows is (…, x or y, landmark or partner, n), or flat.
    of_pairs, seen_pairs = (np.concatenate([each, each[mirror]]).T.copy() for each in (centred, seen))
    # Derivatives by a small rotation about each axis, log(scale), and the centre's two coordinates over scale; then the
    # residual.
    rows = np.zeros((7, 2, 2 * len(weights)))
    rows[4, 0] = rows[5, 1] = 1.0
    flat, by_pair = rows.reshape(7, -1), rows.reshape(7, 4, -1)
    # From the front, a nod and the proportions of a face look alike; the prior prefers a small nod.
    prior = 2.0 / len(weights) / _NOD_RAD**2
    for _ in range(_STEPS):
        x, y, z = turned = rotation @ of_pairs
        rows[0, 1], rows[1, 0], rows[2, 0], rows[2, 1], rows[3] = -z, z, -y, x, turned[:2]
        rows[6] = (seen_pairs - centre[:, np.newaxis]) / scale - turned[:2]
        weighted = np.linalg.inv(_pair_covariance(rotation)) @ by_pair[:6] * weights
        equations = weighted.reshape(6, -1) @ flat.T
        nod = np.array([rotation[1, 1], -rotation[0, 1], 0.0, 0.0, 0.0, 0.0, -rotation[2, 1]])
        equations += prior * np.outer(nod[:6], nod)
        step = np.linalg.solve(equations[:, :6], equations[:, 6])
        rotation = cv2.Rodrigues(step[:3])[0] @ rotation
        centre = centre + scale * step[4:]
        scale *= math.exp(step[3])
        if np.abs(step).max() < _LEAST_STEP:
            break
    if rotation[2, 2] < _AWAY:
        raise Dropped(
            Reason.NO_FACE,
            "the landmarks are those of a face that looks away: they must be x before y, in iBUG order",
        )
    residual_cm = (seen - centre) / scale - centred @ rotation[:2].T
    shape = generic + _symmetric_difference(rotation, residual_cm, mirror)
    origin = centre - scale * (rotation @ middle)[:2]
    return Head(Pose(rotation, scale, origin * [1.0, -1.0]), shape)


def keypoint_yaw_deg(eyes: Points, nose: Points, roll_deg: float) -> float:
    """The yaw by a detector's keypoints: the distance of the nose from the middle of the eyes, along their line.

    eyes: (2, 2) pixels, image left first. nose: (2,) its tip. roll_deg: roll of the fitted head. A nod moves nothing
    along the line of the eyes. The lengths are those of the canonical face.
    """
    vertices = canonical_face().vertices_cm
    left, right = (vertices[list(corners)].mean(axis=0) for corners in (_EYE_LEFT, _EYE_RIGHT))
    roll_rad = math.radians(roll_deg)
    along = np.array([math.cos(roll_rad), math.sin(roll_rad)])
    sine = float((nose - eyes.mean(axis=0)) @ along) / (vertices[_NOSE_TIP, 2] - left[2])
    cosine = float((eyes[1] - eyes[0]) @ along) / (right[0] - left[0])
    return math.degrees(math.atan2(sine, cosine))


def _affine_start(centred: Floats, seen: Points, weights: Floats) -> tuple[Floats, float]:
    """Rotation and scale near the best affine map of the centred shape onto the landmarks seen."""
    weighted = (weights[:, np.newaxis] * centred).T
    right, up = np.linalg.solve(weighted @ centred, weighted @ (seen - weights @ seen)).T
    length = float(np.linalg.norm(right))
    right = right / length
    up = up - (up @ right) * right
    height = float(np.linalg.norm(up))
    up = up / height
    (a, b, c), (d, e, f) = right, up
    return np.array([right, up, [b * f - c * e, c * d - a * f, a * e - b * d]]), (length + height) / 2


def _pair_covariance(rotation: Floats) -> Floats:
    """(4, 4) covariance of x of a landmark and of its mirror partner, then of y: noise plus shared shape."""
    both = rotation[[0, 0, 1, 1]]
    both[1::2] *= _FLIP
    return np.asarray(_NOISE_COVARIANCE + (both * _SPREAD_CM**2) @ both.T)


def _symmetric_difference(rotation: Floats, residual_cm: Points, mirror: Ints) -> Floats:
    """(n, 3) mirror-symmetric difference from the canonical face that best explains (n, 2) residuals."""
    own, other = rotation[:2], rotation[:2] * _FLIP
    precision = (own.T @ own + other.T @ other) / _NOISE_CM**2 + np.diag(1.0 / _SPREAD_CM**2)
    evidence = (residual_cm @ own + residual_cm[mirror] @ other) / _NOISE_CM**2
    return np.asarray(np.linalg.solve(precision, evidence.T).T)
