"""Suspect labels: ranked by confident disagreement, and only by networks that did not see the clip."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.predictions import PREDICTIONS, Judged, read_predictions
from emodal_model.evaluation.suspects import (
    class_thresholds,
    count_suspects,
    find_suspects,
    read_suspects,
    write_suspects,
)
from emodal_model.evaluation.tables import format_report
from flows.engine.trainings import train_all
from tests.model.conftest import TINY, write_dataset


def judged(probabilities: list[list[float]], labels: list[int], folds: list[int] | None = None) -> Judged:
    n = len(labels)
    return Judged(
        clip_ids=np.asarray([f"c{i}" for i in range(n)]),
        films=np.full(n, "f"),
        speakers=np.full(n, ""),
        labels=np.asarray(labels),
        folds=np.asarray(folds or [0] * n),
        majority=np.zeros(n, np.int64),
        classes=("no", "yes", "never")[: len(probabilities[0])],
        heads={"audio.audio": np.asarray(probabilities)},
        targets=np.empty((n, 0)),
    )


def test_the_threshold_of_a_class_is_the_mean_probability_on_its_own_clips() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.5, 0.5, 0.0], [0.4, 0.6, 0.0]])
    assert class_thresholds(probabilities, np.array([0, 0, 1])).tolist() == [0.7, 0.6, np.inf]


def test_the_clip_whose_label_is_most_confidently_denied_comes_first() -> None:
    rows = find_suspects(
        judged([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8], [0.6, 0.4]], [0, 0, 1, 0]), {"c1": (2.0, 3.5)}
    )
    assert [row["clip_id"] for row in rows] == ["c1", "c3", "c2", "c0"]
    first = rows[0]
    # Thresholds: (0.9 + 0.1 + 0.6) / 3 for no, 0.8 for yes.
    no, yes = 0.1 / (1.6 / 3), 0.9 / 0.8
    assert first["doubt"] == pytest.approx(yes / (no + yes), abs=1e-4)
    assert (first["label"], first["answer"], first["is_suspect"]) == ("no", "yes", True)
    assert (first["label_probability"], first["answer_probability"]) == (0.1, 0.9)
    assert (first["start_s"], first["end_s"], rows[1]["start_s"]) == (2.0, 3.5, None)
    assert [row["is_suspect"] for row in rows] == [True, False, False, False]
    assert count_suspects(rows) == {
        "clips": 4,
        "suspects": 1,
        "per_class": {"no": {"clips": 3, "suspects": 1}, "yes": {"clips": 1, "suspects": 0}},
    }


def test_a_network_that_is_rarely_sure_of_a_class_needs_less_to_answer_it() -> None:
    # On clips of yes the network has 0.4 at most, so 0.45 for a clip of no is confident.
    rows = find_suspects(judged([[0.55, 0.45], [0.95, 0.05], [0.6, 0.4], [0.7, 0.3]], [0, 0, 1, 1]), {})
    assert (rows[0]["clip_id"], rows[0]["answer"], rows[0]["is_suspect"]) == ("c0", "yes", True)


def test_a_class_without_clips_is_never_the_answer() -> None:
    rows = find_suspects(judged([[0.2, 0.1, 0.7], [0.1, 0.8, 0.1]], [0, 1]), {})
    assert {row["answer"] for row in rows} == {"no", "yes"}


def test_a_clip_without_an_answer_is_not_ranked() -> None:
    rows = find_suspects(judged([[np.nan, np.nan], [0.3, 0.7]], [0, 1]), {})
    assert [row["clip_id"] for row in rows] == ["c1"]


def test_a_name_like_a_formula_is_text_in_the_file_and_read_as_it_was(tmp_path: Path) -> None:
    rows = find_suspects(judged([[0.3, 0.7]], [1]), {})
    rows[0] |= {"film": "=1+1.mp4", "speaker": "@ann", "label": "-1"}
    write_suspects(tmp_path / "suspects.csv", rows)
    text = (tmp_path / "suspects.csv").read_text()
    assert ",'=1+1.mp4," in text and ",'@ann," in text and ",'-1," in text
    (read,) = read_suspects(tmp_path / "suspects.csv")
    assert (read["film"], read["speaker"], read["label"]) == ("=1+1.mp4", "@ann", "-1")


def test_training_with_folds_ranks_each_clip_by_the_networks_that_held_out_its_group(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", train=draw_samples(60, 1), test=draw_samples(12, 2))
    for path in (dataset / "data").glob("*.parquet"):
        table = pq.read_table(path)
        if path.name.startswith("train"):
            numbers = [int(film.split()[1]) % 2 for film in table["film"].to_pylist()]
            table = table.append_column("fold", pa.array(numbers, pa.int32()))
        starts_s = pa.array(np.arange(len(table), dtype=float))
        pq.write_table(table.append_column("start_s", starts_s).append_column("end_s", starts_s), path)
    out = tmp_path / "model"
    metrics = train_all(dataset, out, TINY.model_copy(update={"name": "audio", "epochs": 1}), by_fold=True)

    with (out / "folds" / "suspects.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["clip_id"] for row in rows} == {
        *(f"1-{i}" for i in range(60)),
        *(f"2-{i}" for i in range(12)),
    }
    doubts = [float(row["doubt"]) for row in rows]
    assert doubts == sorted(doubts, reverse=True)
    probability = {}
    for folder in (out, out / "folds" / "0", out / "folds" / "1"):
        one = read_predictions(folder / PREDICTIONS)
        own = one.main_answers()[np.arange(len(one.labels)), one.labels]
        probability |= dict(zip(one.clip_ids.tolist(), own.tolist(), strict=True))
    for row in rows:
        seed, number = row["clip_id"].split("-")
        # Clip i is of film i modulo 20, in the fold of that number's parity; clips of the test split are in no fold.
        assert row["fold"] == ("" if seed == "2" else str(int(number) % 20 % 2))
        assert row["start_s"] != ""
        assert float(row["label_probability"]) == pytest.approx(probability[row["clip_id"]], abs=1e-4)
    suspects = sum(row["is_suspect"] == "1" for row in rows)
    assert metrics["suspects"]["clips"] == 72
    assert metrics["suspects"]["suspects"] == suspects
    assert f"{suspects} of 72 labels are suspect" in format_report(metrics)
    assert read_suspects(out / "folds" / "suspects.csv")[0]["doubt"] == doubts[0]
