"""A frame to a frontal face, its measures and its hash, without thresholds.

The names below are the room's public surface; everything else is private to it.
"""

from emodal_data.face.backend import create_backend, find_faces
from emodal_data.face.expression import Expression, measure_expression
from emodal_data.face.find import FacePicture, find_face
from emodal_data.face.frontal import Frontal, frontalize
from emodal_data.face.geometry import LANDMARKS68, CanonicalFace, canonical_face, vertex_normals
from emodal_data.face.measures import FaceMeasures
from emodal_data.face.pose import Pose, fit_pose
from emodal_data.face.tracks import FaceTrack, Tracker
from emodal_data.face.types import Detection, Face, FaceBackend, as_rgb

__all__ = [
    "LANDMARKS68",
    "CanonicalFace",
    "Detection",
    "Expression",
    "Face",
    "FaceBackend",
    "FaceMeasures",
    "FacePicture",
    "FaceTrack",
    "Frontal",
    "Pose",
    "Tracker",
    "as_rgb",
    "canonical_face",
    "create_backend",
    "find_face",
    "find_faces",
    "fit_pose",
    "frontalize",
    "measure_expression",
    "vertex_normals",
]
