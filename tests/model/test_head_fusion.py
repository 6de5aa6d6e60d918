"""What EMODal's answer believes: less of what knew nothing of clips that were held back."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from emodal_model.core.backend import keras
from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.scores import best_temperature, cross_entropy, softmax
from emodal_model.network.build import build_network, normalisation_of
from emodal_model.network.forward import outputs_of
from emodal_model.training.head_fusion import HEADS, calibrate_head_weights
from tests.model.conftest import TINY

SAMPLES = draw_samples(80, seed=1)


@pytest.fixture
def network() -> Any:
    keras.utils.set_random_seed(0)  # a face branch that says the same of every clip has nothing to teach
    return build_network("emodal", TINY, normalisation_of(SAMPLES), 4)


def outputs(network: Any) -> dict[str, np.ndarray]:
    return outputs_of(network, SAMPLES.images, SAMPLES.audio_features)


def test_where_the_softmax_on_both_believes_a_loud_and_wrong_sound_the_answer_is_the_face_s(
    network: Any,
) -> None:
    layer = network.get_layer("both_logits")
    kernel, bias = layer.get_weights()
    kernel[: TINY.features] *= 20.0
    layer.set_weights([kernel, bias])
    before = outputs(network)
    # The face knows the answer, the sound says something of its own.
    truth = replace(SAMPLES, labels=before["image"].argmax(axis=1))
    weights = calibrate_head_weights(network, truth)
    assert weights["image"] > 1.0 > weights["both"]
    after = outputs(network)
    loss = [cross_entropy(softmax(each["both"]), truth.labels) for each in (before, after)]
    assert loss[1] < loss[0]
    right = [(each["both"].argmax(axis=1) == truth.labels).mean() for each in (before, after)]
    assert right[0] < 0.5
    assert right[1] > 0.8


def test_where_the_softmax_on_both_is_right_it_is_left_alone_but_for_its_temperature(network: Any) -> None:
    before = outputs(network)
    truth = replace(SAMPLES, labels=before["both"].argmax(axis=1))
    weights = calibrate_head_weights(network, truth)
    assert weights["both"] > 1.0
    after = outputs(network)
    assert (after["both"].argmax(axis=1) == truth.labels).mean() > 0.95


def test_only_the_head_on_both_changes_to_the_weighted_sum_that_is_returned(network: Any) -> None:
    before = outputs(network)
    weights = calibrate_head_weights(network, SAMPLES)
    after = outputs(network)
    for name in set(before) - {"both"}:
        np.testing.assert_array_equal(after[name], before[name])
    told = sum(
        weights[head] * before[head] / best_temperature(before[head], SAMPLES.labels) for head in HEADS
    )
    np.testing.assert_allclose(after["both"], told, atol=1e-4)
    assert min(weights.values()) >= 0


def test_without_held_back_clips_nothing_changes(network: Any) -> None:
    before = network.get_weights()
    assert calibrate_head_weights(network, SAMPLES.take(np.arange(0))) == {
        "both": 1.0,
        "audio": 0.0,
        "image": 0.0,
    }
    for one, other in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
