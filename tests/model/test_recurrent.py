"""The recurrent network: order is all it needs, padding is nothing to it, and it stands beside the others."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter

from emodal_model.core.errors import ModelInputError
from emodal_model.data.contract import FEATURES, FRAMES, NO_FRAMES
from emodal_model.data.samples import Samples, join, read_samples
from emodal_model.data.sequences import Sequences
from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.evaluate import evaluate
from emodal_model.evaluation.tables import format_report
from emodal_model.inference.export import export
from emodal_model.inference.predictor import load
from emodal_model.network.forward import outputs_of
from emodal_model.training.loop import fit
from emodal_model.training.train import train
from tests.model.conftest import TINY, write_dataset

RECURRENT = TINY.model_copy(
    update={"name": "audio_recurrent", "recurrent_units": 8, "epochs": 3, "members": 1}
)
AUDIO = {
    "config": {"audio": {"window_s": 0.05, "step_s": 0.025, "statistics": "mean_std", "short_term": True}}
}


def ordered(n: int, seed: int) -> Samples:
    """Samples whose class is the order of four tones, each as long as the others: means and deviations are equal."""
    rng = np.random.default_rng(seed)
    samples = draw_samples(n, seed)
    rows = []
    for label in samples.labels:
        tones = np.repeat(np.arange(4), rng.integers(3, 9))
        order = (tones + label) % 4  # the class says which tone comes first
        rows.append(2 * np.eye(4, FEATURES)[order] + 0.1 * rng.standard_normal((len(order), FEATURES)))
    return replace(samples, frames=Sequences([row.astype(np.float32) for row in rows]))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "dataset"
    return write_dataset(folder, AUDIO, train=ordered(64, 1), test=ordered(24, 2))


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("model")
    return out, train(dataset, out, RECURRENT.model_copy(update={"name": "all"}))


def test_rows_of_several_lengths_are_padded_and_taken_like_an_array() -> None:
    rows = [np.full((length, 2), length, np.float32) for length in (3, 1, 2)]
    sequences = Sequences(rows)
    assert (len(sequences), sequences[np.array([1, 2])].shape) == (3, (2, 2, 2))
    assert sequences[:][:, :, 0].tolist() == [[3, 3, 3], [1, 0, 0], [2, 2, 0]]
    assert [row.tolist() for row in sequences.take(np.array([False, True, True]))] == [
        [[1, 1]],
        [[2, 2], [2, 2]],
    ]
    mean, std = sequences.mean_and_std()
    frames = np.concatenate(rows)
    np.testing.assert_allclose(mean, frames.mean(axis=0))
    np.testing.assert_allclose(std, frames.std(axis=0))


def test_frames_are_read_as_they_were_written(dataset: Path) -> None:
    written, read = ordered(64, 1), read_samples(dataset, "train", with_frames=True)
    assert read.frames is not None and written.frames is not None
    for one, other in zip(read.frames, written.frames, strict=True):
        np.testing.assert_array_equal(one, other)
    both = join([read.take(np.array([5])), read.take(read.labels == 2)])
    assert both.frames is not None
    np.testing.assert_array_equal(both.frames[:1][0], list(written.frames)[5])
    assert read_samples(dataset, "train").frames is None


def test_the_order_of_sounds_that_no_mean_or_deviation_shows_is_learnt() -> None:
    train_side, test = ordered(160, 3).by_frames(), ordered(80, 4).by_frames()
    config = RECURRENT.model_copy(update={"epochs": 25, "learning_rate": 0.02, "dropout": 0.1})
    network = fit("audio_recurrent", train_side, ordered(0, 5).by_frames(), config).network
    answers = outputs_of(network, test.images, test.audio_features)["audio"].argmax(axis=1)
    assert (answers == test.labels).mean() >= 0.9


def test_two_fits_are_bitwise_equal_and_padding_changes_no_answer() -> None:
    samples = ordered(24, 6).by_frames()
    fits = [fit("audio_recurrent", samples, ordered(0, 7).by_frames(), RECURRENT).network for _ in range(2)]
    for one, other in zip(*(network.get_weights() for network in fits), strict=True):
        np.testing.assert_array_equal(one, other)
    together = outputs_of(fits[0], samples.images, samples.audio_features)["audio"]
    alone = [
        outputs_of(fits[0], samples.images[i : i + 1], samples.audio_features[i : i + 1])["audio"]
        for i in range(24)
    ]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-5)


def test_it_is_in_the_table_of_all_networks_and_can_be_evaluated(trained: tuple, dataset: Path) -> None:
    out, metrics = trained
    assert list(metrics["training"]) == ["audio", "audio_recurrent", "image", "emodal"]
    assert metrics["left_out"] == {}
    assert "audio, recurrent" in format_report(metrics)
    assert "audio, recurrent" in (out / "report" / "index.html").read_text()
    assert "| audio, recurrent |" in (out / "README.md").read_text()
    again = evaluate(out, dataset)
    assert (
        again.networks["audio_recurrent"]["confusion"] == metrics["networks"]["audio_recurrent"]["confusion"]
    )


def test_without_frames_it_is_left_out_and_the_table_says_why(trained: tuple, tmp_path: Path) -> None:
    plain = write_dataset(tmp_path / "plain", test=replace(ordered(12, 8), frames=None))
    judged = evaluate(trained[0], plain)
    assert "audio_recurrent" not in judged.networks and "emodal" in judged.networks
    assert f"note: without audio, recurrent: {NO_FRAMES}" in format_report(judged.as_dict()).splitlines()
    with pytest.raises(ModelInputError, match=r"--set audio\.short_term=true"):
        evaluate(trained[0] / "audio_recurrent.keras", plain)
    sound = [replace(ordered(n, 1), frames=None, has_image=np.zeros(n, bool)) for n in (24, 8)]
    without = write_dataset(tmp_path / "without", train=sound[0], test=sound[1])
    with pytest.raises(ModelInputError, match="no short-term frames"):
        train(without, tmp_path / "m", RECURRENT)
    left_out = train(without, tmp_path / "m", RECURRENT.model_copy(update={"name": "all"}))["left_out"]
    assert left_out.pop("audio_recurrent") == NO_FRAMES
    assert list(left_out) == ["image", "emodal"]  # there are no pictures either


def test_a_loaded_network_accepts_any_number_of_frames(trained: tuple) -> None:
    network, samples = load(trained[0] / "audio_recurrent.keras"), ordered(5, 9)
    assert network.uses_frames and samples.frames is not None
    together = network.predict(None, list(samples.frames))
    assert together.shape == (5, 4)
    each = network.predict_each([None] * 6, [*samples.frames, None])
    assert [answer.used for answer in each] == ["audio"] * 5 + [None]
    np.testing.assert_allclose([a.probabilities for a in each[:5]], together, atol=1e-6)
    with pytest.raises(ModelInputError, match=r"\(frames, 68\)"):
        network.predict(None, [np.zeros(68)])
    with pytest.raises(ModelInputError, match="finite"):
        network.predict(None, [np.full((3, 68), np.nan)])


def test_onnx_and_litert_answer_for_any_number_of_frames(trained: tuple, tmp_path: Path) -> None:
    network, samples = load(trained[0] / "audio_recurrent.keras"), ordered(5, 9)
    path, difference = export(network, tmp_path, "onnx")
    assert difference < 1e-5
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert samples.frames is not None
    (answer,) = session.run(["audio"], {FRAMES: samples.frames[:]})
    np.testing.assert_allclose(answer, network.predict(None, list(samples.frames)), atol=1e-5)
    assert json.loads((tmp_path / "audio_recurrent.json").read_text())["audio"]["short_term"] is True
    assert export(network, tmp_path, "keras")[1] == 0
    path, difference = export(network, tmp_path, "litert")
    assert difference < 1e-5
    runner = Interpreter(model_path=str(path)).get_signature_runner()
    for frames, expected in zip(samples.frames, answer, strict=True):
        np.testing.assert_allclose(runner(**{FRAMES: frames[None]})["audio"][0], expected, atol=1e-5)


def test_all_settings_in_which_a_dataset_differs_are_named(
    trained: tuple, dataset: Path, tmp_path: Path
) -> None:
    other = {"config": {"audio": {"window_s": 0.04, "step_s": 0.02, "statistics": "delta_mean"}}}
    differing = write_dataset(tmp_path / "d", other, test=ordered(8, 2))
    cure = "--set audio.window_s=0.05 --set audio.step_s=0.025 --set audio.statistics=mean_std"
    with pytest.raises(ModelInputError) as refused:
        evaluate(trained[0] / "emodal.keras", differing)
    assert cure in str(refused.value) and "audio.window_s=0.04, audio.step_s=0.02" in str(refused.value)
    # What becomes of the frames afterwards is nothing to a network that hears the frames themselves.
    with pytest.raises(ModelInputError) as refused:
        evaluate(trained[0] / "audio_recurrent.keras", differing)
    assert "statistics" not in str(refused.value) and "audio.step_s=0.025" in str(refused.value)
