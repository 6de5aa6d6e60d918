"""The differences of two builds: nothing where there is nothing, and the reason where there is something."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emodal_data.clips.gates import apply_gates
from emodal_data.core.config import AudioConfig, DatasetConfig
from emodal_data.core.errors import InputError
from emodal_data.dataset.compare import compare_datasets, format_differences, is_equal
from emodal_data.dataset.folder import previous_split
from emodal_data.dataset.plan import plan_dataset
from emodal_data.dataset.read import read_split
from tests.published import fake_clips, publish, written, written_anew

CONFIG = DatasetConfig.model_validate({"split": {"allow_imbalance": True}})


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("one"), "dataset", CONFIG)


def changed(
    one: Path,
    folder: Path,
    change: Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame], None],
    film_hash: str = "0" * 64,
) -> Path:
    """The dataset of `one` from other rows, clips or measures; clips stay on their side."""
    rows, clips, measures = fake_clips(folder / "clips")
    change(rows, clips, measures)
    rows, clips = rows[rows["row"] > 0], clips.loc[rows.loc[rows["row"] > 0, "clip_id"]]
    clear = apply_gates(clips, measures, CONFIG.clips, CONFIG.face, CONFIG.audio)
    return publish(
        plan_dataset(rows, clear, CONFIG, previous_split(one, CONFIG.split)),
        folder / "dataset",
        CONFIG,
        film_hash,
    )


def test_two_builds_of_the_same_are_equal(one: Path, tmp_path: Path) -> None:
    differences = compare_datasets(one, written_anew(tmp_path, "dataset", CONFIG))
    assert is_equal(differences)
    assert differences["samples"] == {"added": 0, "removed": 0, "changed": 0, "same": 46}
    assert format_differences(differences) == "equal: 46 samples"


def test_another_seed_of_augmentation_changes_the_copies_and_nothing_else(one: Path, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"augment": CONFIG.augment.model_copy(update={"seed": 7})})
    differences = compare_datasets(one, written(tmp_path, "dataset", config))
    assert differences["settings"] == {"augment.seed": [0, 7]}
    ledger = pq.read_table(one / "ledger.parquet").to_pandas()
    train = ledger[ledger["split"] == "train"]
    assert [span["start_s"] for span in differences["spans"]["changed"]] == train["start_s"].tolist()
    assert all(span["changed"] == {"contents": ["copies"]} for span in differences["spans"]["changed"])
    assert differences["samples"] == {
        "added": 0, "removed": 0, "changed": 2 * len(train), "same": 46 - 2 * len(train)
    }  # fmt: skip
    assert "settings: augment.seed: 0 -> 7" in format_differences(differences)


def test_a_clip_that_is_dropped_now_says_why(one: Path, tmp_path: Path) -> None:
    def blur(rows: pd.DataFrame, clips: pd.DataFrame, measures: pd.DataFrame) -> None:
        measures.loc["c0001", "blur_px"] = 5.0

    two = changed(one, tmp_path, blur)
    (span,) = compare_datasets(one, two)["spans"]["changed"]
    what = span.pop("changed")
    assert span == {"film": "f0.mp4", "start_s": 1.0, "end_s": 2.0}
    assert (what["outcome"], what["reason"]) == (["kept", "dropped"], [None, "face_blurred"])
    assert "contents" not in what
    back = compare_datasets(two, one)
    assert back["spans"]["changed"][0]["changed"]["reason"] == ["face_blurred", None]
    assert (
        "changed: f0.mp4 1.0-2.0 s: outcome dropped -> kept, reason face_blurred -> None"
        in format_differences(back)
    )


def test_clips_that_are_validation_clips_now_are_named_with_both_splits(one: Path, tmp_path: Path) -> None:
    """Their augmented samples are gone."""
    config = CONFIG.model_copy(
        update={"split": CONFIG.split.model_copy(update={"validation_fraction": 0.25})}
    )
    other = written(tmp_path, "dataset", config)
    assert is_equal(compare_datasets(other, written(tmp_path / "again", "dataset", config)))
    spans = {
        (row["film"], row["start_s"])
        for row in read_split(other, "validation").select(["film", "start_s"]).to_pylist()
    }
    assert len(spans) == 4
    assert read_split(one, "validation").num_rows == 0
    differences = compare_datasets(one, other)
    assert differences["settings"] == {"split.validation_fraction": [0.0, 0.25]}
    changed = {(span["film"], span["start_s"]): span["changed"] for span in differences["spans"]["changed"]}
    assert changed == {span: {"split": ["train", "validation"], "contents": ["copies"]} for span in spans}
    assert differences["samples"]["removed"] == 2 * len(spans)


def test_a_label_a_picture_and_a_film_that_changed_are_told(one: Path, tmp_path: Path) -> None:
    def correct(rows: pd.DataFrame, clips: pd.DataFrame, measures: pd.DataFrame) -> None:
        rows.loc[rows["clip_id"] == "c0001", ["label", "label_mapped_to"]] = "sad"
        clips.loc["c0001", "label"] = "sad"
        a, b = measures.loc["c0002", "store_row"], measures.loc["c0003", "store_row"]
        measures.loc["c0002", "store_row"], measures.loc["c0003", "store_row"] = b, a

    differences = compare_datasets(one, changed(one, tmp_path, correct, film_hash="2" * 64))
    told = {span["start_s"]: span["changed"] for span in differences["spans"]["changed"]}
    assert told[1.0] == {"label": ["happy", "sad"]}
    assert [part for part in told[2.0]["contents"] if part != "copies"] == ["picture", "speech features"]
    assert sorted(told) == [1.0, 2.0, 3.0]
    assert differences["films"] == {"f0.mp4": ["0" * 64, "2" * 64]}
    assert "film f0.mp4: other content" in format_differences(differences)


def test_spans_that_only_one_build_has_are_added_or_removed(one: Path, tmp_path: Path) -> None:
    def lose(rows: pd.DataFrame, clips: pd.DataFrame, measures: pd.DataFrame) -> None:
        rows.loc[rows["clip_id"].isin(["c0300", "c0301"]), "row"] = 0

    two = changed(one, tmp_path, lose)
    spans = compare_datasets(one, two)["spans"]
    assert [(span["film"], span["start_s"], span["outcome"]) for span in spans["removed"]] == [
        ("f3.mp4", 0.0, "kept"),
        ("f3.mp4", 1.0, "kept"),
    ]
    assert (spans["added"], len(compare_datasets(two, one)["spans"]["added"])) == ([], 2)


def test_rows_at_fault_are_told_apart(one: Path, tmp_path: Path) -> None:
    def spoil(rows: pd.DataFrame, clips: pd.DataFrame, measures: pd.DataFrame) -> None:
        faulty = rows["clip_id"].isin(["c0100", "c0101", "c0102"])
        rows.loc[faulty, ["clip_id", "start_s", "end_s", "reason"]] = [None, None, None, "bad_time"]

    rows, clips, measures = fake_clips(tmp_path / "clips")
    spoil(rows, clips, measures)
    clear = apply_gates(clips, measures, CONFIG.clips, CONFIG.face, CONFIG.audio)
    left = clear.loc[rows["clip_id"].dropna()]
    two = publish(plan_dataset(rows, left, CONFIG), tmp_path / "dataset", CONFIG)
    spans = compare_datasets(one, two)["spans"]
    assert [span["reason"] for span in spans["added"]] == ["bad_time"] * 3
    assert len(spans["removed"]) == 3


def test_a_folder_without_a_dataset_is_named(one: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no dataset here"):
        compare_datasets(one, tmp_path)


def test_frames_that_differ_are_speech_features_that_differ(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"audio": AudioConfig(short_term=True)})
    one = written(tmp_path, "one", config)
    two = shutil.copytree(one, tmp_path / "two")
    shard = next((two / "data").glob("test-*"))
    table = pq.read_table(shard)
    place = table.schema.get_field_index("short_term_features")
    frames = table["short_term_features"].to_pylist()
    frames[1][-1][0] += 1.0
    field = table.schema.field(place)
    pq.write_table(table.set_column(place, field, pa.array(frames, field.type)), shard)
    spans = compare_datasets(one, two)["spans"]["changed"]
    assert [span["changed"] for span in spans] == [{"contents": ["speech features"]}]
