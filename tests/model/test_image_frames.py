"""Clips with several frames: the code of a clip is the mean of those of its frames, from training to prediction."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from emodal_data.core.config import DatasetConfig
from emodal_model import load
from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError
from emodal_model.data.image_augmentation import augmented, draw_augmentations
from emodal_model.data.image_frames import image_shape, pad_frames, stack_frames
from emodal_model.data.samples import count_image_frames, read_samples
from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.baselines import image_features
from emodal_model.network.build import build_network, normalisation_of
from emodal_model.network.forward import outputs_of
from emodal_model.training.train import train
from tests.published import written

IMAGES = draw_samples(5, seed=2).images
NO_SOUND = np.zeros((1, 68), np.float32)


@pytest.mark.parametrize("is_colour", [False, True])
def test_the_code_of_a_clip_is_the_mean_of_the_codes_of_its_frames(
    tiny: ModelConfig, is_colour: bool
) -> None:
    scales = normalisation_of(draw_samples(5, seed=2))
    images = np.stack([IMAGES, IMAGES // 2, 255 - IMAGES], axis=3) if is_colour else IMAGES
    one, several = (
        build_network("image", tiny, scales, 4, images=image_shape(count, is_colour)) for count in (1, 3)
    )
    several.set_weights(one.get_weights())

    def logits(network: Any, images: np.ndarray) -> np.ndarray:
        return outputs_of(network, images, np.repeat(NO_SOUND, len(images), axis=0))["image"]

    each = logits(one, images)
    np.testing.assert_allclose(logits(several, images), each, rtol=1e-5, atol=1e-6)  # one frame each
    two = logits(several, pad_frames(images[None, :2], 3))  # and a blank image
    np.testing.assert_allclose(two, each[:2].mean(axis=0, keepdims=True), rtol=1e-5, atol=1e-6)
    spread = logits(several, images[None])  # of five frames, three
    np.testing.assert_allclose(spread, each[[0, 1, 3]].mean(axis=0, keepdims=True), rtol=1e-5, atol=1e-6)


def test_all_frames_of_a_sample_are_augmented_alike_and_blank_ones_stay_blank() -> None:
    frames = stack_frames([IMAGES[0], IMAGES[:2], IMAGES[:3]], 3)
    draws, places = draw_augmentations(3, 128, (1,)), np.array([2, 0, 1])
    changed = augmented(frames, draws, places)
    np.testing.assert_array_equal(changed[:, 0], augmented(IMAGES[[0, 0, 0]], draws, places))
    np.testing.assert_array_equal(changed[2], augmented(IMAGES[:3], draws, places[[2, 2, 2]]))
    assert not changed[0, 1:].any() and not changed[1, 2].any() and changed[1, 1].any()


def test_a_dataset_with_views_and_eight_frames_is_loaded_by_datasets_and_trained_on(
    tiny: ModelConfig, tmp_path: Path
) -> None:
    import datasets

    settings = {"views": ["rgb", "context"], "frames": 8, "gate": "score", "measures": True}
    folder = written(tmp_path, "dataset", DatasetConfig.model_validate({"face": settings}))
    loaded = datasets.load_dataset(
        "parquet", data_dir=str(folder / "data"), cache_dir=str(tmp_path / "cache")
    )
    first = loaded["train"][0]
    assert [frame.size for frame in first["image_frames"]] == [(128, 128)] * 8
    assert [frame.mode for frame in first["image_rgb_frames"]] == ["RGB"] * 8
    assert len(first["mouth_opening_frames"]) == len(first["frame_times_s"]) == 8
    assert count_image_frames(folder) == 8
    samples = read_samples(folder, "train", image_frames=8)
    assert samples.images.shape == (len(loaded["train"]), 8, 128, 128)
    np.testing.assert_array_equal(samples.images[0, 7], np.asarray(first["image_frames"][7]))
    coloured = read_samples(folder, "train", image_frames=8, picture="rgb").images
    small = cv2.resize(np.asarray(first["image_rgb_frames"][7]), (128, 128), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(coloured[0, 7], small)
    assert image_features(samples.take(np.arange(2))).shape == (2, 2020)

    train(folder, tmp_path / "model", tiny.model_copy(update={"name": "image", "epochs": 1}))
    network = load(tmp_path / "model")
    assert network.image_frames == 8
    assert (
        "the image code is the mean of the codes of up to 8 frames"
        in (tmp_path / "model" / "README.md").read_text()
    )
    single = network.predict(IMAGES, None)
    np.testing.assert_allclose(
        network.predict(np.repeat(IMAGES[:, None], 3, axis=1), None), single, rtol=1e-5
    )
    mixed = network.predict_each([IMAGES[0], IMAGES[:3], None], [None] * 3)
    np.testing.assert_allclose(mixed[0].probabilities, single[0], rtol=1e-5)
    assert [answer.used for answer in mixed] == ["image", "image", None]
    with pytest.raises(ModelInputError, match=r"each image must be .*not \(5, 64, 128\) uint8"):
        network.predict([IMAGES[:, :64]], None)
