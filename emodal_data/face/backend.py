"""Creates the face backend that the configuration names.

The backends are in embedded.py and face_alignment_backend.py, and are imported only when they are needed.
"""

from pathlib import Path
from typing import Literal

from emodal_data.core.errors import InputError
from emodal_data.face.types import FaceBackend


def create_backend(
    name: str, weights: str | Path | None = None, detector: Literal["embedded", "sfd"] = "embedded"
) -> FaceBackend:
    """The backend called `name`: "embedded" or "face_alignment".

    weights: folder with the files of the face_alignment backend; None: the package's own cache, filled from the
    network if necessary. detector: the detector of the face_alignment backend, the embedded one or its own SFD.
    Raises InputError if a package or a weights file is missing; the message says which and what to do.
    """
    if name == "embedded":
        from emodal_data.face.embedded import EmbeddedBackend

        return EmbeddedBackend()
    if name == "face_alignment":
        from emodal_data.face.face_alignment_backend import FaceAlignmentBackend

        return FaceAlignmentBackend(Path(weights) if weights is not None else None, detector)
    raise InputError(f"unknown face backend {name!r}: use embedded or face_alignment")
