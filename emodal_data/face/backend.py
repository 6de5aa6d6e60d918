"""Creates the face backend that the configuration names: one of this room, or one that an installed package adds.

The backends are in embedded.py and face_alignment_backend.py, and are imported only when they are needed.
"""

import importlib.metadata
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy.typing as npt

from emodal_data.core.config import FACE_BACKENDS
from emodal_data.core.errors import InputError
from emodal_data.face.types import AnyPicture, Detection, Face, FaceBackend, as_landmarks, as_rgb

_Found = TypeVar("_Found", bound=Detection | Face)


def create_backend(
    name: str, weights: str | Path | None = None, detector: Literal["embedded", "sfd"] = "embedded"
) -> FaceBackend:
    """The backend called `name`: "embedded", "face_alignment", or the name of an entry point of FACE_BACKENDS.

    The entry point names a function without arguments that returns a FaceBackend:
    `my_detector = "my_package.my_module:MyBackend"`.

    weights: folder with the files of the face_alignment backend; None: the package's own cache, filled from the
    network if necessary. detector: the detector of the face_alignment backend, the embedded one or its own SFD.
    Raises InputError if a package or a weights file is missing, or an entry point cannot be used; the message says
    which and what to do.
    """
    if name == "embedded":
        from emodal_data.face.embedded import EmbeddedBackend

        return EmbeddedBackend()
    if name == "face_alignment":
        from emodal_data.face.face_alignment_backend import FaceAlignmentBackend

        return FaceAlignmentBackend(Path(weights) if weights is not None else None, detector)
    points = importlib.metadata.entry_points(group=FACE_BACKENDS)
    if name not in points.names:
        known = ", ".join(["embedded", "face_alignment", *sorted(points.names)])
        raise InputError(f"unknown face backend {name!r}: use one of {known}")
    return _plugged_in(points[name])


def find_faces(rgb: npt.NDArray[Any], backend: FaceBackend | None = None) -> list[Face]:
    """All faces of a picture with their landmarks, largest first.

    rgb: (h, w, 3) uint8, or whatever as_rgb accepts. backend: the embedded one by default, loaded once in a process;
    or another one, as create_backend gives it, or an object of your own.
    Raises InputError if rgb is no picture, or the backend is none or answers with something else than faces.
    """
    picture = as_rgb(rgb)
    if backend is None:
        from emodal_data.face.embedded import embedded_backend

        return embedded_backend().faces(picture)
    return _checked(f"the face backend {type(backend).__name__}", backend).faces(picture)


def _plugged_in(point: importlib.metadata.EntryPoint) -> FaceBackend:
    try:
        backend: FaceBackend = point.load()()
    except Exception as error:  # a plug-in is other people's code
        raise InputError(
            f"the plug-in {point.value} of the group {FACE_BACKENDS} cannot be loaded: {error}"
        ) from error
    return _checked(f"the face backend {point.name} ({point.value})", backend)


def _checked(title: str, backend: FaceBackend) -> "_Checked":
    """A backend whose answers are checked. Raises InputError if it is no backend."""
    if isinstance(backend, _Checked):
        return backend
    missing = [
        name for name in ("detect", "landmarks", "faces") if not callable(getattr(backend, name, None))
    ]
    if missing:
        raise InputError(f"{title} has no {' and no '.join(missing)}; see docs/face-backend.md")
    return _Checked(title, backend)


class _Checked:
    """A plug-in, which gets the pixels of whole pictures. Wrong answers end the work."""

    def __init__(self, title: str, backend: FaceBackend) -> None:
        self._title, self._backend = title, backend

    def detect(self, rgb: AnyPicture) -> list[Detection]:
        """The boxes of the plug-in, largest first, whatever its own order."""
        found = self._list("detect", Detection, self._backend.detect(as_rgb(rgb)))
        return sorted(found, key=lambda detection: -detection.area_px2)

    def landmarks(self, rgb: AnyPicture, detection: Detection) -> Face:
        """The landmarks of the plug-in."""
        (face,) = self._list("landmarks", Face, [self._backend.landmarks(as_rgb(rgb), detection)])
        return face

    def faces(self, rgb: AnyPicture) -> list[Face]:
        """The faces of the plug-in, largest first, whatever its own order."""
        found = self._list("faces", Face, self._backend.faces(as_rgb(rgb)))
        return sorted(found, key=lambda face: -Detection(face.box_xyxy, face.score).area_px2)

    def _list(self, method: str, kind: type[_Found], found: Any) -> list[_Found]:
        if not isinstance(found, (list, tuple)) or not all(isinstance(one, kind) for one in found):
            raise InputError(f"{self._title}: {method} must give {kind.__name__}, not {found!r:.80}")
        for face in found:
            x0, y0, x1, y1 = face.box_xyxy
            scores = [face.score, *([face.landmark_score] if isinstance(face, Face) else [])]
            # A comparison with NaN is false.
            if not (x0 < x1 and y0 < y1 and all(0 <= score <= 1 for score in scores)):
                raise InputError(
                    f"{self._title}: {method} must give boxes of x0 < x1 and y0 < y1, and scores from 0 to 1; "
                    f"got {face.box_xyxy} and {scores}"
                )
            if isinstance(face, Face):
                try:
                    as_landmarks(face.landmarks68, 68)
                except InputError as error:
                    raise InputError(f"{self._title}: {error}") from error
        return list(found)
