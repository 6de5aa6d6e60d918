"""The pose and shape of a head, from exact landmarks of known heads."""

import numpy as np
import pytest

from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.reasons import Reason
from emodal_data.face import LANDMARKS68, canonical_face, fit_pose, measure_expression
from emodal_data.face.pose import fit_head, keypoint_yaw_deg, vertices_of
from tests.face.rendered import rotation

CANONICAL = canonical_face().vertices_cm


def seen(vertices, yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0, scale=9.0, centre=(300.0, 200.0)):
    turned = vertices @ rotation(yaw_deg, pitch_deg, roll_deg).T
    return np.array(centre) + scale * turned[:, :2] * [1, -1]


@pytest.mark.parametrize(
    ("yaw_deg", "pitch_deg", "roll_deg"),
    [(0, 0, 0), (30, 0, 0), (-45, 10, 0), (20, -20, 15), (-60, 0, -30), (0, 25, 80), (10, 5, 175)],
)
@pytest.mark.parametrize("points", [68, 468])
def test_the_pose_of_the_canonical_face_is_found(points, yaw_deg, pitch_deg, roll_deg):
    vertices = CANONICAL[vertices_of(points).numbers]
    pose = fit_pose(seen(vertices, yaw_deg, pitch_deg, roll_deg))
    # Exact but for the nod, of which a little is always taken for a trait of the face.
    assert (pose.yaw_deg, pose.roll_deg) == pytest.approx((yaw_deg, roll_deg), abs=0.3)
    assert pose.pitch_deg == pytest.approx(pitch_deg, abs=0.03 * abs(pitch_deg) + 0.01)
    assert pose.scale_px_per_cm == pytest.approx(9.0, rel=0.01)


def test_the_signs_are_nose_right_face_up_and_clockwise():
    nose, brow = 30, 27  # the tip and the root of the nose
    assert fit_pose(seen(CANONICAL[LANDMARKS68], 30)).yaw_deg > 0
    right, up, turned = (
        seen(CANONICAL[LANDMARKS68], *angles)[nose] - seen(CANONICAL[LANDMARKS68], *angles)[brow]
        for angles in ((30, 0, 0), (0, 30, 0), (0, 0, 90))
    )
    plain = seen(CANONICAL[LANDMARKS68])[nose] - seen(CANONICAL[LANDMARKS68])[brow]
    assert right[0] > 10  # to the right of the picture
    assert up[1] < plain[1]  # the tip rises
    assert turned[0] < -10  # a quarter turn clockwise brings what was below to the left


@pytest.mark.parametrize("yaw_deg", [0, 20, 40])
def test_another_persons_shape_does_not_pass_for_a_turn(yaw_deg):
    # A narrow face with a long nose and an open mouth: everything that is symmetric.
    other = CANONICAL * [0.95, 1.03, 1.0]
    other[:, 2] += 0.5 * np.exp(-((other[:, :2] - [0, -0.5]) ** 2).sum(axis=1) / 4)
    other[other[:, 1] < -4.3, 1] -= 1.2
    pose = fit_pose(seen(other[LANDMARKS68], yaw_deg))
    assert pose.yaw_deg == pytest.approx(yaw_deg, abs=3.5)
    assert abs(pose.pitch_deg) < 5


def test_the_fitted_shape_is_its_own_mirror_image_and_tells_the_depth_of_a_turned_face():
    other = CANONICAL.copy()
    other[:, 2] += 1.0 * np.exp(-((other[:, :2] - [0, -0.5]) ** 2).sum(axis=1) / 4)
    head = fit_head(seen(other[LANDMARKS68], 35))
    mirror = vertices_of(68).mirror
    assert head.points_cm[mirror] * [-1, 1, 1] == pytest.approx(head.points_cm, abs=1e-9)
    tip, corner = 30, 36
    depth = lambda points: points[tip, 2] - points[corner, 2]  # noqa: E731
    assert depth(head.points_cm) > depth(CANONICAL[LANDMARKS68]) + 0.3


@pytest.mark.parametrize(
    ("yaw_deg", "pitch_deg", "roll_deg"), [(0, 0, 0), (20, 0, 0), (-45, 25, 0), (60, -20, 30), (-80, 0, -40)]
)
def test_eyes_and_nose_tell_any_yaw_whatever_the_nod(yaw_deg, pitch_deg, roll_deg):
    points = seen(CANONICAL, yaw_deg, pitch_deg, roll_deg)
    eyes = np.array([points[[33, 133]].mean(axis=0), points[[362, 263]].mean(axis=0)])
    assert keypoint_yaw_deg(eyes, points[4], roll_deg) == pytest.approx(yaw_deg, abs=0.5)


def test_noise_of_a_pixel_moves_the_angles_by_a_few_degrees_at_most():
    rng = np.random.default_rng(0)
    exact = seen(CANONICAL[LANDMARKS68], 25, 5, 10)
    poses = [fit_pose(exact + rng.normal(0, 1.0, exact.shape)) for _ in range(50)]
    assert np.percentile([abs(pose.yaw_deg - 25) for pose in poses], 90) < 2
    assert np.percentile([abs(pose.pitch_deg - 5) for pose in poses], 90) < 4


@pytest.mark.parametrize("shape", [(5, 2), (2, 68), (136,), (478, 3)])
def test_landmarks_of_another_number_are_refused(shape):
    with pytest.raises(InputError, match=r"\(68, 2\) or \(468, 2\), pixels, x before y; got"):
        fit_pose(np.zeros(shape))
    with pytest.raises(InputError, match=r"array \(68, 2\), pixels"):
        measure_expression(np.zeros(shape))


@pytest.mark.parametrize("spot", ["one place", "a line", "nowhere", "y before x", "right before left"])
def test_landmarks_that_form_no_face_are_dropped(spot):
    points = np.zeros((68, 2))
    if spot == "a line":
        points[:] = np.linspace(0, 100, 68)[:, None]
    if spot == "nowhere":
        points = seen(CANONICAL[LANDMARKS68])
        points[3, 0] = np.nan
    if spot == "y before x":
        points = seen(CANONICAL[LANDMARKS68], yaw_deg=20)[:, ::-1]
    if spot == "right before left":
        points = seen(CANONICAL[LANDMARKS68], yaw_deg=20) * [-1, 1]
    with pytest.raises(Dropped) as caught:
        fit_pose(points)
    assert caught.value.reason is Reason.NO_FACE
