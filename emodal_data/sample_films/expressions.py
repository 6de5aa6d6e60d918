"""Facial expressions: how action units (Facial Action Coding System) move the vertices of the canonical face.

Pure geometry: which vertices move where, and which units make an emotion.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from emodal_data.face import canonical_face

Floats = npt.NDArray[np.float64]

LOWER_LIP = (
    146, 91, 181, 84, 17, 314, 405, 321, 375, 77, 90, 180, 85, 16, 315, 404, 320, 307,
    96, 89, 179, 86, 15, 316, 403, 319, 325, 95, 88, 178, 87, 14, 317, 402, 318, 324,
)  # fmt: skip
UPPER_LIP = (
    185, 40, 39, 37, 0, 267, 269, 270, 409, 184, 74, 73, 72, 11, 302, 303, 304, 408,
    183, 42, 41, 38, 12, 268, 271, 272, 407, 191, 80, 81, 82, 13, 312, 311, 310, 415,
)  # fmt: skip
#: The rim of the mouth opening, in order, from the corner at image left along the upper lip.
MOUTH_RIM = (
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
)  # fmt: skip

#: Upper and lower lid of both eyes, pair by pair between the corners.
LIDS = (
    (246, 7), (161, 163), (160, 144), (159, 145), (158, 153), (157, 154), (173, 155),
    (466, 249), (388, 390), (387, 373), (386, 374), (385, 380), (384, 381), (398, 382),
)  # fmt: skip
#: A closing lid takes the skin above it along, less with the distance.
LID_SKIN_CM = 0.35

#: Action unit -> pushes (place x, y; displacement x, y, z; radius), cm, on the side x > 0; the other side is mirrored.
UNITS: dict[str, tuple[tuple[tuple[float, float], tuple[float, float, float], float], ...]] = {
    "inner_brow_raise": (((1.5, 4.7), (0.0, 0.85, 0.0), 1.4), ((5.0, 4.4), (0.0, -0.35, 0.0), 1.3)),
    "brow_lower": (((1.6, 4.6), (-0.35, -0.8, 0.1), 1.6), ((4.0, 4.7), (0.0, -0.3, 0.0), 1.6)),
    "lid_raise": (((3.2, 3.0), (0.0, 0.22, 0.0), 0.6),),
    "lid_droop": (((3.2, 3.0), (0.0, -0.28, 0.0), 0.7),),
    "cheek_raise": (((3.2, 2.1), (0.0, 0.24, 0.0), 0.9), ((4.2, -1.2), (0.1, 0.45, 0.3), 1.9)),
    "nose_wrinkle": (((1.4, -1.0), (0.15, 0.35, 0.0), 1.0),),
    "lip_corner_pull": (((2.5, -4.3), (0.85, 0.8, -0.2), 1.5),),
    "lip_corner_depress": (((2.4, -4.6), (0.1, -0.8, 0.0), 1.2),),
    "chin_raise": (((0.0, -6.3), (0.0, 0.4, 0.2), 1.7),),
    "lip_press": (((2.3, -4.3), (-0.35, 0.0, 0.0), 1.3), ((0.0, -3.4), (0.0, -0.12, -0.1), 1.0)),
}
#: Emotion -> mean strength of its units; an actor's strengths are drawn around it.
EMOTIONS: dict[str, dict[str, float]] = {
    "angry": {"brow_lower": 1.0, "nose_wrinkle": 0.7, "lip_press": 0.7, "lid_raise": 0.5},
    "happy": {"lip_corner_pull": 1.0, "cheek_raise": 0.9},
    "neutral": {},
    "sad": {"inner_brow_raise": 0.9, "lip_corner_depress": 0.9, "chin_raise": 0.5, "lid_droop": 0.8},
}
UNIT_NAMES = tuple(UNITS)


@cache
def unit_displacements() -> Floats:
    """(units, 468, 3) cm: displacement of each vertex by each action unit at strength 1."""
    vertices = canonical_face().vertices_cm
    return np.stack(
        [sum((_push(vertices, *push) for push in UNITS[name]), np.zeros((468, 3))) for name in UNIT_NAMES]
    )


@cache
def jaw_displacement() -> Floats:
    """(468, 3) cm: displacement by a jaw that drops by 1 cm; the upper lip stays."""
    x, y, _ = canonical_face().vertices_cm.T
    weight = np.clip((-y - 2.5) / 4.0, 0.0, 1.0) ** 1.5
    weight *= np.exp(-((x / 7.0) ** 4))
    weight[list(UPPER_LIP)] = 0.0
    lower = list(LOWER_LIP)
    weight[lower] = 1.0 - 0.75 * np.clip(np.abs(x[lower]) / 2.46, 0.0, 1.0) ** 2
    return np.stack([np.zeros(468), -weight, -0.25 * weight], axis=1)


@cache
def lid_displacement() -> Floats:
    """(468, 3) cm: displacement by eyes that close; the upper lids move down to the lower ones."""
    vertices = canonical_face().vertices_cm
    upper, lower = np.array(LIDS).T
    drop = vertices[lower] + [0.0, 0.04, 0.06] - vertices[upper]
    apart = np.linalg.norm(vertices[:, None, :2] - vertices[None, upper, :2], axis=2)
    nearest = apart.argmin(axis=1)
    weight = np.exp(-((apart.min(axis=1) / LID_SKIN_CM) ** 2))
    # Only the skin above the lid moves, not the lower lid.
    weight[vertices[:, 1] < vertices[upper[nearest], 1] - 1e-6] = 0.0
    moved = drop[nearest] * weight[:, None]
    moved[upper] = drop
    return np.asarray(moved)


@cache
def closed_face() -> Floats:
    """(468, 3) cm: the canonical face with its slightly open lips closed."""
    face = canonical_face()
    gap_cm = face.vertices_cm[13, 1] - face.vertices_cm[14, 1]
    return np.asarray(face.vertices_cm - jaw_displacement() * (gap_cm - 0.02))


def expression(strengths: Floats) -> Floats:
    """(468, 3) cm displacement for the strengths, (units,), of the action units in the order of UNIT_NAMES."""
    return np.tensordot(strengths, unit_displacements(), axes=1)


def emotion_units(emotion: str) -> Floats:
    """(units,) mean strengths of an emotion."""
    return np.array([EMOTIONS[emotion].get(name, 0.0) for name in UNIT_NAMES])


def _push(
    vertices: Floats, where: tuple[float, float], move: tuple[float, float, float], radius_cm: float
) -> Floats:
    total = np.zeros_like(vertices)
    for side in (1.0, -1.0) if where[0] > 0 else (1.0,):
        distance2 = (vertices[:, 0] - side * where[0]) ** 2 + (vertices[:, 1] - where[1]) ** 2
        weight = np.exp(-distance2 / (2 * radius_cm**2))
        total += weight[:, None] * np.array([side * move[0], move[1], move[2]])
    return total
