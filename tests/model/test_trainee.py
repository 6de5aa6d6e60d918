"""Networks under training that later trainings reuse: the weights are those of a training that has its own."""

from dataclasses import replace

import numpy as np
import pytest

from emodal_model.core.config import ModelConfig
from emodal_model.data.samples import Samples
from emodal_model.data.synthetic import draw_samples
from emodal_model.network.build import normalisation_of
from emodal_model.training import trainee
from emodal_model.training.loop import Fitted, fit

NONE = draw_samples(0, seed=0)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What steps were compiled for, since no network was there to reuse."""
    calls, make_step = [], trainee.make_step

    def noted(*arguments: object) -> object:
        calls.append(arguments)
        return make_step(*arguments)

    monkeypatch.setattr(trainee, "_idle", {})
    monkeypatch.setattr(trainee, "make_step", noted)
    return calls


def samples(n: int, seed: int) -> Samples:
    """Samples with a target; their scales and the numbers of their classes depend on the seed."""
    drawn, draw = draw_samples(n, seed=seed), np.random.default_rng(seed)
    targets = draw.normal(seed, seed, (n, 1)).astype(np.float32)
    return replace(
        drawn, audio_features=drawn.audio_features * seed, targets=targets, target_names=("valence",)
    )


def test_trainings_of_one_architecture_share_a_compiled_step_and_have_the_weights_of_their_own(
    tiny: ModelConfig, compiled: list[object]
) -> None:
    def trained(**settings: float) -> Fitted:
        return fit("audio", samples(24, seed=2), NONE, tiny.model_copy(update={"epochs": 1} | settings))

    other = {"seed": 1, "learning_rate": 1e-3, "batch_size": 8}
    fit("audio", samples(20, seed=1), NONE, tiny)
    shared = trained(**other)
    assert len(compiled) == 1
    trainee._idle.clear()
    alone = trained(**other)
    assert len(compiled) == 2
    assert shared.history == alone.history
    for one, two in zip(shared.network.get_weights(), alone.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    # A setting of the loss is part of the graph.
    assert trained(**other, target_weight=2.0).history[0].train_loss != alone.history[0].train_loss
    assert len(compiled) == 3


def test_a_network_is_lent_to_one_training_at_a_time_and_four_wait_at_most(
    tiny: ModelConfig, compiled: list[object]
) -> None:
    scales = normalisation_of(samples(8, seed=1))

    def take(classes: int = 4) -> tuple:
        return trainee.take_trainee("audio", tiny, scales, classes, (128, 128))

    (one, give_back), (other, _) = take(), take()
    assert one is not other
    give_back()
    assert take()[0] is one
    for classes in range(2, 8):
        take(classes)[1]()
    assert len(trainee._idle) == 4
