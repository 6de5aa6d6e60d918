"""Faces in a picture by one function, and detectors that installed packages add."""

import sys
from pathlib import Path

import numpy as np
import pytest

from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import InputError
from emodal_data.face import Detection, canonical_face, create_backend, find_face, find_faces, frontalize
from emodal_data.face.geometry import LANDMARKS68

#: A whole plug-in: a face in the middle of every picture, as large as the picture allows.
TOY = """
import numpy as np
from emodal_data.face import LANDMARKS68, Detection, Face, canonical_face

class Middle:
    def detect(self, rgb):
        height, width = (rgb + 0).shape[:2]  # an array
        side = min(height, width) / 2
        left, top = (width - side) / 2, (height - side) / 2
        return [Detection((left, top, left + side, top + side), 0.8)]

    def landmarks(self, rgb, detection):
        x0, y0, x1, y1 = detection.box_xyxy
        points = canonical_face().vertices_cm[LANDMARKS68][:, :2] * [1, -1] * (x1 - x0) / 16
        return Face(detection.box_xyxy, detection.score, points + [(x0 + x1) / 2, (y0 + y1) / 2], 1.0)

    def faces(self, rgb):
        return [self.landmarks(rgb, detection) for detection in self.detect(rgb)]

class SmallFirst(Middle):
    def detect(self, rgb):
        return [Detection((0.0, 0.0, 30.0, 30.0), 0.9), *super().detect(rgb)]

class Wrong(Middle):
    answer = None
    def detect(self, rgb):
        return self.answer

class FivePoints(Middle):
    def landmarks(self, rgb, detection):
        return Face(detection.box_xyxy, detection.score, np.zeros((5, 2)), 1.0)
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with entry points, as pip would install it, on sys.path."""
    (tmp_path / "toy_faces.py").write_text(TOY)
    about = tmp_path / "toy_faces-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-faces\nVersion: 1.0\n")
    names = {
        "middle": "Middle",
        "absent": "Nothing",
        "small": "SmallFirst",
        "wrong": "Wrong",
        "five": "FivePoints",
    }
    points = (
        "".join(f"{name} = toy_faces:{what}\n" for name, what in names.items()) + "empty = builtins:object\n"
    )
    (about / "entry_points.txt").write_text(f"[emodal.face_backends]\n{points}")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "toy_faces", raising=False)


def test_a_picture_gives_its_faces_and_a_face_its_frontal_view(photo):
    (face,) = find_faces(photo)
    assert face.box_xyxy[2] - face.box_xyxy[0] == pytest.approx(104, abs=5)
    frontal = frontalize(photo, face.landmarks68)
    assert frontal.image.shape == (128, 128)
    assert abs(frontal.yaw_deg) < 5
    (rgba,) = find_faces(np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)]))
    assert rgba.box_xyxy == face.box_xyxy


def test_the_detector_of_an_installed_package_is_used_by_its_name(toy):
    config = FaceConfig(backend="middle")
    found = find_face(np.full((240, 320, 3), 90, np.uint8), create_backend(config.backend), config)
    assert (found.measures.x0, found.measures.x1) == (100.0, 220.0)
    assert found.measures.face_score == pytest.approx(0.8)
    assert abs(found.measures.yaw_deg) < 1
    (face,) = find_faces(np.zeros((200, 200, 3), np.uint8), create_backend("middle"))
    expected = canonical_face().vertices_cm[LANDMARKS68][:, :2] * [1, -1] * 100 / 16 + 100
    np.testing.assert_allclose(face.landmarks68, expected)


class Late:
    """A picture that has no pixels before all of them are asked for."""

    shape = 240, 320, 3
    whole = np.full(shape, 90, np.uint8)

    def __getitem__(self, part):
        return self.whole[part]


def test_the_detector_of_an_installed_package_gets_all_pixels_of_a_frame(toy):
    config = FaceConfig(backend="middle")
    backend = create_backend("middle")
    late, whole = (find_face(picture, backend, config) for picture in (Late(), Late.whole))
    assert late.measures == whole.measures
    np.testing.assert_array_equal(late.image, whole.image)
    assert len(backend.faces(Late())) == 1


def test_a_backend_that_does_not_exist_is_refused_with_the_names_of_those_that_do(toy):
    with pytest.raises(
        ValueError, match="no such backend; there are embedded, face_alignment, absent, empty, five, middle"
    ):
        FaceConfig(backend="middel")
    with pytest.raises(
        InputError, match="unknown face backend 'middel': use one of embedded, face_alignment"
    ):
        create_backend("middel")


def test_a_plug_in_that_cannot_be_used_says_why(toy):
    with pytest.raises(InputError, match=r"the plug-in toy_faces:Nothing .* cannot be loaded: .*Nothing"):
        create_backend("absent")
    with pytest.raises(
        InputError,
        match=r"the face backend empty \(builtins:object\) has no detect and no landmarks and no faces",
    ):
        create_backend("empty")


def test_the_faces_of_a_plug_in_are_sorted_the_largest_first(toy):
    picture, backend = np.full((240, 320, 3), 90, np.uint8), create_backend("small")
    assert find_face(picture, backend, FaceConfig()).measures.face_width_px == 120
    assert [face.box_xyxy[2] for face in find_faces(picture, backend)] == [220, 30]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "detect must give Detection, not None"),
        ([((1, 2, 3, 4), 0.9)], "detect must give Detection, not "),
        ([Detection((1, 2, 3, 4), 87.0)], "scores from 0 to 1; got .*87.0"),
        ([Detection((3, 2, 1, 4), 0.9)], "must give boxes of x0 < x1"),
        ([Detection((float("nan"),) * 4, 0.9)], "must give boxes of x0 < x1"),
    ],
)
def test_a_plug_in_that_gives_something_else_is_named_with_what_it_gives(toy, monkeypatch, answer, message):
    picture, backend = np.zeros((200, 200, 3), np.uint8), create_backend("wrong")
    monkeypatch.setattr(sys.modules["toy_faces"].Wrong, "answer", answer)
    with pytest.raises(InputError, match=rf"the face backend wrong \(toy_faces:Wrong\): .*{message}"):
        find_face(picture, backend, FaceConfig())


def test_a_plug_in_with_other_landmarks_than_68_is_named(toy):
    with pytest.raises(InputError, match=r"toy_faces:FivePoints\): landmarks must .* got \(5, 2\)"):
        find_faces(np.zeros((200, 200, 3), np.uint8), create_backend("five"))


def test_an_object_of_ones_own_is_checked_like_a_plug_in(toy, photo, photo_face):
    (face,) = find_faces(photo, create_backend("embedded"))
    assert face.box_xyxy == photo_face.box_xyxy
    with pytest.raises(InputError, match="the face backend str has no detect and no landmarks and no faces"):
        find_faces(photo, "middle")
    create_backend("middle")
    with pytest.raises(InputError, match=r"the face backend FivePoints: landmarks must .* got \(5, 2\)"):
        find_faces(photo, sys.modules["toy_faces"].FivePoints())
