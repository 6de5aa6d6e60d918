"""Loaded networks: probabilities, a missing modality, and inputs that are refused."""

from pathlib import Path

import numpy as np
import pytest

from emodal_model import load
from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError
from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.scores import softmax
from emodal_model.inference.predictor import Predictor, save
from emodal_model.network.build import build_network, normalisation_of, with_probabilities

SAMPLES = draw_samples(6, seed=1)
HEADS = ("audio", "image", "both")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.model.conftest import TINY

    path = tmp_path_factory.mktemp("model")
    network = build_network("emodal", TINY, normalisation_of(SAMPLES), 4)
    save(
        with_probabilities([(network, dict.fromkeys(HEADS, 2.0))]),
        {"labels": ["a", "h", "n", "s"]},
        path / "emodal.keras",
    )
    audio = build_network("audio", TINY, normalisation_of(SAMPLES), 4)
    save(
        with_probabilities([(audio, {"audio": 1.0})]), {"labels": ["a", "h", "n", "s"]}, path / "audio.keras"
    )
    return path


@pytest.fixture(scope="module")
def emodal(folder: Path) -> Predictor:
    return load(folder)


def test_probabilities_sum_to_one_for_both_and_for_each_alone(emodal: Predictor) -> None:
    for images, audio in ((SAMPLES.images, SAMPLES.audio_features), (SAMPLES.images, None)):
        probabilities = emodal.predict(images, audio)
        assert probabilities.shape == (6, 4)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
    alone = emodal.predict(None, SAMPLES.audio_features)
    np.testing.assert_array_equal(alone, emodal.outputs(SAMPLES)["audio"])


def test_an_answer_does_not_depend_on_the_other_samples(emodal: Predictor) -> None:
    together = emodal.predict(SAMPLES.images, SAMPLES.audio_features)
    single = emodal.predict(SAMPLES.images[2:3], SAMPLES.audio_features[2:3])
    np.testing.assert_allclose(together[2:3], single, atol=1e-6)


def test_probabilities_are_the_softmax_of_logits_divided_by_the_temperature() -> None:
    config = ModelConfig(filters=(2, 2, 4), image_dense=8)
    network = build_network("emodal", config, normalisation_of(SAMPLES), 4)
    inputs = {"images": SAMPLES.images, "audio_features": SAMPLES.audio_features}
    logits = np.asarray(network(inputs)["both"])
    kept = with_probabilities([(network, dict.fromkeys(HEADS, 2.5))])
    np.testing.assert_allclose(np.asarray(kept(inputs)["both"]), softmax(logits / 2.5), atol=1e-6)


def test_the_network_standardises_its_inputs_itself(folder: Path) -> None:
    # The same features in other units, with scales learnt in those units, give the same answer.
    network = load(folder / "audio.keras").network
    rescaled = build_network(
        "audio", ModelConfig(), normalisation_of(SAMPLES.take(np.arange(6))), 4
    ).get_layer("audio_standardised")
    standard = np.asarray(rescaled(SAMPLES.audio_features))
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(standard.std(axis=0), 1, atol=1e-4)
    assert "audio_standardised" in {layer.name for layer in network.layers}


def test_no_sample_gives_no_row(emodal: Predictor) -> None:
    assert emodal.predict(SAMPLES.images[:0], None).shape == (0, 4)


def test_a_network_of_one_modality_needs_that_modality(folder: Path) -> None:
    audio = load(folder / "audio.keras")
    assert audio.predict(None, SAMPLES.audio_features).shape == (6, 4)
    with pytest.raises(ModelInputError, match="needs audio input"):
        audio.predict(SAMPLES.images, None)


def test_each_sample_is_answered_by_what_it_has(emodal: Predictor) -> None:
    images, audio = list(SAMPLES.images[:4]), list(SAMPLES.audio_features[:4])
    images[1] = images[3] = audio[2] = audio[3] = None
    answers = emodal.predict_each(images, audio)
    assert [answer.used for answer in answers] == ["both", "audio", "image", None]
    outputs = emodal.outputs(SAMPLES)
    for row, head in enumerate(("both", "audio", "image")):
        np.testing.assert_allclose(answers[row].probabilities, outputs[head][row], atol=1e-6)
    assert answers[3].probabilities is None


def test_a_network_of_one_modality_has_no_answer_without_it(folder: Path) -> None:
    audio = load(folder / "audio.keras")
    answers = audio.predict_each(list(SAMPLES.images[:2]), [SAMPLES.audio_features[0], None])
    assert [answer.used for answer in answers] == ["audio", None]
    assert audio.predict_each([], []) == []


@pytest.mark.parametrize(
    ("images", "audio", "message"),
    [
        (None, None, "needs images"),
        (SAMPLES.images.astype(np.float32), None, "uint8"),
        (SAMPLES.images[:, :64], None, r"\(n, 128, 128\)"),
        (None, SAMPLES.audio_features[:, :34], r"\(n, 68\)"),
        (None, np.full((1, 68), np.nan), "finite"),
        (SAMPLES.images[:2], SAMPLES.audio_features[:3], "2 images but 3 rows"),
    ],
)
def test_wrong_input_is_refused_in_one_line(
    emodal: Predictor, images: object, audio: object, message: str
) -> None:
    with pytest.raises(ModelInputError, match=message) as caught:
        emodal.predict(images, audio)
    assert "\n" not in str(caught.value)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInputError, match="no model here"):
        load(tmp_path)
    (tmp_path / "emodal.keras").write_bytes(b"not a zip file")
    with pytest.raises(ModelInputError, match="not a model of emodal train"):
        load(tmp_path)


@pytest.mark.parametrize(
    "about",
    [
        {},
        {"labels": ["a", "h", "n"]},
        {"labels": ["a", "h", "n", "n"]},
        {"labels": ["a", "h", "n", "\x1b]0;title"]},
        {"labels": "ahns"},
        {"labels": ["a", "h", "n", "s"], "targets": ["valence"]},
    ],
)
def test_names_that_are_not_those_of_the_outputs_are_refused(
    about: dict[str, object], folder: Path, tmp_path: Path
) -> None:
    save(load(folder / "audio.keras").network, about, tmp_path / "audio.keras")
    with pytest.raises(ModelInputError, match=r"do not name the . outputs of its network"):
        load(tmp_path / "audio.keras")
