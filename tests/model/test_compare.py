"""Two trainings are compared on the clips that both judged."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from emodal_model.core.errors import ModelInputError
from emodal_model.evaluation.compare import compare_trainings, format_comparison
from emodal_model.evaluation.predictions import Judged, write_predictions
from emodal_model.evaluation.scores import paired_p


def judged(right: list[bool], first: int = 0) -> Judged:
    """Clips of the class yes, each answered rightly or not by the audio network."""
    n = len(right)
    return Judged(
        clip_ids=np.asarray([f"c{first + i}" for i in range(n)]),
        films=np.full(n, "f"),
        speakers=np.full(n, ""),
        labels=np.ones(n, np.int64),
        folds=np.full(n, -1),
        majority=np.ones(n, np.int64),
        classes=("no", "yes"),
        heads={"audio.audio": np.where(np.asarray(right)[:, None], [0.1, 0.9], [0.9, 0.1])},
        targets=np.empty((n, 0)),
        target_means=np.empty((n, 0)),
    )


def training(folder: Path, test: Judged, folds: Judged | None = None, **settings: object) -> Path:
    write_predictions(folder / "predictions.parquet", test)
    if folds:
        write_predictions(folder / "folds" / "predictions.parquet", folds)
    metrics = {"dataset": {"hash": "d" * 64}, "config": {"seed": 0} | settings}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def test_the_accuracies_are_those_on_the_common_clips_with_the_exact_test(tmp_path: Path) -> None:
    before, after = [True] * 4 + [False] * 8, [True] * 10 + [False] * 2
    one = training(tmp_path / "one", judged(before))
    two = training(tmp_path / "two", judged([*after, True], first=0), dropout=0.2)
    found = compare_trainings(one, two)
    assert (found["judged"], found["clips"], found["only"]) == ("test", 12, [0, 1])
    audio = found["networks"]["audio"]
    assert audio["accuracy"] == [pytest.approx(4 / 12), pytest.approx(10 / 12)]
    assert audio["difference"] == pytest.approx(0.5)
    assert audio["p"] == paired_p(np.asarray(before), np.asarray(after)) == pytest.approx(2 * 0.5**6)
    low, high = audio["interval"]
    assert 0 < low < 0.5 < high < 1
    assert found["settings"] == {"dropout": [None, 0.2]}
    lines = format_comparison(found).splitlines()
    assert lines[2].split()[:5] == ["audio", "12", "33.33", "83.33", "+50.00"]
    assert lines[-1] == "dropout: None -> 0.2"
    assert max(map(len, lines)) <= 100


def test_clips_of_all_folds_are_compared_where_both_have_them(tmp_path: Path) -> None:
    one = training(tmp_path / "one", judged([True] * 3), folds=judged([True] * 9, first=10))
    two = training(tmp_path / "two", judged([True] * 3), folds=judged([False] * 9, first=10))
    found = compare_trainings(one, two)
    assert (found["judged"], found["clips"]) == ("folds", 9)
    assert found["networks"]["audio"]["difference"] == -1.0


def test_a_clip_whose_label_is_another_now_is_left_out(tmp_path: Path) -> None:
    other = judged([True] * 4)
    other.labels[1] = 0
    found = compare_trainings(
        training(tmp_path / "one", judged([True] * 4)), training(tmp_path / "two", other)
    )
    assert (found["clips"], found["only"]) == (3, [1, 1])


def test_trainings_without_a_common_clip_or_with_other_classes_are_refused(tmp_path: Path) -> None:
    one = training(tmp_path / "one", judged([True] * 4))
    far = training(tmp_path / "far", judged([True] * 4, first=50))
    with pytest.raises(ModelInputError, match="no clip was judged by both"):
        compare_trainings(one, far)
    swapped = replace(judged([True] * 4), classes=("yes", "no"), labels=np.zeros(4, np.int64))
    with pytest.raises(ModelInputError, match="other classes"):
        compare_trainings(one, training(tmp_path / "swapped", swapped))
    with pytest.raises(ModelInputError, match="no predictions"):
        compare_trainings(one, tmp_path / "nothing")


@pytest.mark.parametrize("entry", ["classes", "heads", "targets", "values", "missing"])
@pytest.mark.parametrize("wrong", [None, 7, ["x"], {"x": 7}, "x"])
def test_a_file_of_answers_with_a_wrong_entry_is_one_line(tmp_path: Path, entry: str, wrong: object) -> None:
    path = training(tmp_path, judged([True, False])) / "predictions.parquet"
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"emodal"]) | {entry: wrong}
    pq.write_table(table.replace_schema_metadata({"emodal": json.dumps(about)}), path)
    try:
        compare_trainings(tmp_path, tmp_path)
    except ModelInputError as error:
        assert str(error).startswith(f"{path}: no predictions of emodal train")


@pytest.mark.parametrize("entry", ["dataset", "config"])
@pytest.mark.parametrize("wrong", [None, 7, ["x"], "x", {"hash": {"x": 7}}])
def test_metrics_with_a_wrong_entry_are_one_line(tmp_path: Path, entry: str, wrong: object) -> None:
    folder = training(tmp_path, judged([True, False]))
    metrics = json.loads((folder / "metrics.json").read_text()) | {entry: wrong}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    if (entry, type(wrong)) == ("config", dict):
        assert compare_trainings(folder, folder)["clips"] == 2
    else:
        with pytest.raises(ModelInputError, match="no finished training here"):
            compare_trainings(folder, folder)
