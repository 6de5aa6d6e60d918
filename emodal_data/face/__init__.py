"""Faces: find them, measure how clear they are, turn them to the front.

The names below are the room's public surface; everything else is private to it.
"""

from emodal_data.face.backend import create_backend
from emodal_data.face.geometry import LANDMARKS68, CanonicalFace, canonical_face, vertex_normals
from emodal_data.face.parcels import Backend, Detection, Face, as_rgb

__all__ = [
    "LANDMARKS68",
    "Backend",
    "CanonicalFace",
    "Detection",
    "Face",
    "as_rgb",
    "canonical_face",
    "create_backend",
    "vertex_normals",
]
