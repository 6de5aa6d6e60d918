"""Sound-only, picture-only and mixed datasets: each network is trained and tested on the clips that it can use."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError
from emodal_model.data.samples import Samples, read_samples
from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.baselines import baseline_probabilities
from emodal_model.evaluation.evaluate import evaluate
from emodal_model.evaluation.tables import format_report
from emodal_model.inference.predictor import load
from emodal_model.losses import cross_entropy, h_score, total_loss
from emodal_model.network.build import normalisation_of
from emodal_model.network.forward import answers_of
from emodal_model.training.train import train
from tests.model.conftest import TINY, write_dataset

ONE = TINY.model_copy(update={"epochs": 1})


def without(samples: Samples, image: np.ndarray | bool = False, audio: np.ndarray | bool = False) -> Samples:
    """The samples without the images, or the sounds, of a mask."""
    no_image, no_audio = (np.broadcast_to(mask, len(samples)) for mask in (image, audio))
    return replace(
        samples,
        images=np.where(no_image[:, None, None], 0, samples.images).astype(np.uint8),
        audio_features=np.where(no_audio[:, None], 0, samples.audio_features).astype(np.float32),
        has_image=~no_image,
        has_audio=~no_audio,
    )


def thirds(n: int, seed: int) -> Samples:
    """Every third clip is sound alone, the next one a picture alone, the next one both."""
    place = np.arange(n) % 3
    return without(draw_samples(n, seed), image=place == 0, audio=place == 1)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("mixed")
    dataset = write_dataset(folder / "dataset", train=thirds(96, 1), test=thirds(24, 2))
    return dataset, folder / "model", train(dataset, folder / "model", ONE)


def test_a_null_image_and_null_features_are_missing_modalities(tmp_path: Path) -> None:
    written = thirds(30, 1)
    read = read_samples(write_dataset(tmp_path / "d", train=written), "train")
    assert read.has_image.tolist() == [False, True, True] * 10
    assert read.has_audio.tolist() == [True, False, True] * 10
    np.testing.assert_array_equal(read.images, written.images)
    np.testing.assert_array_equal(read.audio_features, written.audio_features)


def test_each_network_is_tested_on_the_clips_it_has_the_inputs_of(mixed: tuple) -> None:
    _, out, metrics = mixed
    networks = metrics["networks"]
    counts = {name: scores["n"] for name, scores in networks.items()}
    assert counts == {
        "audio": 16,
        "image": 16,
        "emodal": 24,
        "emodal_audio": 16,
        "emodal_image": 16,
        "decision_fusion": 24,
    }
    assert metrics["left_out"] == {}
    assert (out / "report" / "index.html").is_file()


def test_emodal_answers_each_clip_from_the_modalities_that_it_has(mixed: tuple) -> None:
    network = load(mixed[1])
    test = thirds(6, 2)
    outputs = network.outputs(test)
    answers = answers_of("emodal", outputs, test)
    for row, head in enumerate(["audio", "image", "both"] * 2):
        np.testing.assert_array_equal(answers[row], outputs[head][row])
    sound = answers_of("audio", {"audio": outputs["audio"]}, test)
    assert np.isnan(sound[:, 0]).tolist() == [False, True, False] * 2


@pytest.mark.parametrize(
    ("kind", "missing"), [("audio", {"image": True}), ("image", {"audio": True})], ids=["sound", "pictures"]
)
def test_a_dataset_of_one_modality_trains_its_network_and_says_what_is_left_out(
    kind: str, missing: dict[str, bool], tmp_path: Path
) -> None:
    dataset = write_dataset(
        tmp_path / "d",
        train=without(draw_samples(48, 1), **missing),
        test=without(draw_samples(12, 2), **missing),
    )
    metrics = train(dataset, tmp_path / "m", ONE)
    other, gone = ("image", "an image") if kind == "audio" else ("audio", "sound")
    assert list(metrics["networks"]) == [kind]
    assert metrics["left_out"] == {
        other: f"no clip has {gone}",
        "emodal": "no clip has both an image and sound",
    }
    assert f"note: without {other}: no clip has {gone}" in format_report(metrics)
    assert (tmp_path / "m" / "README.md").is_file()
    samples = read_samples(dataset, "test")
    inputs = (None, samples.audio_features) if kind == "audio" else (samples.images, None)
    probabilities = load(tmp_path / "m").predict(*inputs)
    assert probabilities.shape == (12, 4) and np.isfinite(probabilities).all()
    with pytest.raises(
        ModelInputError, match=f"no clip has {gone}, so the {other} network cannot be trained"
    ):
        train(dataset, tmp_path / "n", ONE.model_copy(update={"name": other}))


def test_a_network_is_left_out_of_a_test_without_its_modality(mixed: tuple, tmp_path: Path) -> None:
    silent = write_dataset(tmp_path / "d", test=without(draw_samples(9, 3), audio=True))
    found = evaluate(mixed[1], silent)
    assert {name: scores["n"] for name, scores in found.networks.items()} == {
        "image": 9,
        "emodal": 9,
        "emodal_audio": 0,
        "emodal_image": 9,
    }
    assert found.left_out == {"audio": "no clip has sound"}
    assert found.h_score is None


def test_a_sample_without_a_modality_does_not_count_in_the_losses_of_that_modality() -> None:
    rng = np.random.default_rng(0)
    names = ("both", "audio", "image", "audio_code", "image_code")
    outputs = {name: rng.standard_normal((9, 4)).astype(np.float32) for name in names}
    labels, ones = rng.integers(0, 4, 9), np.ones(9, np.float32)
    present = np.array([[True, False]] * 3 + [[False, True]] * 2 + [[True, True]] * 4)
    config = ModelConfig(common_weight=2.0, classify_weight=3.0, audio_weight=5.0, image_weight=7.0)
    loss = float(total_loss(outputs, labels, np.ones(4, np.float32), config, present))

    def part(head: str, rows: np.ndarray) -> float:
        return float(cross_entropy(outputs[head][rows], labels[rows], ones[rows]))

    pairs = present.all(axis=1)
    expected = 3 * part("both", pairs) + 5 * part("audio", present[:, 0]) + 7 * part("image", present[:, 1])
    expected -= 2 * float(h_score(outputs["audio_code"][pairs], outputs["image_code"][pairs]))
    assert loss == pytest.approx(expected, rel=1e-5)


def test_missing_modalities_do_not_count_in_the_normalisation() -> None:
    samples = thirds(60, 1)
    scales = normalisation_of(samples)
    assert scales.audio_mean == pytest.approx(
        samples.audio_features[samples.has_audio].mean(axis=0), abs=1e-5
    )
    assert scales.pixel_mean == pytest.approx(samples.images[samples.has_image].mean(), abs=1e-6)
    silent = normalisation_of(without(draw_samples(20, 1), audio=True))
    assert (silent.audio_mean, silent.audio_std) == ([0.0] * 68, [1.0] * 68)


def test_a_baseline_answers_for_the_clips_with_its_modality_and_late_fusion_for_all() -> None:
    train_side, test = thirds(90, 1), thirds(12, 2)
    none = train_side.take(np.zeros(90, bool))
    given = baseline_probabilities(train_side, none, test)
    answered = {name: int((~np.isnan(p[:, 0])).sum()) for name, p in given.items()}
    assert answered == {
        "audio_svm": 8,
        "image_svm": 8,
        "audio_logistic": 8,
        "image_logistic": 8,
        "early_fusion": 4,
        "late_fusion": 12,
    }
    only_sound = baseline_probabilities(without(draw_samples(40, 1), image=True), none, test)
    assert set(only_sound) == {"audio_svm", "audio_logistic"}
