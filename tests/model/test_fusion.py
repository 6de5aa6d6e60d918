"""What a modality may say in the softmax on both: less where it knew nothing of clips that were held back."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from emodal_model.fitting import outputs_of
from emodal_model.fusion import MODALITIES, balance
from emodal_model.known_truth import draw_samples
from emodal_model.network import build_network, normalisation_of
from emodal_model.scores import cross_entropy, softmax

from .conftest import TINY

SAMPLES = draw_samples(80, seed=1)


@pytest.fixture
def network() -> Any:
    return build_network("emodal", TINY, normalisation_of(SAMPLES))


def outputs(network: Any) -> dict[str, np.ndarray]:
    return outputs_of(network, SAMPLES.images, SAMPLES.audio_features)


def test_a_loud_modality_that_is_wrong_is_turned_down_and_the_other_is_not(network: Any) -> None:
    layer = network.get_layer("both_logits")
    kernel, bias = layer.get_weights()
    kernel[: TINY.features] *= 20.0
    layer.set_weights([kernel, bias])
    before = outputs(network)
    # The face knows the answer, the sound says something of its own.
    face = before["image_code"] @ kernel[TINY.features :]
    truth = replace(SAMPLES, labels=face.argmax(axis=1))
    scales = balance(network, truth)
    assert scales["audio"] < 0.5 < 1.0 < scales["image"]
    after = outputs(network)
    loss = [cross_entropy(softmax(each["both"]), truth.labels) for each in (before, after)]
    assert loss[1] < loss[0]


def test_only_the_softmax_on_both_changes_and_by_the_scales_that_are_told(network: Any) -> None:
    before, (kernel, bias) = outputs(network), network.get_layer("both_logits").get_weights()
    scales = balance(network, SAMPLES)
    after = outputs(network)
    for name in set(before) - {"both"}:
        np.testing.assert_array_equal(after[name], before[name])
    rows = dict(zip(MODALITIES, np.split(kernel, 2), strict=True))
    parts = [scales[name] * before[f"{name}_code"] @ rows[name] for name in MODALITIES]
    np.testing.assert_allclose(after["both"], sum(parts) + bias, atol=1e-4)


def test_without_held_back_clips_nothing_changes(network: Any) -> None:
    before = network.get_weights()
    assert balance(network, SAMPLES.take(np.arange(0))) == {"audio": 1.0, "image": 1.0}
    for one, other in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
