"""The 68 features before the first layer: skews out, directions even, in numpy as in layers, and never trained."""

import numpy as np
import pytest
from scipy.stats import skew
from sklearn.preprocessing import PowerTransformer

from emodal_model.core.backend import keras
from emodal_model.core.config import ModelConfig
from emodal_model.data.contract import FEATURES
from emodal_model.data.synthetic import draw_samples
from emodal_model.network.build import build_network, normalisation_of
from emodal_model.network.decorrelation import CLIP, SHRINKAGE, Decorrelation, decorrelation_of
from emodal_model.training.loop import fit

RNG = np.random.default_rng(0)
#: Correlated, and half of them skewed.
LOUD = RNG.standard_normal((1000, FEATURES)) @ RNG.standard_normal((FEATURES, FEATURES)) / FEATURES**0.5
LOUD[:, ::2] = np.exp(0.5 * LOUD[:, ::2])
LOUD = (LOUD - LOUD.mean(axis=0)) / LOUD.std(axis=0)


def test_the_yeo_johnson_transform_equals_scikit_learn_s() -> None:
    learnt = decorrelation_of(LOUD)
    unskewed = Decorrelation(learnt.powers, learnt.mean, learnt.std, np.eye(FEATURES), np.zeros(FEATURES))
    assert skew(LOUD[:, ::2]).min() > 0.8 and abs(skew(unskewed(LOUD))).max() < 0.2
    reference = PowerTransformer().fit_transform(LOUD).clip(-CLIP, CLIP)
    # Powers within 0.02 of 0 are moved there.
    np.testing.assert_allclose(unskewed(LOUD), reference, atol=0.02)


def test_whitened_features_are_uncorrelated_with_the_variances_of_the_shrinkage() -> None:
    # No skew, and nothing far enough out to be cut: variances are then known exactly.
    uniform = np.random.default_rng(1).uniform(-1, 1, (4000, 4)) * 0.5
    x = uniform @ np.array([[1.0, 0.9, 0, 0], [0, 0.3, 0, 0], [0, 0, 1, 0.5], [0, 0, 0, 0.5]])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    learnt = decorrelation_of(x)
    plain = Decorrelation(learnt.powers, learnt.mean, learnt.std, np.eye(4), np.zeros(4))(x)
    variances = np.linalg.eigvalsh(np.cov(plain.T, ddof=0))
    evened = variances / ((1 - SHRINKAGE) * variances + SHRINKAGE * variances.mean())
    out = learnt(x)
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(np.linalg.eigvalsh(np.cov(out.T, ddof=0)), np.sort(evened), rtol=0.02)
    assert variances.max() / variances.min() > 30 and evened.max() / evened.min() < 6


def test_the_layers_compute_what_numpy_does_for_known_and_for_far_values() -> None:
    samples = draw_samples(50, seed=1)
    scales = normalisation_of(samples)
    assert scales.decorrelation is not None
    network = build_network("audio", ModelConfig(), scales, 4)
    below = keras.Model(network.input, network.get_layer("audio_dense_128").input)
    heard = np.concatenate([samples.audio_features, 100 * samples.audio_features, np.full((1, 68), 1e9)])
    standardised = (heard - np.asarray(scales.audio_mean)) / np.asarray(scales.audio_std)
    layers = np.asarray(below({"audio_features": heard.astype(np.float32)}))
    np.testing.assert_allclose(layers, scales.decorrelation(standardised), atol=2e-4)
    assert np.abs(layers).max() <= CLIP


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_few_rows_and_constant_features_give_finite_numbers(rows: int) -> None:
    x = LOUD[:rows].copy()
    x[:, 3] = 0.0
    assert np.isfinite(decorrelation_of(x)(LOUD)).all()


def test_training_does_not_touch_it_and_it_is_no_parameter(tiny: ModelConfig) -> None:
    samples = draw_samples(40, seed=2)
    network = fit("audio", samples, draw_samples(0, seed=3), tiny).network
    learnt = normalisation_of(samples).decorrelation
    assert learnt is not None
    matrix, offset = network.get_layer("audio_decorrelated").get_weights()
    np.testing.assert_array_equal(matrix, learnt.matrix.astype(np.float32))
    np.testing.assert_array_equal(offset, learnt.offset.astype(np.float32))
    trained = sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
    assert trained == 68 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10 + 10 * 4 + 4
