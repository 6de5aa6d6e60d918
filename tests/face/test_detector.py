"""Detection: small faces, many, rotated, cut by the border, and no detection without a face."""

import hashlib
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from skimage import data

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.reasons import Reason
from emodal_data.face import create_backend, detector, find_face, fit_pose
from emodal_data.face.models import _LITERT_NOTICE, _without_notice
from emodal_data.face.types import as_rgb

CONFIG = FaceConfig()
FACE_WIDTH, FACE_CENTRE = 104, (225, 126)  # of the photo


def pasted(photo, places, height=720, width=1280):
    """A plain frame with the photo's head at (x, y) of each place, its face box of the given width."""
    frame = np.full((height, width, 3), (70, 80, 90), np.uint8)
    head = photo[20:240, 110:340]
    for x, y, face_width in places:
        small = cv2.resize(
            head, None, fx=face_width / FACE_WIDTH, fy=face_width / FACE_WIDTH, interpolation=cv2.INTER_AREA
        )
        top, left = y - small.shape[0] // 2, x - small.shape[1] // 2
        frame[top : top + small.shape[0], left : left + small.shape[1]] = small
    return frame


@pytest.mark.parametrize("width_px", [32, 48, 64, 96, 200])
def test_faces_of_every_size_are_found_in_a_720p_frame(photo, backend, width_px):
    (face,) = backend.faces(pasted(photo, [(900, 300, width_px)]))
    assert face.score >= CONFIG.min_score and face.landmark_score > (0.9 if width_px >= 48 else 0.8)
    x0, _, x1, _ = face.box_xyxy
    assert x1 - x0 == pytest.approx(width_px, rel=0.25)
    assert (x0 + x1) / 2 == pytest.approx(900, abs=0.3 * width_px)


def test_a_piece_of_background_that_looks_like_a_larger_face_hides_no_small_one(photo, backend):
    width_px = 32
    ghostly = cv2.GaussianBlur(cv2.resize(data.coffee(), (1280, 720)), (0, 0), 3)
    head = cv2.resize(photo[20:240, 110:340], None, fx=width_px / FACE_WIDTH, fy=width_px / FACE_WIDTH)
    ghostly[300 : 300 + head.shape[0], 760 : 760 + head.shape[1]] = head
    ghosts = backend._detector._look(ghostly, 1280)
    assert detector._widths(ghosts).max() > 2 * width_px and ghosts[:, 16].max() < detector.SURE_SCORE
    middles = [(box[0] + box[2]) / 2 for box in (face.box_xyxy for face in backend.detect(ghostly))]
    assert any(abs(middle - 760 - head.shape[1] / 2) < width_px / 3 for middle in middles)


@pytest.mark.parametrize(("width_px", "looks"), [(200, 1), (112, 1), (84, 2), (40, 3)])
def test_the_frame_is_looked_at_more_closely_only_while_its_largest_face_is_small(
    photo, backend, monkeypatch, width_px, looks
):
    seen = []
    look = detector.Detector._look
    monkeypatch.setattr(
        detector.Detector, "_look", lambda *asked: seen.append(asked[1].shape) or look(*asked)
    )
    (face,) = backend.detect(pasted(photo, [(640, 300, width_px)]))
    assert len(seen) == looks
    assert face.width_px == pytest.approx(width_px, rel=0.25)


def test_forty_faces_are_all_found_the_largest_first(photo, backend):
    places = [(90 + 155 * column, 80 + 140 * row, 56) for row in range(5) for column in range(8)]
    places[17] = (*places[17][:2], 64)
    found = backend.detect(pasted(photo, places))
    assert len(found) == 40
    widths = [detection.width_px for detection in found]
    assert widths == sorted(widths, reverse=True)
    x0, y0, x1, y1 = found[0].box_xyxy
    assert abs((x0 + x1) / 2 - places[17][0]) < 20 and abs((y0 + y1) / 2 - places[17][1]) < 20


@pytest.mark.parametrize("angle_deg", [-120, -90, -45, 30, 60, 90, 150, 180])
def test_a_face_tilted_by_any_angle_is_found_and_turned_upright(photo, backend, angle_deg):
    turn = cv2.getRotationMatrix2D(FACE_CENTRE, -angle_deg, 1.0)
    tilted = cv2.warpAffine(photo, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    upright, found = find_face(photo, backend, CONFIG), find_face(tilted, backend, CONFIG)
    difference_deg = found.measures.roll_deg - upright.measures.roll_deg - angle_deg
    assert (difference_deg + 180) % 360 - 180 == pytest.approx(0, abs=5)
    assert np.corrcoef(found.image.ravel(), upright.image.ravel())[0, 1] > 0.85


@pytest.mark.parametrize(
    "name", ["brick", "grass", "gravel", "coins", "page", "text", "moon", "coffee", "chelsea"]
)
def test_pictures_without_a_person_give_no_clear_face(backend, name):
    picture = as_rgb(getattr(data, name)())
    try:
        found = find_face(picture, backend, CONFIG)
    except Dropped as dropped:
        assert dropped.reason is Reason.NO_FACE
    else:
        assert face_gate(found.measures, CONFIG) is not None


def test_a_face_cut_by_the_border_is_found_or_dropped_for_that(photo, backend):
    whole = find_face(photo, backend, CONFIG).measures
    slightly = find_face(np.ascontiguousarray(photo[:, 185:]), backend, CONFIG)
    assert 0 < slightly.measures.outside_fraction < 0.25
    assert face_gate(slightly.measures, CONFIG) is None
    cut = np.ascontiguousarray(photo[: round((whole.y0 + whole.y1) / 2) + 14])
    try:
        found = find_face(cut, backend, CONFIG)
    except Dropped as dropped:
        assert dropped.reason is Reason.NO_FACE
    else:
        assert found.measures.outside_fraction > 0.1


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 2000, 3), (2000, 3, 3), (17, 17)])
def test_frames_of_odd_shapes_hold_no_face(backend, shape):
    with pytest.raises(Dropped) as caught:
        find_face(np.zeros(shape, np.uint8), backend, CONFIG)
    assert caught.value.reason is Reason.NO_FACE


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(7, np.uint8),
        np.full((4, 4, 3), 255, np.uint16),
        [[0, 0], [0, 0]],
    ],
)
def test_arrays_that_are_no_pictures_are_refused(backend, picture):
    with pytest.raises(InputError):
        find_face(picture, backend, CONFIG)


def test_an_unknown_backend_is_refused_by_name():
    with pytest.raises(InputError, match="dlib"):
        create_backend("dlib")


def test_another_process_gives_the_same_bytes(photo, backend):
    here = find_face(photo, backend, CONFIG)
    program = (
        "import hashlib; from skimage import data; from emodal_data.core.config import FaceConfig;"
        "from emodal_data.face import create_backend, find_face;"
        "f = find_face(data.astronaut(), create_backend('embedded'), FaceConfig());"
        "print(hashlib.sha256(f.image.tobytes()).hexdigest(), repr(f.measures))"
    )
    there = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": "7", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stderr == ""
    assert there.stdout.split(maxsplit=1) == [
        hashlib.sha256(here.image.tobytes()).hexdigest(),
        repr(here.measures) + "\n",
    ]


def test_what_is_said_while_a_model_loads_is_heard_but_for_the_runtimes_greeting(capfd):
    with _without_notice():
        os.write(2, b"before\n" + _LITERT_NOTICE + b"after\n")
    assert capfd.readouterr().err == "before\nafter\n"


def test_the_pose_of_mesh_and_landmarks_agree_on_a_photo(photo_face):
    by68, by468 = fit_pose(photo_face.landmarks68), fit_pose(photo_face.landmarks468)
    assert by68.yaw_deg == pytest.approx(by468.yaw_deg, abs=3)
    assert by68.roll_deg == pytest.approx(by468.roll_deg, abs=2)
