"""Shared fixtures of the face tests: the embedded backend, and one photo with a face."""

import numpy as np
import numpy.typing as npt
import pytest

from emodal_data.face import Face, FaceBackend, create_backend

data = pytest.importorskip(
    "skimage.data", reason="needs scikit-image's photos: pip install 'emodal[samples]'"
)


@pytest.fixture(scope="session")
def backend() -> FaceBackend:
    return create_backend("embedded")


@pytest.fixture(scope="session")
def photo() -> npt.NDArray[np.uint8]:
    """A woman facing the camera, (512, 512, 3) RGB; her face box is 104 px wide."""
    return np.asarray(data.astronaut())


@pytest.fixture(scope="session")
def photo_face(photo: npt.NDArray[np.uint8], backend: FaceBackend) -> Face:
    (face,) = backend.faces(photo)
    return face
