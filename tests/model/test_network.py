"""The image branch's two planes: the picture as it is, and its contrast whatever the light."""

import cv2
import numpy as np
import pytest

from emodal_model.backend import keras
from emodal_model.config import ModelConfig
from emodal_model.network import Normalisation, build_network

SCALES = Normalisation(pixel_mean=100.0, pixel_std=40.0, audio_mean=[0.0] * 68, audio_std=[1.0] * 68)


@pytest.fixture(scope="module")
def planes() -> keras.Model:
    network = build_network("image", ModelConfig(filters=(2, 2, 4), image_dense=8), SCALES)
    return keras.Model(network.input, network.get_layer("image_planes").output)


def seen(planes: keras.Model, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    both = np.asarray(planes({"images": image[None].astype(np.uint8)}))[0]
    assert both.shape == (128, 128, 2)
    return both[:, :, 0], both[:, :, 1]


def texture() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 150, (128, 128))
    return np.clip(np.rint(110 + cv2.GaussianBlur(noise, (0, 0), 1.5)), 20, 200)


def test_the_first_plane_is_the_picture_in_deviations(planes: keras.Model) -> None:
    image = texture()
    np.testing.assert_allclose(seen(planes, image)[0], (image - 100) / 40, atol=1e-5)


def test_more_light_leaves_the_contrast_and_moves_the_picture(planes: keras.Model) -> None:
    dark, light = (seen(planes, image) for image in (texture(), texture() + 50))
    np.testing.assert_allclose(light[0] - dark[0], 50 / 40, atol=1e-5)
    np.testing.assert_allclose(light[1], dark[1], atol=1e-4)


def test_contrast_has_one_size_and_a_flat_picture_none(planes: keras.Model) -> None:
    strong = texture()
    weak = np.rint(110 + (strong - 110) / 2)
    assert 0.8 < seen(planes, strong)[1].std() < 1.2
    assert seen(planes, weak)[1].std() == pytest.approx(seen(planes, strong)[1].std(), rel=0.1)
    np.testing.assert_allclose(seen(planes, np.full((128, 128), 37))[1], 0, atol=1e-4)
