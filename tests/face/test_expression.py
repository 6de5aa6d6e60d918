"""Measures of expressions: right on known shapes at every pose, and on drawn faces whose mouth was opened."""

from dataclasses import astuple, replace

import numpy as np
import pytest

from emodal_data.face import LANDMARKS68, canonical_face
from emodal_data.face.expression import Expression, measure_expression
from tests.face.rendered import Actor, rotation


def shape(mouth_cm=0.0, right_corner_cm=0.0, left_brow_cm=0.0):
    """The canonical face, (68, 3) cm, its lower lip dropped, a lip corner and a brow raised."""
    points = canonical_face().vertices_cm[LANDMARKS68].copy()
    points[[55, 56, 57, 58, 59, 65, 66, 67], 1] -= mouth_cm
    points[54, 1] += right_corner_cm
    points[17:22, 1] += left_brow_cm
    return points


def seen(points, yaw=0.0, pitch=0.0, roll=0.0, px_per_cm=9.0):
    return (points @ rotation(yaw, pitch, roll).T)[:, :2] * [px_per_cm, -px_per_cm] + [300, 200]


def eyes_cm(points):
    return np.linalg.norm(points[36:42, :2].mean(axis=0) - points[42:48, :2].mean(axis=0))


def difference(one, other):
    return replace(one, **dict(zip(vars(one), np.subtract(astuple(one), astuple(other)), strict=True)))


def test_what_moves_on_a_face_is_measured_in_distances_between_the_eyes():
    neutral = measure_expression(seen(shape()))
    moved = difference(measure_expression(seen(shape(1.0, 0.5, 0.4))), neutral)
    unit = eyes_cm(shape())
    assert moved.mouth_opening == pytest.approx(1.0 / unit, abs=0.02)
    assert moved.lip_corner_right - moved.lip_corner_left == pytest.approx(0.5 / unit, abs=0.02)
    assert moved.brow_left - moved.brow_right == pytest.approx(0.4 / unit, abs=0.02)
    for still in (moved.eye_left, moved.eye_right, moved.mouth_width):
        assert still == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"), [(0, 0, 40), (25, 0, 0), (-25, 10, 0), (0, -20, 0), (30, 15, -20)]
)
def test_the_pose_of_the_head_does_not_change_the_expression(yaw, pitch, roll):
    for points in (shape(), shape(1.2), shape(0.3, 0.5, 0.4)):
        turned, straight = (
            astuple(measure_expression(seen(points, *pose))) for pose in ((yaw, pitch, roll), ())
        )
        # From the front a nod and the proportions of a face look alike, so a nod leaves a little more.
        np.testing.assert_allclose(turned, straight, atol=0.07 if pitch else 0.03)


def test_size_and_place_do_not_matter():
    here, there = (measure_expression(seen(shape(0.8), 10, px_per_cm=scale)) for scale in (4.0, 25.0))
    np.testing.assert_allclose(astuple(here), astuple(there), atol=1e-6)


def test_the_mirror_image_swaps_left_and_right():
    points = shape(0.4, 0.5, 0.3)
    order = canonical_face().mirror[LANDMARKS68]
    place = {int(number): index for index, number in enumerate(LANDMARKS68)}
    mirrored = (points * [-1, 1, 1])[[place[int(number)] for number in order]]
    one, other = (measure_expression(seen(p)) for p in (points, mirrored))
    swapped = Expression(
        other.mouth_opening, other.mouth_width, other.lip_corner_right, other.lip_corner_left,
        other.brow_right, other.brow_left, other.eye_right, other.eye_left,
    )  # fmt: skip
    np.testing.assert_allclose(astuple(one), astuple(swapped), atol=1e-6)


def test_an_opened_mouth_is_measured_in_drawn_faces_whatever_the_turn(photo, backend):
    """Exact landmarks of a drawn face: the error of the opening is that of the fitted depth."""
    actor = Actor(photo, backend)
    for yaw in (0, 20, -35):
        openings = [
            measure_expression(actor.draw(yaw, open_cm=cm).landmarks468[LANDMARKS68]).mouth_opening
            for cm in (0.0, 0.6, 1.2)
        ]
        assert np.diff(openings) == pytest.approx(0.6 / eyes_cm(shape()), abs=0.03)
