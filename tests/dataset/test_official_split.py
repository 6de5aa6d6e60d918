"""Official splits, the validation split, groups by any column, and what is said of a split weaker than it looks."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from emodal_data import read_split
from emodal_data.clips.gates import apply_gates
from emodal_data.core.config import DatasetConfig, SplitConfig
from emodal_data.core.errors import InputError
from emodal_data.dataset.folder import read_manifest
from emodal_data.dataset.plan import DatasetPlan, plan_dataset
from emodal_data.dataset.split.assignment import split_clips
from emodal_data.dataset.split.expected import expected_split
from emodal_data.dataset.split.groups import check_columns, group_of, id_columns
from emodal_data.dataset.split.notes import split_warnings
from emodal_data.dataset.split.official import mark_unknown_splits, not_followed
from emodal_data.dataset.split.shared import format_shared, shared_between
from emodal_data.dataset.verify import verify_dataset
from tests.published import fake_clips, publish

WORDS = ["Train", "train", "dev", "TEST"]


def planned(folder: Path, columns: dict[str, list[Any]], split: dict[str, Any], **more: Any) -> DatasetPlan:
    """The plan of five films of four clips whose table has further columns; of 20 clips, 8 and 16 have no face."""
    config = DatasetConfig.model_validate({"split": split, **more})
    rows, clips, measures = fake_clips(folder, config=config)
    gated = apply_gates(clips, measures, config.clips, config.face, config.audio)
    return plan_dataset(rows.assign(**columns), gated, config)


def splits_of(plan: DatasetPlan) -> dict[str, str]:
    return plan.clips.loc[plan.clips["split"].notna(), "split"].to_dict()


def test_an_official_split_is_followed_to_the_letter(tmp_path: Path) -> None:
    plan = planned(tmp_path / "clips", {"subset": WORDS * 5}, {"column": "subset"})
    kept = plan.clips[plan.clips["reason"].isna()]
    expected = {"00": "train", "01": "train", "02": "validation", "03": "test"}
    assert splits_of(plan) == {clip_id: expected[clip_id[3:]] for clip_id in kept.index}
    assert len(kept) == 18
    config = DatasetConfig.model_validate({"split": {"column": "subset"}})
    dataset = publish(plan, tmp_path / "dataset", config)
    assert [path.name for path in sorted((dataset / "data").iterdir())] == [
        "test-00000-of-00001.parquet",
        "train-00000-of-00001.parquet",
        "validation-00000-of-00001.parquet",
    ]
    validation = read_split(dataset, "validation")
    assert sorted(validation["clip_id"].to_pylist()) == sorted(c for c in kept.index if c.endswith("02"))
    assert set(validation["augmentation"].to_pylist()) == {"none"}
    assert len(read_split(dataset, "train")) == 10 * 3
    assert verify_dataset(dataset) == []
    manifest = read_manifest(dataset)
    assert manifest["counts"]["clips_per_split"] == {"test": 3, "train": 10, "validation": 5}
    assert manifest["split"]["per_class"]["neutral"] == {"train": 0, "validation": 5, "test": 0}
    assert manifest["split"]["validation_fraction"] == pytest.approx(5 / 18)
    # Every film is in all three splits: that is counted, and stops nothing.
    assert manifest["leak_proof"]["groups_on_both_sides"] == 5
    card = (dataset / "README.md").read_text()
    assert "| class | training clips | validation clips | test clips |\n|---|---:|---:|---:|\n" in card
    assert "| neutral | 0 | 5 | 0 |\n" in card
    assert "The official split of the annotations (column subset), followed as it is." in card
    assert (
        "5 of 5 values of film are in more than one split, with 8 of the 8 validation and test clips" in card
    )
    assert "  - split: validation\n    path: data/validation-*.parquet\n" in card
    ledger = pq.read_table(dataset / "ledger.parquet").to_pandas()
    assert ledger["split"].value_counts().to_dict() == {"train": 10, "validation": 5, "test": 3}


def test_hugging_face_finds_the_validation_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = {"column": "subset"}
    plan = planned(tmp_path / "clips", {"subset": WORDS * 5}, split)
    dataset = publish(plan, tmp_path / "dataset", DatasetConfig.model_validate({"split": split}))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    import datasets

    loaded = datasets.load_dataset(str(dataset), cache_dir=str(tmp_path / "cache"))
    assert {name: len(part) for name, part in loaded.items()} == {"train": 30, "validation": 5, "test": 3}


def test_a_near_duplicate_face_does_not_move_an_official_clip(tmp_path: Path) -> None:
    config = DatasetConfig.model_validate({"split": {"column": "subset"}})
    rows, clips, measures = fake_clips(tmp_path / "clips")
    measures.loc["c0000", "face_hash"] = measures.loc["c0003", "face_hash"]
    gated = apply_gates(clips, measures, config.clips, config.face, config.audio)
    plan = plan_dataset(rows.assign(subset=WORDS * 5), gated, config)
    assert splits_of(plan)["c0000"] == "train"
    assert plan.proof["near_duplicate_faces_on_both_sides"] == 1


def test_other_words_are_named_in_a_map_and_unknown_ones_cost_their_rows() -> None:
    rows = pd.DataFrame({"subset": ["1", "2", "holdout", ""], "label": "sad", "reason": None, "detail": None})
    with pytest.raises(
        InputError, match=r"split.column = 'subset': its cells are '1', '2', 'holdout', ''; name"
    ):
        mark_unknown_splits(rows, SplitConfig(column="subset"))
    marked = mark_unknown_splits(rows, SplitConfig(column="subset", map={"1": "train", "2": "test"}))
    assert marked["reason"].fillna("").tolist() == ["", "", "split_unknown", "split_unknown"]
    assert marked["detail"].tolist()[2:] == [
        "column 'subset' says 'holdout'; name it in split.map",
        "column 'subset' is empty",
    ]
    with pytest.raises(InputError, match="the annotations have no column 'sets'"):
        mark_unknown_splits(rows, SplitConfig(column="sets"))


def test_a_clip_whose_rows_are_in_two_splits_is_dropped(tmp_path: Path) -> None:
    config = DatasetConfig.model_validate({"split": {"column": "subset"}})
    rows, clips, measures = fake_clips(tmp_path / "clips")
    rows = rows.assign(subset=WORDS * 5)
    again = rows[rows["clip_id"] == "c0000"].assign(subset="test", row=99, annotator="b")
    gated = apply_gates(clips, measures, config.clips, config.face, config.audio)
    plan = plan_dataset(pd.concat([rows, again], ignore_index=True), gated, config)
    assert plan.clips.loc["c0000", "reason"] == "split_conflict"
    assert "c0000" not in splits_of(plan)
    ledger = plan.ledger.table().to_pandas()
    assert ledger.loc[ledger["clip_id"] == "c0000", "reason"].tolist() == ["split_conflict"] * 2


def test_official_folds_are_followed_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folds = ["10", "9", "2", ""] * 5
    split = {"fold_column": "set", "test_fraction": 0}
    plan = planned(tmp_path / "clips", {"set": folds}, split)
    assert plan.fold_names == ("2", "9", "10")
    kept = plan.clips[plan.clips["split"].notna()]
    expected = {"00": 2, "01": 1, "02": 0, "03": None}
    assert {clip: None if pd.isna(fold) else fold for clip, fold in kept["fold"].items()} == {
        clip: expected[clip[3:]] for clip in kept.index
    }
    dataset = publish(plan, tmp_path / "dataset", DatasetConfig.model_validate({"split": split}))
    assert verify_dataset(dataset) == []
    assert read_manifest(dataset)["split"]["fold_names"] == ["2", "9", "10"]
    assert set(read_split(dataset, "train")["fold"].to_pylist()) == {0, 1, 2, None}


@pytest.mark.parametrize(("fraction", "split"), [(0, "train"), (1, "test")])
def test_a_dataset_may_be_one_split(tmp_path: Path, fraction: float, split: str) -> None:
    plan = planned(tmp_path / "clips", {}, {"test_fraction": fraction})
    assert set(splits_of(plan).values()) == {split}
    config = DatasetConfig.model_validate({"split": {"test_fraction": fraction}})
    dataset = publish(plan, tmp_path / "dataset", config)
    assert verify_dataset(dataset) == []
    assert len(read_split(dataset, split)) == 18 * (1 if split == "test" else 3)


def test_a_validation_split_is_held_out_by_the_same_groups() -> None:
    films = [f"f{n}" for n in range(40) for _ in range(4)]
    clips = pd.DataFrame({"group": films, "label": ["angry", "happy", "neutral", "sad"] * 40})
    clips.index = pd.Index([f"c{n}" for n in range(160)], name="clip_id")
    both = split_clips(clips, SplitConfig(test_fraction=0.2, validation_fraction=0.1))
    assert both.of_clip.value_counts().to_dict() == {"train": 112, "test": 32, "validation": 16}
    assert both.of_clip.groupby(films).nunique().max() == 1
    assert both.per_class["sad"] == {"train": 28, "validation": 4, "test": 8}
    alone = split_clips(clips, SplitConfig(test_fraction=0.2)).of_clip
    assert both.of_clip[alone == "test"].eq("test").all()
    again = split_clips(
        clips, SplitConfig(test_fraction=0.2, validation_fraction=0.1), both.of_clip.iloc[:80].to_dict()
    ).of_clip
    assert again.iloc[:80].equals(both.of_clip.iloc[:80])


def id_table(**columns: list[str | None]) -> tuple[pd.DataFrame, pd.DataFrame]:
    count = len(next(iter(columns.values())))
    clips = pd.DataFrame(
        {"film": [f"f{n}.mp4" for n in range(count)], "speaker": None, "start_s": 0.0, "end_s": 1.0}
    )
    clips.index = pd.Index([f"c{n}" for n in range(count)], name="clip_id")
    rows = pd.DataFrame({"clip_id": clips.index}).assign(**columns)
    if "speaker" in columns:
        clips["speaker"] = columns["speaker"]
    return rows, clips


def test_clips_that_share_a_series_or_a_speaker_are_one_group() -> None:
    rows, clips = id_table(series=["a", "a", "b", "c", ""], speaker=["x", "y", "y", "z", None])
    config = SplitConfig(group_by=("series", "speaker"))
    groups = group_of(clips, config.group_by, id_columns(rows, clips, config))
    assert groups.tolist() == ["series a", "series a", "series a", "series c", "film f4.mp4"]


def test_clips_of_an_earlier_build_that_move_because_their_groups_were_joined_are_told() -> None:
    rows, clips = id_table(series=["a", "a", "b", "c", "a"], speaker=["x", "x", "y", "z", "y"])
    clips = clips.assign(label="sad")
    config = SplitConfig(group_by=("series", "speaker"), allow_imbalance=True)
    previous = {"c0": "train", "c1": "train", "c2": "test", "c3": "test"}
    warnings = expected_split(rows, clips, config, previous)["warnings"]
    moved = "split: 1 clip of the existing dataset moves from test to training: rows joined their groups"
    assert [line for line in warnings if "move" in line] == [f"{moved}, or the rules of the split changed"]
    alone = expected_split(rows.iloc[:4], clips.iloc[:4], config, previous)
    assert not any("move" in line for line in alone["warnings"])


def test_any_column_can_be_what_stays_together() -> None:
    rows, clips = id_table(dialogue=["7", "7.0", "8", "", "e\u0301  1", "\u00e9 1"])
    config = SplitConfig(group_by="dialogue")
    ids = id_columns(rows, clips, config)
    assert group_of(clips, "dialogue", ids).tolist() == ["7", "7", "8", "film f3.mp4", "é 1", "é 1"]
    with pytest.raises(
        InputError, match=r"split\.group_by = 'scene': the annotations have no column 'scene'"
    ):
        id_columns(rows, clips, SplitConfig(group_by="scene"))
    with pytest.raises(InputError, match="no column 'flim'; did you mean 'film'"):
        check_columns(rows, SplitConfig(group_by="flim"))
    check_columns(rows, config)


def test_the_series_of_a_film_is_its_folder_if_no_column_says_it() -> None:
    rows, clips = id_table(note=["", "", ""])
    clips["film"] = ["friends/s01/e01.mkv", "friends/s02/e01.mkv", "alone.mkv"]
    config = SplitConfig(group_by="series")
    assert group_of(clips, "series", id_columns(rows, clips, config)).tolist() == [
        "friends",
        "friends",
        "film alone.mkv",
    ]
    clips["film"] = ["a.mkv", "b.mkv", "c.mkv"]
    with pytest.raises(InputError, match="no column 'series', and the films are in no folders"):
        check_columns(rows.assign(film=list(clips["film"])), config)


def test_what_two_builds_cannot_be_compared_by_is_said(tmp_path: Path) -> None:
    config = DatasetConfig()
    folders = []
    for name, columns in (("one", {"series": ["Heat", "S 01"] * 10, "person": ["p"] * 20}), ("two", {})):
        columns = columns or {"series": ["heat", "S 01"] * 10}
        rows, clips, measures = fake_clips(tmp_path / "clips")
        clips["speaker"] = [f"s{'0' * (name == 'two')}{n % 4}" for n in range(20)]
        gated = apply_gates(clips, measures, config.clips, config.face, config.audio)
        folders.append(publish(plan_dataset(rows.assign(**columns), gated, config), tmp_path / name, config))
    shared = shared_between(*folders)
    assert shared["columns"] == {"speaker": [], "series": ["S 01"]}
    speakers = [[f"s{n}", f"s0{n}"] for n in range(4)]
    assert shared["alike"] == {"speaker": speakers, "series": [["Heat", "heat"]]}
    assert shared["not_compared"] == ["person"]
    assert format_shared(shared).splitlines()[-3:] == [
        "      4 values of speaker hardly differ, and count as two: 's0' and 's00', 's1' and 's01', 's2' and 's02', "
        "'s3' and 's03'",
        "      1 values of series hardly differ, and count as two: 'Heat' and 'heat'",
        "only one of the builds names values of person: nothing is known of what they share there",
    ]


def test_speakers_on_both_sides_of_a_split_by_film_are_counted_and_said(tmp_path: Path) -> None:
    config = DatasetConfig()
    rows, clips, measures = fake_clips(tmp_path / "clips")
    clips["speaker"] = [f"s{n % 4}" for n in range(20)]
    gated = apply_gates(clips, measures, config.clips, config.face, config.audio)
    plan = plan_dataset(rows.assign(mood=["a", "b"] * 10), gated, config)
    counted = plan.proof["columns"]
    test_clips = list(splits_of(plan).values()).count("test")
    assert counted["film"]["in_several_splits"] == 0
    assert (counted["speaker"]["values"], counted["speaker"]["in_several_splits"]) == (4, 4)
    assert counted["speaker"]["held_out_clips"] == counted["speaker"]["all_held_out_clips"] == test_clips
    dataset = publish(plan, tmp_path / "dataset", config)
    note = (
        f"split: 4 of 4 values of speaker are in more than one split, with {test_clips} of the {test_clips} validation "
        'and test clips; split.group_by = "speaker" keeps them apart'
    )
    assert split_warnings(read_manifest(dataset)) == [note]
    assert note in (dataset / "README.md").read_text()
    assert note.replace('"', "&#34;") in (dataset / "report" / "index.html").read_text()
    named = DatasetConfig.model_validate({"split": {"check_columns": ["mood"]}})
    checked = plan_dataset(rows.assign(mood=["a", "b"] * 10), gated, named).proof["columns"]
    assert checked["mood"]["in_several_splits"] == 2


def test_a_folder_of_one_clip_films_without_speakers_is_said_to_be_split_clip_by_clip(tmp_path: Path) -> None:
    config = DatasetConfig()
    rows, clips, measures = fake_clips(tmp_path / "clips", films=10)
    names = {clip_id: f"{clip_id}.mp4" for clip_id in clips.index}
    clips = clips.assign(film=pd.Series(names), speaker=None)
    rows = rows.assign(film=rows["clip_id"].map(names), speaker=None)
    gated = apply_gates(clips, measures, config.clips, config.face, config.audio)
    plan = plan_dataset(rows, gated, config)
    dataset = publish(plan, tmp_path / "dataset", config)
    (note,) = split_warnings(read_manifest(dataset))
    assert note.startswith(
        "split: 35 of 35 films are one clip each, and no speaker is named: the same person may be in"
    )


def test_an_official_column_that_is_not_followed_is_named() -> None:
    rows = pd.DataFrame(
        {"split_in_table": ["train", "test", "dev", "train"], "fold_in_table": ["1", "2", "", "1"]}
    )
    of_split, of_fold = not_followed(rows, SplitConfig())
    assert of_split == (
        "column 'split' (test 1, train 2, validation 1 rows) is not followed: "
        'set split.column = "split" to follow it'
    )
    assert of_fold == "column 'fold' is not followed: set split.fold_column = \"fold\" to follow it"
    assert not_followed(rows, SplitConfig(column="split", fold_column="fold")) == []
    sides = pd.DataFrame({"fold_in_table": ["train", "valid", "test"]})  # a fold in name alone
    assert [line.split(" (")[0] for line in not_followed(sides, SplitConfig())] == ["column 'fold_in_table'"]
    other = pd.DataFrame({"Mode": ["Train", "", "valid ", "test"], "style": ["test"] * 4, "n": range(4)})
    (line,) = not_followed(other, SplitConfig())
    assert line.startswith(
        "column 'Mode' (test 1, train 1, validation 1 rows) is not followed: set split.column"
    )
