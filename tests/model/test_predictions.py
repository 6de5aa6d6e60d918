"""What is said about the results: every answer in a file, chance and majority rows, folds as one table."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import binomtest

import emodal
from emodal_model.core.errors import ModelInputError
from emodal_model.data.samples import dataset_hash
from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.evaluate import evaluate, evaluation_of
from emodal_model.evaluation.predictions import Judged, pooled, read_predictions, write_predictions
from emodal_model.evaluation.scores import smallest_difference
from emodal_model.evaluation.tables import format_report
from flows.engine.trainings import train_all
from tests.model.conftest import TINY, write_dataset

CONFIG = TINY.model_copy(update={"epochs": 1})


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """A dataset of two folds by film, trained with every fold held out in turn."""
    folder = tmp_path_factory.mktemp("folds")
    dataset = write_dataset(folder / "dataset", train=draw_samples(60, 1), test=draw_samples(12, 2))
    for path in (dataset / "data").glob("train-*"):
        table = pq.read_table(path)
        numbers = [int(film.split()[1]) % 2 for film in table["film"].to_pylist()]
        pq.write_table(table.append_column("fold", pa.array(numbers, pa.int32())), path)
    return dataset, folder / "model", train_all(dataset, folder / "model", CONFIG, by_fold=True)


def test_every_training_writes_truth_and_the_probabilities_of_every_head(folds: tuple) -> None:
    _, out, metrics = folds
    table = pq.read_table(out / "predictions.parquet")
    heads = ["audio.audio", "image.image", "emodal.both", "emodal.audio", "emodal.image"]
    classes = ["angry", "happy", "neutral", "sad"]
    given = ["clip_id", "film", "speaker", "truth", "fold", "majority", "predicted"]
    assert table.column_names == given + [f"{head}.{name}" for head in heads for name in classes]
    assert table["clip_id"].to_pylist() == [f"2-{i}" for i in range(12)]
    assert table["truth"].to_pylist() == [classes[label] for label in draw_samples(12, 2).labels]
    assert table["fold"].null_count == 12
    both = np.stack([table[f"emodal.both.{name}"].to_numpy() for name in classes], axis=1)
    assert both.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    assert table["predicted"].to_pylist() == [classes[code] for code in both.argmax(axis=1)]
    right = np.mean(
        [p == t for p, t in zip(table["predicted"].to_pylist(), table["truth"].to_pylist(), strict=True)]
    )
    assert metrics["networks"]["emodal"]["accuracy"] == pytest.approx(right)


def test_an_evaluation_writes_the_same_file_as_the_training(folds: tuple, tmp_path: Path) -> None:
    dataset, out, metrics = folds
    path = tmp_path / "again.parquet"
    found = evaluate(out, dataset, path).as_dict()
    assert pq.read_table(path).equals(pq.read_table(out / "predictions.parquet"))
    for key in ("networks", "reference", "smallest_difference"):
        assert found[key] == metrics[key]


def test_an_evaluation_keeps_its_answers_in_the_model_folder_unless_another_file_is_named(
    folds: tuple, tmp_path: Path
) -> None:
    dataset, trained, _ = folds
    out = shutil.copytree(trained, tmp_path / "model")
    found = emodal.evaluate(out, dataset)
    file = out / "evaluations" / dataset_hash(dataset)[:12] / "predictions.parquet"
    assert found["predictions"] == str(file)
    assert pq.read_table(file).equals(pq.read_table(out / "predictions.parquet"))
    named = tmp_path / "mine.parquet"
    assert emodal.evaluate(out / "emodal.keras", dataset, named)["predictions"] == str(named)
    assert pq.read_table(named)["truth"].equals(pq.read_table(file)["truth"])


def test_all_folds_are_one_table_in_which_every_clip_is_judged_once(folds: tuple) -> None:
    _, out, metrics = folds
    together = metrics["pooled"]
    table = pq.read_table(out / "folds" / "predictions.parquet")
    assert sorted(table["clip_id"].to_pylist()) == sorted(f"1-{i}" for i in range(60))
    films = {
        (film, fold) for film, fold in zip(table["film"].to_pylist(), table["fold"].to_pylist(), strict=True)
    }
    assert films == {(f"film {i}", i % 2) for i in range(20)}
    assert together["keys"] == [0, 1]
    for name in ("audio", "image", "emodal"):
        accuracy = metrics["repeats"]["networks"][name]["accuracy"]
        assert together["networks"][name]["n"] == 60
        assert together["networks"][name]["accuracy"] == pytest.approx(np.mean(accuracy))
    lines = format_report(metrics).splitlines()
    assert lines[0].startswith("all 2 folds together: each clip is judged once")
    assert lines[2].split()[:2] == ["audio", "60"]
    assert "test split" in lines
    share = 100 * together["networks"]["emodal"]["accuracy"]
    assert lines[-4].startswith(f"verdict: audio+image (EMODal) is right on {share:.1f} % of 60 clips (95 %")
    assert max(map(len, lines)) <= 100
    assert "All 2 folds together" in (out / "report" / "index.html").read_text()
    assert "## Results on all 2 folds" in (out / "README.md").read_text()


def test_chance_and_the_commonest_class_of_training_are_rows_of_every_table(folds: tuple) -> None:
    _, out, metrics = folds
    labels, trained = draw_samples(12, 2).labels, draw_samples(60, 1).labels
    commonest = np.bincount(trained).argmax()
    reference = metrics["reference"]
    assert reference["chance"]["accuracy"] == 0.25
    assert reference["majority"]["accuracy"] == pytest.approx(np.mean(labels == commonest))
    text = format_report(metrics)
    card, page = (out / "README.md").read_text(), (out / "report" / "index.html").read_text()
    for title in ("chance", "always the commonest"):
        assert (
            sum(line.startswith(title) for line in text.splitlines()) == 3
        )  # folds, test split, over the folds
        assert card.count(f"| {title} |") == 3
        assert page.count(f'<th scope="row">{title}</th>') == 3


def test_below_a_hundred_clips_the_table_says_which_differences_can_be_told(folds: tuple) -> None:
    _, out, metrics = folds
    line = "12 test clips: a difference below 50.0 points cannot be told from chance (exact McNemar test)"
    assert line in format_report(metrics).splitlines()
    for file in ("README.md", "report/index.html"):
        assert line.split(" (")[0] in (out / file).read_text()
    assert metrics["smallest_difference"] == 0.5


def test_the_smallest_difference_is_the_first_that_the_exact_test_finds() -> None:
    assert smallest_difference(60) == 6 / 60
    assert smallest_difference(5) is None
    assert binomtest(0, 6).pvalue < 0.05 < binomtest(0, 5).pvalue
    few = evaluation_of(judged(5)).as_dict() | {"networks": {"audio": {"n": 5}}}
    from emodal_model.evaluation.tables import power_note

    assert power_note(few).startswith("5 test clips are too few to tell any difference from chance")
    assert evaluation_of(judged(100)).smallest_difference is None
    assert power_note(evaluation_of(judged(100)).as_dict()) == ""


def judged(n: int, first: int = 0, fold: int = -1) -> Judged:
    probabilities = np.eye(2)[np.arange(n) % 2]
    return Judged(
        clip_ids=np.asarray([str(first + i) for i in range(n)]),
        films=np.full(n, "f"),
        speakers=np.full(n, ""),
        labels=np.zeros(n, np.int64),
        folds=np.full(n, fold),
        majority=np.ones(n, np.int64),
        classes=("no", "yes"),
        heads={"audio.audio": probabilities},
        targets=np.empty((n, 0)),
        target_means=np.empty((n, 0)),
    )


def test_a_clip_in_two_folds_is_refused() -> None:
    assert len(pooled([judged(4, fold=0), judged(4, 4, fold=1)]).labels) == 8
    with pytest.raises(ModelInputError, match="a clip is in two folds"):
        pooled([judged(4, fold=0), judged(4, 3, fold=1)])


def test_answers_survive_the_file_with_gaps_for_missing_modalities(tmp_path: Path) -> None:
    given = judged(4, fold=3)
    given.heads["emodal.both"] = np.array([[0.25, 0.75], [np.nan] * 2, [np.nan] * 2, [0.5, 0.5]])
    given.heads["emodal.audio"] = np.array([[0.1, 0.9], [0.2, 0.8], [np.nan] * 2, [0.4, 0.6]])
    given.heads["emodal.image"] = np.array([[0.1, 0.9], [np.nan] * 2, [0.3, 0.7], [0.4, 0.6]])
    write_predictions(tmp_path / "p.parquet", given)
    table = pq.read_table(tmp_path / "p.parquet")
    assert table["emodal.both.yes"].to_pylist() == [0.75, None, None, 0.5]
    assert table["fold"].to_pylist() == [3] * 4
    assert table["predicted"].to_pylist() == ["yes", "yes", "yes", "no"]
    read = read_predictions(tmp_path / "p.parquet")
    np.testing.assert_array_equal(
        read.answers()["emodal"], [[0.25, 0.75], [0.2, 0.8], [0.3, 0.7], [0.5, 0.5]]
    )
    for key, probabilities in given.heads.items():
        np.testing.assert_array_equal(read.heads[key], probabilities)
    with pytest.raises(ModelInputError, match="no predictions of emodal train"):
        read_predictions(tmp_path / "missing.parquet")
