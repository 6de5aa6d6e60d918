"""One face is found in a frame, with its measures."""

import dataclasses

import cv2
import numpy as np
import pytest

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.face import find_face, fit_pose
from tests.face.rendered import Actor

CONFIG = FaceConfig()


def frame_with(*faces, height=720, width=1280):
    """A gray frame with copies of a picture: (picture, left, top, side in pixels)."""
    frame = np.full((height, width, 3), 90, np.uint8)
    for picture, left, top, side in faces:
        frame[top : top + side, left : left + side] = cv2.resize(
            picture, (side, side), interpolation=cv2.INTER_AREA
        )
    return frame


def test_a_frontal_face_is_found_clear_and_hardly_turned(photo, backend):
    found = find_face(photo, backend, CONFIG)
    m = found.measures
    assert found.image.shape == (128, 128) and found.image.dtype == np.uint8
    assert face_gate(m, CONFIG) is None
    assert m.faces_in_frame == 1 and m.dominance == 1.0 and m.outside_fraction == 0.0
    assert abs(m.yaw_deg) < 5 and abs(m.pitch_deg) < 10
    assert m.face_width_px == m.x1 - m.x0 == pytest.approx(104, abs=8)
    assert 180 < (m.x0 + m.x1) / 2 < 270 and 80 < (m.y0 + m.y1) / 2 < 180


def test_the_same_pixels_give_the_same_bytes(photo, backend):
    first, second = (find_face(photo.copy(), backend, CONFIG) for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()
    assert first.measures == second.measures


def test_widths_and_boxes_are_in_film_pixels(photo, backend):
    half = find_face(cv2.resize(photo, (256, 256), interpolation=cv2.INTER_AREA), backend, CONFIG, scale=0.5)
    full = find_face(photo, backend, CONFIG)
    for name in ("face_width_px", "x0", "y0", "x1", "y1"):
        assert getattr(half.measures, name) == pytest.approx(getattr(full.measures, name), abs=8)


def test_a_frame_without_a_face_is_dropped_with_the_reason(backend):
    with pytest.raises(Dropped) as caught:
        find_face(np.full((720, 1280, 3), 90, np.uint8), backend, CONFIG)
    assert caught.value.reason is Reason.NO_FACE


def test_of_two_faces_the_largest_is_taken_and_its_share_recorded(photo, backend):
    frame = frame_with((photo, 40, 100, 220), (photo, 600, 60, 440))
    m = find_face(frame, backend, CONFIG).measures
    assert m.faces_in_frame == 2
    assert m.x0 > 600
    assert m.dominance == pytest.approx(0.8, abs=0.05)  # sides 1:2, areas 1:4


def with_ghost(frame, photo, backend):
    """The frame with a face so faint on the wall that the detector, asked for it alone, is in doubt."""
    large = cv2.resize(photo, (600, 600), interpolation=cv2.INTER_CUBIC).astype(float)
    for contrast in np.arange(0.030, 0.050, 0.001):
        frame[60:660, 640:1240] = 90 + contrast * (large - 128)
        scores = [d.score for d in backend.detect(frame) if d.box_xyxy[0] > 640]
        if scores:
            assert scores[0] < 0.7
            return frame
    raise AssertionError("no contrast leaves the detector in doubt")


@pytest.mark.parametrize("choose", ["largest", "central"])
def test_a_doubtful_box_is_not_taken_beside_a_sure_face_however_large(photo, backend, choose):
    frame = with_ghost(frame_with((photo, 40, 100, 300)), photo, backend)
    doubtful, sure = backend.detect(frame)
    assert doubtful.width_px > 1.8 * sure.width_px and sure.score > 0.9
    m = find_face(frame, backend, FaceConfig(choose=choose)).measures
    assert (m.x0, m.y0, m.x1, m.y1) == sure.box_xyxy
    assert m.faces_in_frame == 1 and m.dominance == 1.0


def test_a_doubtful_box_alone_is_taken_and_left_to_the_thresholds(photo, backend):
    m = find_face(with_ghost(frame_with(), photo, backend), backend, CONFIG).measures
    assert m.x0 > 640 and m.face_score < 0.7


def test_the_most_central_face_can_be_asked_for(photo, backend):
    frame = frame_with((photo, 500, 200, 300), (photo, 860, 100, 420))
    central = find_face(frame, backend, FaceConfig(choose="central")).measures
    largest = find_face(frame, backend, CONFIG).measures
    assert central.x1 < 860 < largest.x0
    assert central.dominance == pytest.approx(1 - largest.dominance)


def far_turned(photo, backend, yaw_deg):
    """Yaw measured by the whole road, and by the fit alone, of a drawn face; positive to the turned side."""
    drawn = Actor(photo, backend).draw(yaw_deg).rgb
    measured = find_face(drawn, backend, CONFIG).measures.yaw_deg
    fitted = fit_pose(backend.faces(drawn)[0].landmarks68).yaw_deg
    return measured / np.sign(yaw_deg), fitted / np.sign(yaw_deg)


@pytest.mark.parametrize("yaw_deg", [-70, 60])
def test_a_far_yaw_comes_from_the_detectors_keypoints_where_the_mesh_underestimates_it(
    photo, backend, yaw_deg
):
    measured, fitted = far_turned(photo, backend, yaw_deg)
    assert fitted < 0.8 * abs(yaw_deg)
    assert measured > CONFIG.max_yaw_deg and abs(measured - abs(yaw_deg)) < abs(fitted - abs(yaw_deg))


@pytest.mark.parametrize("yaw_deg", [-30, -15, 15, 30])
def test_the_yaw_of_a_face_that_is_not_turned_far_is_the_fits(photo, backend, yaw_deg):
    measured, fitted = far_turned(photo, backend, yaw_deg)
    assert measured == fitted == pytest.approx(abs(yaw_deg), abs=8)


def test_keypoints_of_a_head_that_leans_or_of_no_detector_are_not_asked(photo, backend):
    straight = find_face(photo, backend, CONFIG).measures.yaw_deg
    upside_down = find_face(np.ascontiguousarray(photo[::-1, ::-1]), backend, CONFIG).measures
    assert abs(upside_down.roll_deg) > 150 and upside_down.yaw_deg == pytest.approx(straight, abs=4)

    class WithoutKeypoints:
        """The backend, its detector telling boxes only."""

        landmarks = staticmethod(backend.landmarks)

        def detect(self, rgb):
            return [dataclasses.replace(d, nose=None) for d in backend.detect(rgb)]

    drawn = Actor(photo, backend).draw(60).rgb
    unasked = WithoutKeypoints()
    fitted = fit_pose(unasked.landmarks(drawn, unasked.detect(drawn)[0]).landmarks68).yaw_deg
    assert find_face(drawn, unasked, CONFIG).measures.yaw_deg == fitted


def test_gray_and_deep_frames_give_the_face_of_the_colour_frame(photo, backend):
    colour = find_face(photo, backend, CONFIG)
    gray = find_face(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), backend, CONFIG)
    deep = find_face(photo.astype(np.uint16) << 8, backend, CONFIG)
    assert deep.image.tobytes() == colour.image.tobytes()
    assert np.abs(gray.image.astype(int) - colour.image).mean() < 8


def test_measures_are_plain_numbers(photo, backend):
    values = dataclasses.asdict(find_face(photo, backend, CONFIG).measures)
    assert {type(value) for value in values.values()} == {float, int}
    assert all(np.isfinite(value) for value in values.values())
