"""Numeric targets, beside classes and without: learned, scored with intervals, saved, exported, predicted, compared."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emodal_model.core.config import GridPoint
from emodal_model.core.errors import ModelInputError
from emodal_model.data.samples import Samples, read_classes, read_samples
from emodal_model.data.synthetic import draw_hidden, draw_samples
from emodal_model.evaluation.compare import compare_trainings, format_comparison
from emodal_model.evaluation.evaluate import evaluate
from emodal_model.evaluation.predictions import read_predictions, write_predictions
from emodal_model.evaluation.regression import concordance, regression_scores, rmse
from emodal_model.evaluation.tables import format_report
from emodal_model.inference.export import export
from emodal_model.inference.predictor import load
from emodal_model.losses import squared_error, total_loss
from emodal_model.training.repeats import TrainingJob, train_repeats
from emodal_model.training.sweep import format_sweep, ranked
from emodal_model.training.train import train
from tests.model.conftest import TINY, write_dataset

CONFIG = TINY.model_copy(update={"targets": ("valence", "arousal"), "epochs": 8, "learning_rate": 2e-2})


def with_targets(n: int, seed: int) -> Samples:
    """valence: a hidden number of the sound, times 10 plus 100, unknown for every fifth clip. arousal: noise."""
    hidden = draw_hidden(n, seed).audio[:, 0]
    valence = np.where(np.arange(n) % 5 == 4, np.nan, 100 + 10 * hidden)
    arousal = np.random.default_rng(seed).standard_normal(n)
    targets = np.stack([valence, arousal], axis=1).astype(np.float32)
    return replace(draw_samples(n, seed), targets=targets, target_names=("valence", "arousal"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("targets")
    dataset = write_dataset(folder / "dataset", train=with_targets(160, 1), test=with_targets(60, 2))
    return dataset, folder / "model", train(dataset, folder / "model", CONFIG)


def test_a_target_that_the_sound_has_is_learned_from_sound_and_one_of_noise_is_not(trained: tuple) -> None:
    _, _, metrics = trained
    valence, arousal = metrics["targets"]["valence"], metrics["targets"]["arousal"]
    assert list(valence) == [
        "audio",
        "image",
        "emodal",
        "emodal_audio",
        "emodal_image",
        "decision_fusion",
        "mean",
    ]
    assert valence["audio"]["n"] == 48 and arousal["audio"]["n"] == 60
    assert valence["audio"]["ccc"] > 0.6
    assert valence["audio"]["rmse"] < 0.8 * valence["mean"]["rmse"]
    assert abs(arousal["audio"]["ccc"]) < 0.4
    assert valence["mean"]["ccc"] == pytest.approx(0.0, abs=1e-9)
    low, high = valence["audio"]["ccc_interval"]
    assert low < valence["audio"]["ccc"] < high
    assert np.isfinite(metrics["h_score"])


def test_the_tables_have_a_row_for_each_network_and_for_the_mean_of_training(trained: tuple) -> None:
    _, out, metrics = trained
    text = format_report(metrics)
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("valence"))
    ccc = metrics["targets"]["valence"]["audio"]["ccc"]
    assert lines[start + 1].split()[:3] == ["audio", "48", f"{ccc:.3f}"]
    assert any(line.startswith("mean of training") for line in lines)
    assert max(map(len, lines)) <= 100
    assert f"| audio | 48 | {ccc:.3f} |" in (out / "README.md").read_text()
    assert "valence: concordance correlation (CCC)" in (out / "report" / "index.html").read_text()


def test_the_loaded_network_predicts_targets_in_their_units(trained: tuple) -> None:
    _, out, metrics = trained
    network, test = load(out), with_targets(60, 2)
    assert network.targets == ("valence", "arousal")
    values = network.predict_targets(test.images, test.audio_features)
    assert values.shape == (60, 2)
    assert regression_scores(test.targets[:, 0], values[:, 0])["rmse"] == pytest.approx(
        metrics["targets"]["valence"]["emodal"]["rmse"], rel=1e-4
    )
    sound = network.predict_targets(None, test.audio_features)
    answers = network.predict_each([None, None], list(test.audio_features[:2]))
    np.testing.assert_allclose([answer.targets for answer in answers], sound[:2], rtol=1e-4)


def test_truth_and_values_of_every_head_are_in_the_predictions(trained: tuple, tmp_path: Path) -> None:
    dataset, out, metrics = trained
    table = pq.read_table(out / "predictions.parquet")
    assert table["target.valence"].null_count == 12
    assert table["emodal.both.target.valence"].null_count == 0
    read = read_predictions(out / "predictions.parquet")
    assert read.target_names == ("valence", "arousal")
    np.testing.assert_allclose(read.targets, with_targets(60, 2).targets)
    again = evaluate(out, dataset)
    assert again.targets == metrics["targets"]


def test_an_export_has_the_values_too(trained: tuple, tmp_path: Path) -> None:
    path, difference = export(load(trained[1]), tmp_path, "keras")
    assert difference < 1e-4 and path.is_file()
    assert '"targets": [\n  "valence",\n  "arousal"\n ]' in path.with_suffix(".json").read_text()


def test_a_target_that_the_dataset_lacks_is_refused_in_one_line(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", train=draw_samples(40, 1))
    with pytest.raises(
        ModelInputError, match="no training clip has a number in the column valence; build the"
    ):
        train(dataset, tmp_path / "m", CONFIG)
    path = next((dataset / "data").glob("train-*"))
    table = pq.read_table(path)
    pq.write_table(table.append_column("valence", pa.array(["high"] * len(table))), path)
    with pytest.raises(ModelInputError, match=r"the column valence has no numbers \(string\)"):
        read_samples(dataset, "train", targets=("valence",))


def test_unknown_targets_do_not_count_in_the_error_and_have_no_gradient() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    targets = np.array([[0.0, np.nan], [np.nan, 6.0]], np.float32)
    std = np.array([1.0, 2.0], np.float32)
    assert float(squared_error(values, targets, std)) == pytest.approx((1.0**2 + (2.0 / 2.0) ** 2) / 2)
    assert float(squared_error(values, targets, std, np.array([True, False]))) == pytest.approx(1.0)
    assert float(squared_error(values, np.full((2, 2), np.nan, np.float32), std)) == 0.0


def test_the_weight_of_the_targets_multiplies_their_error() -> None:
    outputs = {"audio": np.zeros((2, 4), np.float32), "audio_values": np.ones((2, 1), np.float32)}
    labels, targets = np.array([0, 1]), np.array([[3.0], [np.nan]], np.float32)
    ones, std = np.ones(4, np.float32), np.ones(1, np.float32)
    present = np.ones((2, 2), bool)
    config = CONFIG.model_copy(update={"target_weight": 0.5})
    loss = float(total_loss(outputs, labels, ones, config, present, targets, std))
    assert loss == pytest.approx(np.log(4) + 0.5 * 4.0, rel=1e-5)


def test_the_concordance_correlation_is_lins() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0])
    assert concordance(x, x) == pytest.approx(1.0)
    assert concordance(x, -x + 5) == pytest.approx(-1.0)
    assert concordance(x, x + 1) == pytest.approx(2 * 1.25 / (1.25 + 1.25 + 1))
    assert concordance(x[:1], x[:1]) is None
    assert concordance(np.ones(3), np.ones(3)) is None
    assert rmse(x, x + 2) == pytest.approx(2.0)
    empty = regression_scores(np.full(3, np.nan), x[:3])
    assert empty == {"n": 0, "ccc": None, "ccc_interval": None, "rmse": None, "rmse_interval": None}


# Without classes.

ALONE = CONFIG.model_copy(update={"name": "emodal", "targets": (), "epochs": 12})
TARGETS_OF_BUILD = {"config": {"labels": {"targets": ["valence", "arousal"]}, "split": {"group_by": "film"}}}


def without_classes(n: int, seed: int) -> Samples:
    """Every seventh clip has no image."""
    return replace(with_targets(n, seed).without_classes(), has_image=np.arange(n) % 7 != 6)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """EMODal trained on a dataset without classes, which names its targets; model.targets is not set."""
    folder = tmp_path_factory.mktemp("alone")
    splits = {"train": without_classes(160, 1), "test": without_classes(60, 2)}
    dataset = write_dataset(folder / "dataset", TARGETS_OF_BUILD, **splits)
    return dataset, folder / "model", train(dataset, folder / "model", ALONE)


def test_a_dataset_without_classes_trains_heads_of_its_targets_alone(alone: tuple) -> None:
    dataset, _, metrics = alone
    assert read_classes(dataset) == ()
    assert (metrics["networks"], metrics["reference"], metrics["smallest_difference"]) == ({}, {}, None)
    valence = metrics["targets"]["valence"]
    assert list(valence) == ["emodal", "emodal_audio", "emodal_image", "mean"]
    assert valence["emodal"]["n"] == 48 and valence["emodal"]["ccc"] > 0.4
    seen = without_classes(60, 2)
    assert valence["emodal_image"]["n"] == np.sum(seen.has_image & ~np.isnan(seen.targets[:, 0])) == 41
    assert valence["emodal"]["rmse"] < valence["mean"]["rmse"]
    assert np.isfinite(metrics["h_score"])
    assert metrics["dataset"]["test"] == {"samples": 60, "clips": 60, "classes": {}}
    run = metrics["training"]["emodal"]
    assert (run["temperatures"], run["fusion"]) == ({}, None)
    best = run["history"][run["best_epoch"] - 1]
    assert best["validation_accuracy"] is None and 0 < best["validation_loss"] < 3
    assert list(run["validation"]) == ["squared_error"]


def test_a_network_without_classes_has_values_only_in_files_reports_and_exports(
    alone: tuple, tmp_path: Path
) -> None:
    _, out, metrics = alone
    network, test = load(out), without_classes(60, 2)
    assert (network.labels, network.targets) == ((), ("valence", "arousal"))
    assert not {"both", "audio", "image"} & set(network.network.output)
    assert network.predict(test.images, test.audio_features).shape == (60, 0)
    values = network.predict_targets(test.images, test.audio_features)
    (answer,) = network.predict_each([test.images[0]], [test.audio_features[0]])
    assert (answer.probabilities, answer.used) == (None, "both")
    np.testing.assert_allclose(answer.targets, values[0], rtol=1e-4)
    columns = pq.read_table(out / "predictions.parquet").column_names
    assert columns[:4] == ["clip_id", "film", "speaker", "fold"]
    assert not {"truth", "majority", "predicted"} & set(columns)
    np.testing.assert_allclose(read_predictions(out / "predictions.parquet").targets, test.targets)
    text = format_report(metrics)
    assert text.startswith("valence ") and "accuracy" not in text and "H-score of the two codes" in text
    page, card = (out / "report" / "index.html").read_text(), (out / "README.md").read_text()
    assert "Confusion matrix" not in page and "Values and truth" in page
    assert "valence: value of the network over the truth for 48 clips" in page
    assert "Predicts valence, arousal of a clip" in card and "classes" not in card.split("## Limits")[0]
    path, difference = export(network, tmp_path, "keras")
    assert difference < 1e-4 and json.loads(path.with_suffix(".json").read_text())["labels"] == []


def test_models_with_and_without_classes_refuse_what_they_cannot_answer_for_in_one_line(
    alone: tuple, trained: tuple, tmp_path: Path
) -> None:
    assert evaluate(alone[1], alone[0]).targets == alone[2]["targets"]
    # Truth beside classes is truth.
    beside = evaluate(alone[1], trained[0])
    assert (beside.networks, beside.targets["valence"]["emodal"]["n"]) == ({}, 48)
    with pytest.raises(ModelInputError, match="has no classes, but the audio network was trained on angry,"):
        evaluate(trained[1], alone[0])
    plain = write_dataset(tmp_path / "plain", test=draw_samples(8, 1))
    with pytest.raises(
        ModelInputError,
        match=r"has no column valence, arousal, and the emodal network predicts valence, arousal",
    ):
        evaluate(alone[1], plain)
    unnamed = write_dataset(tmp_path / "unnamed", train=without_classes(8, 1))
    with pytest.raises(
        ModelInputError, match=r"has no classes; name the numeric columns to learn in model\.targets"
    ):
        train(unnamed, tmp_path / "m", ALONE)
    with pytest.raises(
        ModelInputError, match="no training clip has a number in pleasure, and there are no classes"
    ):
        train(unnamed, tmp_path / "m", ALONE.model_copy(update={"targets": ("pleasure",)}))


def test_trainings_without_classes_are_compared_by_their_concordance(alone: tuple, tmp_path: Path) -> None:
    _, out, _ = alone
    other = tmp_path / "other"
    judged = read_predictions(out / "predictions.parquet")
    worse = {key: value + np.array([5.0, 0.0]) for key, value in judged.values.items()}
    targets = judged.targets.copy()
    targets[0] += 1.0  # this clip was annotated anew
    write_predictions(other / "predictions.parquet", replace(judged, values=worse, targets=targets))
    (other / "metrics.json").write_text((out / "metrics.json").read_text())
    found = compare_trainings(out, other)
    assert (found["clips"], found["only"], found["networks"]) == (59, [1, 1], {})
    row = found["targets"]["valence"]["emodal"]
    assert row["n"] == 47
    one, two = (
        regression_scores(judged.targets[1:, 0], each.answers(of_targets=True)["emodal"][1:, 0])
        for each in (judged, replace(judged, values=worse))
    )
    assert row["ccc"] == pytest.approx([one["ccc"], two["ccc"]])
    assert row["rmse"] == pytest.approx([one["rmse"], two["rmse"]])
    assert row["difference"] == pytest.approx(two["ccc"] - one["ccc"])
    assert row["interval"][0] < row["difference"] < row["interval"][1] < 0
    lines = format_comparison(found).splitlines()
    assert lines[1].split()[:2] == ["valence", "clips"] and lines[2].startswith("audio+image (EMODal)")


def test_folds_without_classes_are_pooled_and_spread_and_have_no_suspects(
    alone: tuple, tmp_path: Path
) -> None:
    dataset, out, metrics = alone
    judged = read_predictions(out / "predictions.parquet")
    jobs = [TrainingJob(None, dataset, tmp_path, ALONE)]
    jobs += [TrainingJob(fold, dataset, tmp_path / "folds" / str(fold), ALONE) for fold in (0, 1)]
    write_predictions(tmp_path / "predictions.parquet", judged)
    for fold in (0, 1):
        rows = np.arange(60) % 2 == fold
        part = replace(
            judged,
            **{name: getattr(judged, name)[rows] for name in ("clip_ids", "films", "speakers", "labels")},
            **{name: getattr(judged, name)[rows] for name in ("majority", "targets", "target_means")},
            folds=np.full(30, fold),
            values={key: values[rows] for key, values in judged.values.items()},
        )
        write_predictions(jobs[fold + 1].out / "predictions.parquet", part)

    def metrics_of(ccc: float) -> dict[str, Any]:
        return metrics | {"targets": {"valence": {"emodal": {"ccc": ccc}}}}

    together = train_repeats(jobs, lambda _: [metrics, metrics_of(-0.1), metrics_of(0.3)])
    spread = together["repeats"]["targets"]["valence"]["emodal"]
    assert (spread["ccc"], spread["mean"], spread["interval"]) == (
        [-0.1, 0.3],
        pytest.approx(0.1),
        [-1.0, 1.0],
    )
    # Together, the folds have the clips of the test split here.
    assert together["pooled"]["targets"]["valence"]["emodal"]["n"] == 48
    assert together["pooled"]["targets"]["valence"]["emodal"]["ccc"] == pytest.approx(
        metrics["targets"]["valence"]["emodal"]["ccc"]
    )
    assert "suspects" not in together and not (tmp_path / "folds" / "suspects.csv").exists()
    lines = format_report(together).splitlines()
    assert "CCC of valence over 2 folds" in lines
    assert "note: suspect labels are found among classes, and there are none" in lines


def test_a_sweep_without_classes_is_ranked_by_the_squared_error() -> None:
    def trained_with(error: float) -> list[dict[str, Any]]:
        run = {"validation": {"squared_error": error}, "best_epoch": 3, "other_members": []}
        return [{"training": {"emodal": run}}]

    points = [
        GridPoint({"dropout": share}, ALONE.model_copy(update={"dropout": share})) for share in (0.2, 0.5)
    ]
    result = ranked(points, [trained_with(0.9), trained_with(0.7)])
    assert [row["title"] for row in result["points"]] == ["dropout=0.5", "dropout=0.2"]
    assert "validation: squared-error" in format_sweep(result)
