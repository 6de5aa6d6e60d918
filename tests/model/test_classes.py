"""Datasets with other classes than the default four: they travel from the dataset into model, tables and files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emodal_model.core.errors import ModelInputError
from emodal_model.data.contract import LABELS
from emodal_model.data.samples import Samples, read_classes
from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.evaluate import evaluate
from emodal_model.evaluation.scores import score
from emodal_model.evaluation.tables import format_report
from emodal_model.inference.export import export
from emodal_model.inference.predictor import load
from emodal_model.report.palette import class_colours
from emodal_model.training.train import train
from tests.model.conftest import TINY, write_dataset

SEVEN = ("anger", "disgust", "fear", "happy", "neutral", "sadness", "samples")


def draw(n: int, seed: int, classes: tuple[str, ...] = SEVEN) -> Samples:
    samples = draw_samples(n, seed)
    return replace(samples, labels=np.arange(n) % len(classes), classes=classes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("seven")
    dataset = write_dataset(folder / "dataset", train=draw(84, 1), test=draw(28, 2))
    config = TINY.model_copy(update={"name": "all", "epochs": 1})
    return dataset, folder / "model", train(dataset, folder / "model", config)


def test_every_network_and_baseline_has_a_probability_for_each_class_of_the_dataset(trained: tuple) -> None:
    _, out, metrics = trained
    network = load(out)
    test = draw(5, 3)
    assert network.labels == SEVEN
    probabilities = network.predict(test.images, test.audio_features)
    assert probabilities.shape == (5, 7)
    assert probabilities.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    for name in ("audio", "image", "emodal", "early_fusion", "audio_svm"):
        scores = metrics["networks"][name]
        assert list(scores["recall"]) == list(SEVEN)
        assert np.asarray(scores["confusion"]).sum(axis=1).tolist() == [4] * 7
    assert metrics["dataset"]["test"] == {"samples": 28, "clips": 28, "classes": dict.fromkeys(SEVEN, 4)}


def test_card_and_report_name_the_classes_of_the_dataset(trained: tuple) -> None:
    _, out, _ = trained
    card, page = (out / "README.md").read_text(), (out / "report" / "index.html").read_text()
    assert "Classifies a clip as anger, disgust, fear, happy, neutral, sadness or samples from" in card
    assert "| test | 28 | 28 | 4 | 4 | 4 | 4 | 4 | 4 | 4 |" in card
    for label in SEVEN:
        assert f'<th scope="col">{label}</th>' in page
    assert "angry" not in card + page


def test_an_exported_network_answers_with_the_classes_of_the_dataset(trained: tuple, tmp_path: Path) -> None:
    path, difference = export(load(trained[1]), tmp_path, "litert")
    assert difference < 1e-4
    assert json.loads(path.with_suffix(".json").read_text())["labels"] == list(SEVEN)


def test_a_dataset_with_other_classes_is_refused_in_one_line_that_names_both(
    trained: tuple, tmp_path: Path
) -> None:
    other = write_dataset(tmp_path / "other", train=draw_samples(8, 1), test=draw_samples(8, 2))
    with pytest.raises(ModelInputError) as refused:
        evaluate(trained[1], other)
    line = str(refused.value)
    assert "its classes are angry, happy, neutral, sad, but the audio network was trained on anger," in line
    assert "\n" not in line
    assert evaluate(trained[1], trained[0]).networks["emodal"]["n"] == 28


def test_classes_in_another_order_are_refused(trained: tuple, tmp_path: Path) -> None:
    other = write_dataset(tmp_path / "other", test=draw(7, 2, SEVEN[::-1]))
    with pytest.raises(ModelInputError, match="its classes are samples, sadness"):
        evaluate(trained[1] / "emodal.keras", other)


def test_the_classes_come_from_the_shards_if_the_manifest_has_none(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "dataset", {"labels": []}, train=draw(8, 1))
    with pytest.raises(ModelInputError, match="names no classes"):
        read_classes(folder)
    path = next((folder / "data").iterdir())
    features = {"label": {"names": list(SEVEN), "_type": "ClassLabel"}}
    table = pq.read_table(path).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    pq.write_table(table, path)
    assert read_classes(folder) == SEVEN
    (folder / "manifest.json").write_text(json.dumps({"labels": list(LABELS)}))
    with pytest.raises(ModelInputError, match=r"manifest\.json has the classes angry, .* the shards anger"):
        read_classes(folder)


def test_a_label_beyond_the_classes_is_refused(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "dataset", train=draw(14, 1))
    path = next((folder / "data").iterdir())
    table = pq.read_table(path)
    labels = pa.array([7] + [0] * 13, pa.int64())
    pq.write_table(table.set_column(table.schema.get_field_index("label"), "label", labels), path)
    with pytest.raises(ModelInputError, match="labels must be 0 to 6 or null"):
        train(folder, tmp_path / "model", TINY)


@pytest.mark.parametrize("count", [2, 64])
def test_two_classes_and_sixty_four_are_trained_on_and_answered_with(count: int, tmp_path: Path) -> None:
    classes = tuple(f"class {number}" for number in range(count))
    splits = {split: draw(3 * count, seed, classes) for seed, split in enumerate(("train", "test"))}
    dataset = write_dataset(tmp_path / "dataset", **splits)
    metrics = train(dataset, tmp_path / "model", TINY.model_copy(update={"name": "audio", "epochs": 1}))
    assert list(metrics["networks"]["audio"]["recall"]) == list(classes)
    assert metrics["reference"]["chance"]["accuracy"] == 1 / count
    network = load(tmp_path / "model")
    probabilities = network.predict(None, splits["test"].audio_features)
    assert (network.labels, probabilities.shape) == (classes, (3 * count, count))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_a_wide_confusion_matrix_becomes_a_line_for_each_class() -> None:
    labels = np.repeat(np.arange(7), 4)
    predicted = np.where(np.arange(28) % 4 == 3, 0, labels)
    text = format_report({"networks": {"audio": score(np.eye(7)[predicted], labels, SEVEN)}})
    assert "audio: recall and commonest predictions of each true class" in text
    line = next(line for line in text.splitlines() if line.strip().startswith("fear"))
    assert line.split() == ["fear", "75.00", "4", "fear", "75,", "anger", "25"]
    assert max(map(len, text.splitlines())) <= 100
    narrow = format_report({"networks": {"audio": score(np.eye(2)[[0, 1]], np.array([0, 1]), ("no", "yes"))}})
    assert "                              no       yes     clips" in narrow


def test_every_class_has_a_colour_of_its_own_and_the_default_ones_keep_theirs() -> None:
    names = [f"class {number}" for number in range(62)] + ["angry", "sad"]
    colours = class_colours(names)
    assert list(colours) == names
    assert len(set(colours.values())) == 64
    assert (colours["angry"], colours["sad"]) == ("#c8505a", "#3d7ea6")
    assert class_colours(LABELS) == dict(
        zip(LABELS, ("#c8505a", "#b07d12", "#6f7f8c", "#3d7ea6"), strict=True)
    )
