"""Training runs: complete, repeatable, resumed exactly, refused clearly."""

import json
import random
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import emodal_model.training.train
from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError, ModelWorkError
from emodal_model.data.samples import Samples, read_samples
from emodal_model.data.synthetic import draw_samples
from emodal_model.inference.predictor import load
from emodal_model.training.checkpoint import CheckpointFile
from emodal_model.training.loop import EpochReport, Fitted, fit
from emodal_model.training.train import train
from tests.folder_hashes import hashes
from tests.model.conftest import write_dataset

NONE = draw_samples(0, seed=0)


class Killed(Exception):
    """Stands for kill -9 between two epochs."""


def weights(fitted: Fitted) -> list[np.ndarray]:
    return list(fitted.network.get_weights())


def assert_same(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "dataset"
    return write_dataset(
        folder,
        {"dataset_hash": "known", "config": {"split": {"group_by": "film"}}},
        train=draw_samples(60, seed=1),
        test=draw_samples(24, seed=2),
        unlabelled=draw_samples(10, seed=3, labelled=0),
    )


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, list[EpochReport]]:
    from tests.model.conftest import TINY

    out, reports = tmp_path_factory.mktemp("model") / "model", []
    return out, train(dataset, out, TINY, reports.append), reports


def test_a_run_leaves_three_networks_metrics_and_logs(trained: tuple) -> None:
    out, metrics, _ = trained
    assert sorted(p.name for p in out.iterdir()) == [
        "README.md",
        "audio.keras",
        "emodal.keras",
        "image.keras",
        "logs",
        "metrics.json",
        "predictions.parquet",
        "report",
    ]
    assert json.loads((out / "metrics.json").read_text()) == json.loads(json.dumps(metrics))
    assert {p.name for p in (out / "logs").iterdir()} == {"audio", "image", "emodal"}


def test_metrics_have_the_data_the_settings_and_the_splits(trained: tuple) -> None:
    _, metrics, _ = trained
    assert metrics["dataset"]["hash"] == "known"
    assert metrics["config"]["batch_size"] == 16
    assert metrics["versions"]["tensorflow"][0] == "2"
    assert metrics["validation"]["group_by"] == "film"
    sides = metrics["dataset"]
    assert sides["fit"]["clips"] + sides["validation"]["clips"] == 60
    assert (sides["test"]["clips"], sides["validation"]["samples"]) == (24, sides["validation"]["clips"])
    assert list(metrics["networks"]) == [
        "audio",
        "image",
        "emodal",
        "emodal_audio",
        "emodal_image",
        "decision_fusion",
    ]
    assert all(scores["n"] == 24 for scores in metrics["networks"].values())
    assert np.isfinite(metrics["h_score"])


def test_every_epoch_of_every_network_is_reported(trained: tuple) -> None:
    _, _, reports = trained
    assert [(r.network, r.epoch) for r in reports] == [
        (name, epoch) for name in ("audio", "image", "emodal") for epoch in (1, 2)
    ]


def test_a_finished_run_is_not_done_again(trained: tuple, dataset: Path) -> None:
    out, metrics, _ = trained
    before = (out / "emodal.keras").stat().st_mtime_ns
    again = train(dataset, out, ModelConfig(**metrics["config"]), lambda _: pytest.fail("trained again"))
    assert again["networks"] == json.loads(json.dumps(metrics["networks"]))
    assert (out / "emodal.keras").stat().st_mtime_ns == before


def test_the_saved_network_predicts_what_was_evaluated(trained: tuple, dataset: Path) -> None:
    out, metrics, _ = trained
    test = read_samples(dataset, "test")
    probabilities = load(out).predict(test.images, test.audio_features)
    right = (probabilities.argmax(axis=1) == test.labels).mean()
    assert right == pytest.approx(metrics["networks"]["emodal"]["accuracy"])


def test_unlabelled_clips_change_emodal_and_nothing_of_the_network_of_one_modality(
    trained: tuple, dataset: Path, tmp_path: Path
) -> None:
    out, metrics, _ = trained
    without = tmp_path / "dataset"
    shutil.copytree(dataset, without)
    next((without / "data").glob("unlabelled-*")).unlink()
    audio, emodal = [], []
    for name, both in (("audio", audio), ("emodal", emodal)):
        train(without, tmp_path / name, ModelConfig(**metrics["config"] | {"name": name}))
        both += [load(folder / f"{name}.keras").network.get_weights() for folder in (out, tmp_path / name)]
    assert_same(*audio)
    assert not all(np.array_equal(a, b) for a, b in zip(*emodal, strict=True))


def test_two_fits_are_bitwise_equal_whatever_other_threads_draw_and_another_seed_is_not(
    tiny: ModelConfig,
) -> None:
    samples, stop = draw_samples(40, seed=4), threading.Event()
    alone = weights(fit("emodal", samples, NONE, tiny))

    def draw() -> None:
        while not stop.wait(1e-4):
            random.random()

    thread = threading.Thread(target=draw)
    thread.start()
    beside = weights(fit("emodal", samples, NONE, tiny))
    stop.set()
    thread.join()
    assert_same(alone, beside)
    other = weights(fit("emodal", samples, NONE, tiny.model_copy(update={"seed": 1})))
    assert not np.array_equal(other[0], alone[0])


def test_a_killed_run_resumes_to_bitwise_the_same_weights(tiny: ModelConfig, tmp_path: Path) -> None:
    config = tiny.model_copy(update={"epochs": 4, "vary_pictures": True})
    train_side, validation = draw_samples(40, seed=4), draw_samples(20, seed=5)
    undisturbed = fit("emodal", train_side, validation, config)

    def kill_in_epoch_three(report: EpochReport) -> None:
        if report.epoch == 3:
            raise Killed

    file = CheckpointFile(tmp_path / "state.npz", run="this", every_s=0.0)
    with pytest.raises(Killed):
        fit("emodal", train_side, validation, config, file, kill_in_epoch_three)
    epochs: list[int] = []
    resumed = fit("emodal", train_side, validation, config, file, lambda report: epochs.append(report.epoch))
    assert epochs == [4]
    assert_same(weights(resumed), weights(undisturbed))
    assert resumed.history == undisturbed.history


def test_a_checkpoint_of_another_run_or_a_damaged_one_is_ignored(tiny: ModelConfig, tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    fit("audio", draw_samples(20, seed=4), NONE, tiny, CheckpointFile(path, "one", every_s=0.0))
    assert CheckpointFile(path, "one").read() is not None
    assert CheckpointFile(path, "two").read() is None
    path.write_bytes(path.read_bytes()[:1000])
    assert CheckpointFile(path, "one").read() is None


def test_training_stops_when_validation_no_longer_improves_and_keeps_the_best(tiny: ModelConfig) -> None:
    train_side = draw_samples(16, seed=4)
    # Wrong labels in the validation split: training can only raise its loss.
    validation = replace(draw_samples(16, seed=4), labels=(train_side.labels + 1) % 4)
    config = tiny.model_copy(update={"epochs": 50, "patience": 3, "min_steps": 1, "learning_rate": 0.01})
    fitted = fit("audio", train_side, validation, config)
    assert len(fitted.history) == fitted.best_epoch + 3
    waited = fit("audio", train_side, validation, config.model_copy(update={"min_steps": 20}))
    assert waited.best_epoch >= 20
    best = min(fitted.history, key=lambda report: report.validation_loss or 0.0)
    assert best.epoch == fitted.best_epoch


def small(n: int, **columns: np.ndarray) -> Samples:
    return replace(draw_samples(n, seed=1), **columns)


def test_a_dataset_without_labels_or_with_one_class_is_refused(tmp_path: Path, tiny: ModelConfig) -> None:
    empty = write_dataset(tmp_path / "e", test=draw_samples(4, seed=1))
    with pytest.raises(ModelInputError, match="no labelled training clip"):
        train(empty, tmp_path / "m", tiny)
    one = write_dataset(tmp_path / "o", train=small(8, labels=np.full(8, 3)))
    with pytest.raises(ModelInputError, match="every training clip is sad"):
        train(one, tmp_path / "m", tiny)
    assert not (tmp_path / "m").exists()


def test_an_output_that_cannot_be_written_is_refused_before_training(
    dataset: Path, tiny: ModelConfig
) -> None:
    with pytest.raises(ModelInputError, match="cannot be written"):
        train(dataset, dataset / "manifest.json" / "model", tiny, lambda _: pytest.fail("trained"))


def test_ten_clips_of_one_film_without_test_split_are_trained_on_with_a_note(
    tmp_path: Path, tiny: ModelConfig
) -> None:
    samples = small(10, films=np.full(10, "one"), labels=np.arange(10) % 3)
    one = tiny.model_copy(update={"name": "emodal"})
    metrics = train(write_dataset(tmp_path / "d", train=samples), tmp_path / "m", one)
    assert metrics["networks"]["emodal"]["accuracy"] is None
    assert metrics["h_score"] is None
    assert metrics["validation"]["group_by"] in ("clip", "none")
    assert metrics["validation"]["note"]
    json.dumps(metrics, allow_nan=False)


@pytest.mark.parametrize("step", ["save", "judge", "describe_run"])
def test_a_retraining_that_was_killed_leaves_the_run_before_whole(
    step: str,
    trained: tuple,
    dataset: Path,
    tmp_path: Path,
    tiny: ModelConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = shutil.copytree(trained[0], tmp_path / "model")
    before = hashes(out)
    name = "all" if step == "save" else "image"
    other, calls = tiny.model_copy(update={"seed": 1, "name": name}), []
    real = getattr(emodal_model.training.train, step)

    def killed_at_the_second(*arguments: object) -> object:
        calls.append(step)
        if len(calls) > 1 or step != "save":  # one network of the new run is there
            raise Killed
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(emodal_model.training.train, step, killed_at_the_second)
        with pytest.raises(Killed):
            train(dataset, out, other)
    after = hashes(out)
    assert {name: after[name] for name in before if "logs/" not in name} == {
        name: digest for name, digest in before.items() if "logs/" not in name
    }
    assert train(dataset, out, tiny) == trained[1]  # still a finished run

    audio = other.model_copy(update={"name": "audio"})
    metrics = train(dataset, out, audio)
    assert json.loads((out / "metrics.json").read_text()) == metrics
    assert [path.name for path in out.glob("*.keras")] == ["audio.keras"]  # none of the run before
    assert load(out).about["config"]["seed"] == 1
    assert (out / "README.md").read_text().count("model") and not (out / ".unfinished").exists()


def test_a_dataset_that_is_replaced_while_it_is_read_is_not_trained_on(
    dataset: Path, tmp_path: Path, tiny: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(dataset, tmp_path / "dataset")
    real = emodal_model.training.train._training_and_test_samples

    def replaced_meanwhile(*arguments: object) -> object:
        samples = real(*arguments)
        manifest = json.loads((copy / "manifest.json").read_text())
        (copy / "manifest.json").write_text(json.dumps(manifest | {"dataset_hash": "another"}))
        return samples

    monkeypatch.setattr(emodal_model.training.train, "_training_and_test_samples", replaced_meanwhile)
    with pytest.raises(ModelWorkError, match="a build replaced it while it was read"):
        train(copy, tmp_path / "model", tiny)
    assert not (tmp_path / "model").exists()


def test_a_dataset_without_a_leak_proof_is_refused(tmp_path: Path, dataset: Path, tiny: ModelConfig) -> None:
    copy = shutil.copytree(dataset, tmp_path / "dataset")
    (copy / "manifest.json").write_text("{}")
    with pytest.raises(ModelInputError, match="no leakage check"):
        train(copy, tmp_path / "model", tiny)
