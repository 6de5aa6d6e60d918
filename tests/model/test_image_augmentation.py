"""Image augmentation: within its limits, the same in a repeated epoch, and without change to the originals."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emodal_model.core.config import ModelConfig
from emodal_model.data.image_augmentation import (
    BRIGHTNESS,
    CONTRAST,
    SHIFT_PX,
    TURN_DEG,
    ZOOM,
    Augmentations,
    augmented,
    draw_augmentations,
)
from emodal_model.data.synthetic import draw_samples
from emodal_model.training.loop import fit

SIZE = 128
IMAGES = np.random.default_rng(0).integers(0, 256, (6, SIZE, SIZE), dtype=np.uint8)


def one(matrix: Sequence[Sequence[float]], gain: float = 1.0, light: float = 0.0) -> np.ndarray:
    """The first image, changed by this."""
    change = Augmentations(np.array([matrix], float), np.array([[gain, light]]))
    return np.asarray(augmented(IMAGES[:1], change, np.array([0]))[0])


@settings(max_examples=20)
@given(seed=st.tuples(*[st.integers(0, 2**31)] * 3))
def test_draws_stay_within_the_limits(seed: tuple[int, ...]) -> None:
    drawn = draw_augmentations(50, SIZE, seed)
    linear = drawn.matrices[:, :, :2]
    zoom = np.sqrt(np.abs(np.linalg.det(linear)))
    assert (np.abs(zoom - 1) <= ZOOM + 1e-9).all()
    upright = linear[:, :, 1] / zoom[:, None]
    assert (np.rad2deg(np.arccos(upright[:, 1])) <= TURN_DEG + 1e-6).all()
    centre = np.full(2, (SIZE - 1) / 2)
    moved = linear @ centre + drawn.matrices[:, :, 2] - centre
    assert (np.abs(moved) <= SHIFT_PX + 1e-9).all()
    gain, light = drawn.lights.T
    assert (np.abs(np.log(gain)) <= np.log(CONTRAST) + 1e-9).all()
    assert (np.abs(gain * 127.5 + light - 127.5) <= BRIGHTNESS + 1e-9).all()


def test_half_of_the_images_are_mirrored() -> None:
    linear = draw_augmentations(2000, SIZE, (0, 0, 1)).matrices[:, :, :2]
    assert 900 < (np.linalg.det(linear) < 0).sum() < 1100


def test_an_epoch_done_again_draws_the_same_and_another_epoch_or_seed_does_not() -> None:
    first, again, epoch, seed = (
        draw_augmentations(4, SIZE, s) for s in ((3, 0, 1), (3, 0, 1), (3, 0, 2), (4, 0, 1))
    )
    np.testing.assert_array_equal(first.matrices, again.matrices)
    np.testing.assert_array_equal(first.lights, again.lights)
    for other in (epoch, seed):
        assert not np.isin(other.matrices, first.matrices).any()


def test_the_augmentation_of_an_image_does_not_depend_on_its_batch() -> None:
    drawn = draw_augmentations(len(IMAGES), SIZE, (0, 0, 1))
    before = IMAGES.copy()
    together = augmented(IMAGES, drawn, np.arange(len(IMAGES)))
    some = np.array([4, 1])
    np.testing.assert_array_equal(augmented(IMAGES[some], drawn, some), together[some])
    np.testing.assert_array_equal(IMAGES, before)
    assert not (together == IMAGES).all(axis=(1, 2)).any()


def test_each_augmentation_applies_its_matrix_and_its_light() -> None:
    image = IMAGES[0]
    same = [[1, 0, 0], [0, 1, 0]]
    np.testing.assert_array_equal(one(same), image)
    np.testing.assert_array_equal(one([[-1, 0, SIZE - 1], [0, 1, 0]]), image[:, ::-1])
    right = one([[1, 0, -3], [0, 1, 0]])
    np.testing.assert_array_equal(right[:, 3:], image[:, :-3])
    np.testing.assert_array_equal(right[:, :3], image[:, 3:0:-1])
    np.testing.assert_array_equal(one(same, light=300.0), np.full_like(image, 255))
    np.testing.assert_array_equal(
        one(same, gain=2.0, light=-255.0), np.clip(2 * image.astype(int) - 255, 0, 255)
    )


def test_images_are_augmented_while_training_if_it_is_set(tiny: ModelConfig) -> None:
    samples, none = draw_samples(24, seed=4), draw_samples(0, seed=0)
    losses = {}
    for varies in (False, True):
        config = tiny.model_copy(update={"vary_pictures": varies, "epochs": 1})
        losses[varies] = fit("image", samples, none, config).history[0].train_loss
    assert losses[True] != losses[False]
