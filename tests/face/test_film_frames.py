"""Faces in frames of films: high bit depth, gray, rotated, cropped, crowded and empty ones."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.face import FacePicture, find_face
from emodal_data.media import open_film

CONFIG = FaceConfig()
HEAD = (slice(20, 240), slice(110, 340))  # of the photo; the face box in it is 104 px wide
FRAMES = 5


def filmed(path: Path, rgb: np.ndarray, codec="libx264", pix_fmt="yuv420p"):
    """The frame in the middle of a short film of one picture, as ingest gets it."""
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=quiet)
        stream.height, stream.width = rgb.shape[:2]
        stream.pix_fmt = pix_fmt
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with open_film(path) as film:
        return film.frame_at(FRAMES / 50, max_side_px=1280)


def found_in(path: Path, backend, rgb: np.ndarray, **how) -> FacePicture:
    frame = filmed(path, rgb, **how)
    return find_face(frame.picture, backend, CONFIG, scale=frame.scale)


def scene(photo, *places, height=720, width=1280):
    """A soft backdrop with the photo's head at each (x, y, face width) of its middle; what lies outside is cut."""
    y, x = np.mgrid[:height, :width]
    frame = np.dstack([60 + x // 20, 70 + y // 16, 90 + 0 * x]).astype(np.uint8)
    for middle_x, middle_y, face_width in places:
        scale = face_width / 104
        head = cv2.resize(photo[HEAD], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = middle_y - head.shape[0] // 2, middle_x - head.shape[1] // 2
        rows = slice(max(top, 0), min(top + head.shape[0], height))
        columns = slice(max(left, 0), min(left + head.shape[1], width))
        frame[rows, columns] = head[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
    return frame


def alike(a: FacePicture, b: FacePicture) -> float:
    return float(np.corrcoef(a.image.ravel(), b.image.ravel())[0, 1])


@pytest.mark.parametrize("places", [[(700, 330, 180)], [(300, 200, 70)], [(600, 360, 180), (950, 330, 150)]])
def test_a_frame_that_is_converted_in_parts_has_the_faces_of_the_whole(tmp_path, photo, backend, places):
    frame = filmed(tmp_path / "scene.mp4", scene(photo, *places))
    assert not isinstance(frame.picture, np.ndarray)
    in_parts = find_face(frame.picture, backend, CONFIG)
    whole = find_face(frame.rgb, backend, CONFIG)
    assert in_parts.measures.faces_in_frame == whole.measures.faces_in_frame == len(places)
    assert np.abs(np.subtract(in_parts.face.box_xyxy, whole.face.box_xyxy)).max() < 1
    assert in_parts.measures.landmark_score == pytest.approx(whole.measures.landmark_score, abs=0.03)
    assert alike(in_parts, whole) > 0.99


@pytest.fixture(scope="module")
def still(photo, backend) -> FacePicture:
    """What is found in the scene that most films here show, before it is encoded."""
    return find_face(scene(photo, (700, 330, 180)), backend, CONFIG)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("colour.mp4", "libx264", "yuv420p"),
        ("ten-bit.mkv", "libx265", "yuv420p10le"),
        ("ten-bit.mov", "prores_ks", "yuv422p10le"),
        ("gray.mkv", "ffv1", "gray"),
        ("gray-ten-bit.mkv", "ffv1", "gray10le"),
    ],
)
def test_the_face_of_the_still_is_found_in_films_of_every_depth_and_colour(
    photo, backend, still, tmp_path, name, codec, pix_fmt
):
    found = found_in(tmp_path / name, backend, scene(photo, (700, 330, 180)), codec=codec, pix_fmt=pix_fmt)
    m, expected = found.measures, still.measures
    assert face_gate(m, CONFIG) is None
    assert (m.x0, m.y0, m.x1, m.y1) == pytest.approx(
        (expected.x0, expected.y0, expected.x1, expected.y1), abs=6
    )
    assert (m.yaw_deg, m.pitch_deg, m.roll_deg) == pytest.approx(
        (expected.yaw_deg, expected.pitch_deg, expected.roll_deg), abs=2
    )
    assert alike(found, still) > 0.97
    assert float(found.image.mean()) == pytest.approx(float(still.image.mean()), abs=6)


def test_a_face_of_a_4k_film_has_its_box_in_the_films_own_pixels(photo, backend, still, tmp_path):
    large = cv2.resize(scene(photo, (700, 330, 180)), (3840, 2160), interpolation=cv2.INTER_CUBIC)
    found = found_in(tmp_path / "4k.mp4", backend, large)
    assert found.measures.face_width_px == pytest.approx(3 * still.measures.face_width_px, rel=0.03)
    assert found.measures.x0 == pytest.approx(3 * still.measures.x0, abs=20)
    assert alike(found, still) > 0.97


@pytest.mark.parametrize("angle_deg", [-90, -35, 35, 90, 180])
def test_a_head_that_leans_or_hangs_in_the_film_comes_out_upright(photo, backend, still, tmp_path, angle_deg):
    turn = cv2.getRotationMatrix2D((700, 330), -angle_deg, 1.0)
    leaning = cv2.warpAffine(
        scene(photo, (700, 330, 180)), turn, (1280, 720), borderMode=cv2.BORDER_REPLICATE
    )
    found = found_in(tmp_path / "leaning.mp4", backend, leaning)
    assert face_gate(found.measures, CONFIG) is None
    difference_deg = found.measures.roll_deg - still.measures.roll_deg - angle_deg
    assert (difference_deg + 180) % 360 - 180 == pytest.approx(0, abs=4)
    assert alike(found, still) > 0.85


@pytest.mark.parametrize(("shown", "is_clear"), [(0.9, True), (0.5, False), (0.3, False)])
def test_a_face_cut_by_the_border_passes_while_little_is_missing_and_else_says_why(
    photo, backend, tmp_path, shown, is_clear
):
    face_width = 240
    left_edge = round(-(1 - shown) * face_width)
    rgb = scene(photo, (left_edge + face_width // 2, 360, face_width))
    try:
        found = found_in(tmp_path / "cut.mp4", backend, rgb)
    except Dropped as dropped:
        assert not is_clear and dropped.reason is Reason.NO_FACE
        return
    verdict = face_gate(found.measures, CONFIG)
    assert found.measures.outside_fraction == pytest.approx(1 - shown, abs=0.15)
    if is_clear:
        assert verdict is None
    else:
        assert verdict is not None
        assert verdict[0] in (
            Reason.FACE_CUT_BY_BORDER, Reason.FACE_SCORE_LOW, Reason.LANDMARK_SCORE_LOW, Reason.FACE_TURNED_AWAY,
        )  # fmt: skip


def test_of_forty_faces_the_largest_is_taken_and_all_are_counted(photo, backend, tmp_path):
    places = [(90 + 155 * column, 80 + 140 * row, 56) for row in range(5) for column in range(8)]
    places[17] = (*places[17][:2], 62)
    found = found_in(tmp_path / "crowd.mp4", backend, scene(photo, *places))
    m = found.measures
    assert m.faces_in_frame == 40
    assert ((m.x0 + m.x1) / 2, (m.y0 + m.y1) / 2) == pytest.approx(places[17][:2], abs=25)
    assert m.dominance == pytest.approx(62**2 / (62**2 + 56**2), abs=0.06)
    assert face_gate(m, CONFIG) == (Reason.FACE_TOO_SMALL, m.face_width_px)
    small = {"min_width_px": 48, "min_sharpness": 0.02}
    assert face_gate(m, FaceConfig(**small)) is None
    assert face_gate(m, FaceConfig(**small, min_dominance=0.7)) == (Reason.FACE_NOT_DOMINANT, m.dominance)


def test_a_film_without_a_face_says_so(photo, backend, tmp_path):
    with pytest.raises(Dropped) as caught:
        found_in(tmp_path / "empty.mp4", backend, scene(photo))
    assert caught.value.reason is Reason.NO_FACE
    assert "1280x720" in caught.value.detail
