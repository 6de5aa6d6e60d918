"""The linear baselines: right on what is linear, complete when classes are missing."""

from dataclasses import replace

import numpy as np

from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.baselines import LINEAR, baseline_probabilities, oriented_gradients

NONE = draw_samples(0, seed=0)


def test_every_baseline_learns_the_linear_truth_and_fusion_beats_sound_alone() -> None:
    train, test = draw_samples(240, seed=1), draw_samples(300, seed=2)
    given = baseline_probabilities(train, NONE, test)
    accuracy = {name: float((p.argmax(axis=1) == test.labels).mean()) for name, p in given.items()}
    assert set(given) == {*LINEAR, "late_fusion"}
    assert min(accuracy.values()) > 0.35
    assert accuracy["late_fusion"] > accuracy["audio_logistic"] + 0.05
    assert accuracy["image_logistic"] > 0.5


def test_probabilities_sum_to_one_and_a_class_never_seen_gets_none() -> None:
    train = draw_samples(60, seed=1)
    train = replace(train, labels=train.labels % 2)
    for probabilities in baseline_probabilities(train, NONE, draw_samples(5, seed=2)).values():
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
        assert (probabilities[:, 2:] == 0).all()


def test_after_the_penalty_is_chosen_the_validation_samples_are_fitted_too() -> None:
    train, validation = draw_samples(60, seed=1), draw_samples(60, seed=3)
    train = replace(train, labels=train.labels % 2)
    for probabilities in baseline_probabilities(train, validation, draw_samples(20, seed=2)).values():
        assert (probabilities > 0).all()


def test_oriented_gradients_see_the_direction_of_an_edge_and_no_brightness() -> None:
    ramp = np.tile(np.arange(128, dtype=np.uint8), (128, 1))
    across, down = oriented_gradients(ramp), oriented_gradients(ramp.T)
    assert across.shape == (7 * 7 * 4 * 9,)
    cells = across.reshape(-1, 9)
    assert (cells[:, 0] > 0.4).all() and (cells[:, 1:] == 0).all()
    assert (down.reshape(-1, 9).argmax(axis=1) == 4).all()
    np.testing.assert_allclose(oriented_gradients(ramp + 100), across)


def test_no_test_sample_gives_no_row() -> None:
    assert {p.shape for p in baseline_probabilities(draw_samples(8, seed=1), NONE, NONE).values()} == {(0, 4)}
