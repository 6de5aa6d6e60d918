"""The measures and the gate."""

import dataclasses

import cv2
import numpy as np
import pytest

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.reasons import Reason
from emodal_data.face import FaceMeasures
from emodal_data.face.measures import outside_fraction, sharpness

CLEAR = FaceMeasures(
    face_score=0.9, landmark_score=0.99, face_width_px=200.0, sharpness=0.1, yaw_deg=5.0, pitch_deg=-3.0, roll_deg=2.0,
    mirrored_fraction=0.0, faces_in_frame=1, dominance=1.0, outside_fraction=0.0,
    x0=100.0, y0=100.0, x1=300.0, y1=300.0, blur_px=0.2, view_score=0.9,
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("face_score", 0.59, Reason.FACE_SCORE_LOW),
        ("landmark_score", 0.49, Reason.LANDMARK_SCORE_LOW),
        ("face_width_px", 63.9, Reason.FACE_TOO_SMALL),
        ("blur_px", 1.11, Reason.FACE_BLURRED),
        ("yaw_deg", -45.1, Reason.FACE_TURNED_AWAY),
        ("pitch_deg", 30.1, Reason.FACE_TURNED_AWAY),
        ("outside_fraction", 0.26, Reason.FACE_CUT_BY_BORDER),
        ("view_score", 0.49, Reason.FACE_VIEW_BROKEN),
        ("sharpness", float("nan"), Reason.FACE_BLURRED),
    ],
)
def test_a_measure_beyond_its_threshold_gives_its_reason_and_the_value(name, value, reason):
    got = face_gate(dataclasses.replace(CLEAR, **{name: value}), FaceConfig())
    assert got is not None and got[0] is reason
    assert got[1] == value or np.isnan(value)


def test_a_clear_face_passes_and_a_threshold_is_inclusive():
    assert face_gate(CLEAR, FaceConfig()) is None
    assert (
        face_gate(dataclasses.replace(CLEAR, face_score=0.6, yaw_deg=-45.0, face_width_px=64.0), FaceConfig())
        is None
    )


def test_the_first_failed_threshold_is_reported():
    both = dataclasses.replace(CLEAR, face_score=0.1, yaw_deg=80.0)
    assert face_gate(both, FaceConfig()) == (Reason.FACE_SCORE_LOW, 0.1)


def test_dominance_is_asked_for_only_by_config():
    tie = dataclasses.replace(CLEAR, dominance=0.5, faces_in_frame=2)
    assert face_gate(tie, FaceConfig()) is None
    assert face_gate(tie, FaceConfig(min_dominance=0.6)) == (Reason.FACE_NOT_DOMINANT, 0.5)


def test_a_share_of_detail_is_asked_for_only_by_config():
    soft = dataclasses.replace(CLEAR, sharpness=0.02)
    assert face_gate(soft, FaceConfig()) is None
    assert face_gate(soft, FaceConfig(min_sharpness=0.03)) == (Reason.FACE_BLURRED, 0.02)


def test_the_score_mode_keeps_every_face():
    assert (
        face_gate(dataclasses.replace(CLEAR, face_score=0.0, yaw_deg=90.0), FaceConfig(gate="score")) is None
    )


def test_sharpness_falls_with_blur_and_ignores_light_and_contrast():
    image = np.random.default_rng(0).integers(0, 200, (128, 128)).astype(np.uint8)
    blurred = cv2.GaussianBlur(image, (0, 0), 2.0)
    assert sharpness(blurred) < 0.05 * sharpness(image)
    assert sharpness(image // 2 + 100) == pytest.approx(sharpness(image), rel=0.02)
    assert sharpness(np.full((128, 128), 77, np.uint8)) == 0.0


@pytest.mark.parametrize(
    ("box", "share"),
    [
        ((10.0, 10.0, 20.0, 20.0), 0.0),
        ((-5.0, 10.0, 5.0, 20.0), 0.5),
        ((95.0, 95.0, 105.0, 105.0), 0.75),
        ((-30.0, -30.0, -10.0, -10.0), 1.0),
    ],
)
def test_the_share_of_a_box_beyond_the_frame_is_exact(box, share):
    assert outside_fraction(box, 100, 100) == pytest.approx(share)
