"""The synthetic set: its Bayes accuracies are the poster's, and nothing is lost in pictures and sounds."""

import numpy as np
import pytest

from emodal_model.data.synthetic import BAYES_ACCURACY, _mixing, bayes_posteriors, draw_hidden, draw_samples


@pytest.mark.parametrize(("modality", "name"), [("audio", "audio"), ("image", "image"), ("both", "emodal")])
def test_the_bayes_classifier_reaches_the_posters_accuracy(modality: str, name: str) -> None:
    hidden = draw_hidden(200_000, seed=1)
    right = bayes_posteriors(hidden, modality).argmax(axis=1) == hidden.labels
    assert right.mean() == pytest.approx(BAYES_ACCURACY[name], abs=0.003)


def test_the_bayes_posteriors_are_calibrated() -> None:
    hidden = draw_hidden(200_000, seed=2)
    posterior = bayes_posteriors(hidden, "both")
    sure = posterior[:, 0] > 0.8
    assert (hidden.labels[sure] == 0).mean() == pytest.approx(posterior[sure, 0].mean(), abs=0.01)


def test_the_hidden_numbers_can_be_recovered_from_images_and_sounds() -> None:
    hidden, samples = draw_hidden(50, seed=3), draw_samples(50, seed=3)
    np.testing.assert_allclose(samples.audio_features @ _mixing().T, hidden.audio, atol=1e-5)
    patches = samples.images[:, 32::64, 21::43].reshape(50, 6).astype(float)
    np.testing.assert_allclose((patches - 128) / 16, hidden.image, atol=0.5 / 16 + 1e-9)


def test_only_the_first_ones_are_labelled_when_asked() -> None:
    assert (draw_samples(10, seed=3, labelled=4).labels >= 0).tolist() == [True] * 4 + [False] * 6


def test_synthetic_images_are_contiguous_like_those_of_a_dataset() -> None:
    assert draw_samples(3, seed=1).images.flags["C_CONTIGUOUS"]
