"""Face tracks: which faces of successive frames are one, and how far a mouth is open."""

import numpy as np
import pytest

from emodal_data.face import Face, Tracker
from emodal_data.face.mouth import mouth_opening
from emodal_data.face.tracks import overlap


def landmarks(x: float, y: float, open_px: float = 0.0) -> np.ndarray:
    """Landmarks within a box of 100 px around a point: eyes 50 px apart, lips open_px apart."""
    points = np.full((68, 2), [x, y], np.float64)
    points[0], points[16], points[8] = [x - 50, y], [x + 50, y], [x, y + 50]
    points[36:42], points[42:48] = [x - 25, y - 20], [x + 25, y - 20]
    points[48:68] = [x, y + 20]
    points[[57, 67, 66, 65]] += [0, open_px]
    return points


def face(x: float, y: float, open_px: float = 0.0) -> Face:
    points = landmarks(x, y, open_px)
    return Face((x - 50, y - 50, x + 50, y + 50), 0.9, points, 0.9)


def test_a_mouth_is_measured_in_distances_between_the_eyes() -> None:
    assert mouth_opening(landmarks(300, 200, open_px=10)) == pytest.approx(0.2)
    assert mouth_opening(landmarks(300, 200, open_px=10) * 3) == pytest.approx(0.2)
    assert mouth_opening(landmarks(300, 200)) == 0.0


def test_two_people_are_two_tracks_although_their_faces_come_in_any_order() -> None:
    tracker = Tracker()
    for number in range(10):
        faces = [face(200 + 5 * number, 200, 5), face(600 - 5 * number, 210, 10)]
        tracker.add(number / 25, faces[:: (-1) ** number])
    one, two = tracker.tracks
    assert one.openings == pytest.approx([0.1] * 10)
    assert two.openings == pytest.approx([0.2] * 10)
    assert one.length_s == pytest.approx(9 / 25)
    assert one.boxes[-1][0] == pytest.approx(195)


def test_a_face_elsewhere_or_after_a_gap_starts_a_new_track() -> None:
    tracker = Tracker()
    tracker.add(0.0, [face(200, 200)])
    tracker.add(0.4, [face(200, 200)])  # a short gap is bridged
    tracker.add(0.44, [face(500, 200)])
    tracker.add(1.2, [face(200, 200)])
    assert [track.times_s for track in tracker.tracks] == [[0.0, 0.4], [0.44], [1.2]]


def test_boxes_are_in_pixels_of_the_film_whatever_the_frames_were_shrunk_to() -> None:
    tracker = Tracker()
    tracker.add(0.0, [face(200, 200)], scale=0.5)
    assert tracker.tracks[0].boxes[0] == pytest.approx((300.0, 330.0, 500.0, 530.0))
    assert tracker.expected(0.04, scale=0.25)[0].box_xyxy == pytest.approx((75.0, 82.5, 125.0, 132.5))
    assert tracker.expected(0.6, scale=0.25) == []


def test_the_region_of_a_track_holds_the_centre_of_its_face_at_that_time() -> None:
    tracker = Tracker()
    tracker.add(0.0, [face(200, 200)])
    tracker.add(0.1, [face(240, 200)])
    track = tracker.tracks[0]
    assert track.region_at(0.02).contains(200, 200, 1280, 720)
    assert not track.region_at(0.02).contains(240, 200, 1280, 720)
    assert track.region_at(0.09).contains(240, 200, 1280, 720)
    assert track.nearest_s(0.15) == 0.15
    assert track.nearest_s(3.0) == 0.1


def test_overlap_is_the_share_of_the_common_area() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1.0
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (10, 0, 20, 10)) == 0.0
