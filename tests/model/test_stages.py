"""When EMODal learns from pairs first, and what each stage may change."""

from pathlib import Path

import numpy as np
import pytest

from emodal_model.core.config import ModelConfig
from emodal_model.data.synthetic import draw_samples
from emodal_model.training.checkpoint import CheckpointFile
from emodal_model.training.loop import EpochReport, Fitted, fit
from emodal_model.training.stages import Stage, learning_rate, rows_of_a_pass, stages_of

MANY = np.array([0, 1] + [-1] * 6)
ALL = np.ones(8, bool)
VALIDATION = draw_samples(20, seed=5)


def names(stages: list[Stage]) -> list[str]:
    return [stage.name for stage in stages]


def test_only_emodal_with_more_unlabelled_than_labelled_clips_warms_up() -> None:
    config = ModelConfig()
    assert names(stages_of("emodal", MANY, ALL, config)) == ["common", "heads", "all"]
    assert names(stages_of("image", MANY, ALL, config)) == ["all"]
    assert names(stages_of("emodal", np.array([0, 1, -1, -1]), ALL[:4], config)) == ["all"]
    for off in ({"common_weight": 0.0}, {"warm_up_epochs": 0}):
        assert names(stages_of("emodal", MANY, ALL, config.model_copy(update=off))) == ["all"]


def test_augmented_samples_do_not_count_when_clips_are_compared() -> None:
    labels, originals = np.array([0, 0, 0, 0, -1, -1]), np.array([True] + [False] * 3 + [True] * 2)
    assert names(stages_of("emodal", labels, originals, ModelConfig())) == ["common", "heads", "all"]


def test_each_stage_counts_its_own_losses_on_its_own_samples() -> None:
    common, heads, last = stages_of("emodal", MANY, ALL, ModelConfig(min_steps=7))
    assert common.rows.tolist() == list(range(8))
    weights = ("common_weight", "classify_weight", "audio_weight", "image_weight")
    assert [getattr(common.config, w) for w in weights] == [1, 0, 0, 0]
    assert (heads.rows.tolist(), heads.config.common_weight, heads.epochs) == ([0, 1], 0, 7)
    assert last.config == ModelConfig(min_steps=7)


def test_labelled_samples_are_a_quarter_of_a_pass_at_least() -> None:
    rows = rows_of_a_pass(np.array([2] + [-1] * 9))
    assert sorted(rows.tolist()) == [0, 0, 0, *range(1, 10)]
    assert rows_of_a_pass(np.array([0, 1, -1])).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("samples", "epochs"), [(4267, 60), (11606, 22), (24000, 11), (100000, 10)])
def test_many_samples_take_fewer_epochs_unless_they_are_set(samples: int, epochs: int) -> None:
    labels, originals = np.zeros(samples, np.int64), np.ones(samples, bool)
    assert stages_of("image", labels, originals, ModelConfig())[0].epochs == epochs
    assert stages_of("image", labels, originals, ModelConfig(epochs=70))[0].epochs == 70


def test_the_learning_rate_falls_to_a_tenth() -> None:
    stage = Stage("all", np.arange(4), ModelConfig(learning_rate=0.1), epochs=5)
    rates = [learning_rate(stage, epoch) for epoch in range(1, 6)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0.01)
    assert rates == sorted(rates, reverse=True)


@pytest.fixture(scope="module")
def few() -> tuple[Fitted, ModelConfig]:
    from tests.model.conftest import TINY

    config = TINY.model_copy(update={"warm_up_epochs": 3, "min_steps": 2, "learning_rate": 0.01})
    return fit("emodal", draw_samples(40, seed=4, labelled=12), VALIDATION, config), config


def test_a_warm_up_is_reported_by_stage_and_kept_apart_from_the_history(few: tuple) -> None:
    fitted, _ = few
    stages = [(report.stage, report.epoch) for report in fitted.warm_up]
    assert stages[-2:] == [("heads", 1), ("heads", 2)]
    assert stages[:1] == [("common", 1)]
    assert {report.stage for report in fitted.history} == {"all"}
    assert fitted.history[fitted.best_epoch - 1].is_best


def test_a_run_killed_in_the_stage_heads_resumes_to_bitwise_the_same_weights(
    few: tuple, tmp_path: Path
) -> None:
    undisturbed, config = few

    def kill(report: EpochReport) -> None:
        if (report.stage, report.epoch) == ("heads", 1):
            raise KeyboardInterrupt

    file = CheckpointFile(tmp_path / "state.npz", run="this", every_s=0.0)
    samples = draw_samples(40, seed=4, labelled=12)
    with pytest.raises(KeyboardInterrupt):
        fit("emodal", samples, VALIDATION, config, file, kill)
    resumed = fit("emodal", samples, VALIDATION, config, file)
    assert [*resumed.warm_up, *resumed.history] == [*undisturbed.warm_up, *undisturbed.history]
    for one, other in zip(resumed.network.get_weights(), undisturbed.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
