"""The blur of edges: the true blur whatever the contrast, small for soft light, large out of focus."""

import cv2
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.reasons import Reason
from emodal_data.face import find_face, frontalize
from emodal_data.face.blur import blur_px, edge_blur_px


def squares(sigma_px, contrast=1.0, noise=0.0):
    """Dark squares on light ground, blurred by a Gaussian: (200, 200) float32."""
    picture = np.full((200, 200), 120 + 100 * contrast, np.float32)
    for y in (30, 110):
        for x in (30, 110):
            picture[y : y + 55, x : x + 55] = 120
    blurred = cv2.GaussianBlur(picture, (0, 0), sigma_px)
    return blurred + np.random.default_rng(0).normal(0, noise, picture.shape).astype(np.float32)


@pytest.mark.parametrize("sigma_px", [0.8, 1.5, 3.0])
def test_the_blur_of_an_edge_is_measured_whatever_its_contrast(sigma_px):
    assert edge_blur_px(squares(sigma_px)) == pytest.approx(sigma_px, rel=0.1)
    assert edge_blur_px(squares(sigma_px, contrast=0.2)) == pytest.approx(sigma_px, rel=0.1)


def test_the_slope_of_the_light_does_not_blur_the_edges_on_it():
    slope = np.linspace(0, 200, 200, dtype=np.float32)  # one gray level a pixel; the edges have five
    assert edge_blur_px(np.rint(squares(1.0, contrast=0.2) / 2 + slope)) == pytest.approx(1.0, abs=0.2)


def test_noise_is_not_taken_for_sharp_edges():
    assert edge_blur_px(squares(2.0, noise=4.0)) == pytest.approx(2.0, rel=0.2)


def test_a_picture_without_edges_has_the_largest_blur():
    assert edge_blur_px(np.full((60, 60), 77, np.float32)) == 10.0


@pytest.fixture(scope="module")
def portrait():
    """A man with glasses, his face 195 px wide."""
    with get_sample_data("grace_hopper.jpg") as file:
        return cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR_RGB)


def measured(rgb, backend):
    return find_face(rgb, backend, FaceConfig()).measures


def soft_light(rgb, left):
    """The picture with a share of its detail left, as large soft lamps leave it."""
    large = cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), rgb.shape[1] / 20)
    return np.clip(large + (rgb - large) * left, 0, 255).astype(np.uint8)


def test_a_close_up_in_soft_light_is_sharp(portrait, backend):
    plain, soft = measured(portrait, backend), measured(soft_light(portrait, 0.25), backend)
    # The variance of the Laplacian falls with the light, as it does with a blur of 1 % of the face's width.
    assert soft.sharpness < plain.sharpness / 2.5
    assert soft.blur_px < 0.4
    assert face_gate(soft, FaceConfig()) is None


@pytest.mark.parametrize(("noise", "sharp_at_most"), [(0, 0.4), (2, 0.8)])
@pytest.mark.parametrize("width", [195, 64])
def test_a_tenth_of_the_detail_is_enough_to_tell_soft_light_from_blur(
    portrait, backend, width, noise, sharp_at_most
):
    (face,) = backend.faces(portrait)
    small = cv2.resize(portrait, None, fx=width / 195, fy=width / 195, interpolation=cv2.INTER_AREA)
    points = (face.landmarks68 + 0.5) * width / 195 - 0.5
    scale, grain = frontalize(small, points).scale, np.random.default_rng(0).normal(0, noise, small.shape)

    def blur_in_soft_light(rgb):
        return blur_px(np.clip(soft_light(rgb, 0.1) + grain, 0, 255).astype(np.uint8), points, scale)

    assert blur_in_soft_light(small) < sharp_at_most
    assert blur_in_soft_light(cv2.GaussianBlur(small, (0, 0), 0.02 * width)) > FaceConfig().max_blur_px


@pytest.mark.parametrize("width", [195, 64])
def test_a_face_out_of_focus_is_blurred_at_every_size(portrait, backend, width):
    small = cv2.resize(portrait, None, fx=width / 195, fy=width / 195, interpolation=cv2.INTER_AREA)
    assert measured(small, backend).blur_px < 0.8
    blurred = cv2.GaussianBlur(small, (0, 0), 0.02 * width)
    assert face_gate(measured(blurred, backend), FaceConfig())[0] is Reason.FACE_BLURRED


def test_an_enlarged_small_face_is_blurred(portrait, backend):
    small = cv2.resize(portrait, None, fx=0.15, fy=0.15, interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, portrait.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    assert face_gate(measured(large, backend), FaceConfig())[0] is Reason.FACE_BLURRED


def test_the_size_of_the_frame_does_not_change_a_large_face(portrait, backend):
    (face,) = backend.faces(portrait)
    large = cv2.resize(portrait, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    points = (face.landmarks68 + 0.5) * 2 - 0.5
    here, there = (
        blur_px(rgb, marks, frontalize(rgb, marks).scale)
        for rgb, marks in ((cv2.GaussianBlur(portrait, (0, 0), 3), face.landmarks68),
                           (cv2.GaussianBlur(large, (0, 0), 6), points))
    )  # fmt: skip
    assert there == pytest.approx(here, rel=0.15)
