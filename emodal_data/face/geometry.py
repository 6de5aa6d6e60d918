"""The generic 3D face: 468 vertices, their triangles and mirror partners, and which 68 of them are landmarks.

Only the fixed geometry belongs here; pose.py fits it to a photo.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

# The standard 68 landmarks (iBUG order) as numbers of mesh points; each row runs from image left to right.
_JAW = (162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389)
_BROWS = (71, 63, 105, 66, 107, 336, 296, 334, 293, 301)
_NOSE = (168, 197, 5, 4, 75, 97, 2, 326, 305)
_EYES = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
_LIPS_OUTSIDE = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181)
_LIPS_INSIDE = (78, 82, 13, 312, 308, 317, 14, 87)
#: Which mesh point each of the 68 landmarks is.
LANDMARKS68: Ints = np.array([*_JAW, *_BROWS, *_NOSE, *_EYES, *_LIPS_OUTSIDE, *_LIPS_INSIDE], dtype=np.intp)


@dataclass(frozen=True)
class CanonicalFace:
    """MediaPipe's canonical face (see NOTICE), in centimetres: x right, y up, z toward the viewer.

    vertices_cm: (468, 3). triangles: (898, 3) vertex numbers. mirror: (468,) number of the vertex on the
    other side of the face (a vertex of the midline is its own). stable: (33,) vertices that hardly move with the
    expression; stable_weights: (33,) their weights in a rigid fit, with sum 1.
    """

    vertices_cm: Floats
    triangles: Ints
    mirror: Ints
    stable: Ints
    stable_weights: Floats


@cache
def canonical_face() -> CanonicalFace:
    """The canonical face; read once per process, arrays read-only."""
    file = files("emodal_data.face") / "canonical_face.npz"
    with file.open("rb") as stream, np.load(stream) as stored:
        vertices_cm = stored["vertices_cm"].astype(np.float64)
        triangles = stored["triangles"].astype(np.intp)
        stable = stored["procrustes_landmarks"].astype(np.intp)
        weights = stored["procrustes_weights"].astype(np.float64)
    flipped = vertices_cm * [-1.0, 1.0, 1.0]
    distance2 = ((vertices_cm[:, None, :] - flipped[None, :, :]) ** 2).sum(axis=2)
    face = CanonicalFace(vertices_cm, triangles, distance2.argmin(axis=1), stable, weights / weights.sum())
    for array in vars(face).values():
        array.flags.writeable = False
    return face


def vertex_normals(vertices: Floats, triangles: Ints) -> Floats:
    """Unit normals, (n, 3), of a mesh with the winding of the canonical face: they point out of the face.

    vertices: (n, 3), x right, y up, z toward the viewer, any unit.
    """
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    by_triangle = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], by_triangle)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(length, 1e-12))
