"""A dataset of numbers without classes: what the rows give, how it is split, and every file that a build writes."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from emodal_data import read_split
from emodal_data.annotations import count_votes, read_annotations
from emodal_data.clips.gates import apply_gates
from emodal_data.clips.overrides import read_overrides
from emodal_data.core.config import DatasetConfig, LabelsConfig
from emodal_data.core.errors import InputError
from emodal_data.core.schema import vote_columns
from emodal_data.dataset.compare import compare_datasets, format_differences
from emodal_data.dataset.plan import plan_dataset
from emodal_data.dataset.split.leak_price import leak_price
from emodal_data.dataset.verify import verify_dataset
from emodal_data.presentation.contact_sheet import contact_sheet
from flows.config.load import load_config
from flows.operations.forget import forget
from tests.published import fake_clips, publish, with_votes_for_labels

LABELS = {"classes": [], "targets": ["valence", "arousal"]}
ALONE = LabelsConfig(**LABELS)
SETTINGS: dict[str, Any] = {"augment": {"target_size": 90}, "split": {"folds": 3}}


def numbers_alone(folder: Path, offset: float = 0.0, **sections: Any) -> Path:
    """Ten films of four clips; two raters of the second clip of each, who give valence 1.5 and 3.5."""
    config = DatasetConfig.model_validate({"labels": LABELS, **sections})
    rows, clips, measures = fake_clips(folder / "clips", films=10)
    number = rows["start_s"].astype(int)
    rows = with_votes_for_labels(rows.assign(label=None)).assign(
        annotator="ann",
        valence=[f"{n + 0.5 + offset}" for n in number],
        arousal=["" if n == 3 else f"-0,{n}" for n in number],
    )
    second = rows[rows["start_s"] == 1].assign(annotator="ben", valence="3.5")
    again = rows[rows["start_s"] == 2].assign(valence="99")
    rows = pd.concat([rows, second, again], ignore_index=True)
    votes = count_votes(rows, ())
    rows.loc[votes.repeated, "reason"] = "duplicate_vote"
    clips = clips.drop(columns=["label", "label_confidence", "votes", "tied", "speaker", *vote_columns(4)])
    clips = clips.join(votes.clips.drop(columns="outside"))
    clear = apply_gates(clips, measures, config.clips, config.face, config.audio)
    return publish(plan_dataset(rows, clear, config), folder / "build" / "dataset", config)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return numbers_alone(tmp_path_factory.mktemp("alone"), **SETTINGS)


def test_shards_have_the_numbers_and_no_column_of_a_class(alone: Path) -> None:
    train = read_split(alone, "train")
    assert not {"label", "label_confidence", "label_votes"} & set(train.column_names)
    features = json.loads(train.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["valence"] == {"dtype": "float32", "_type": "Value"}
    for row in train.to_pylist():
        n = int(row["start_s"])
        # Two raters gave the second clip 1.5 and 3.5; the same rater's second row of the third does not count.
        assert row["valence"] == (2.5 if n == 1 else n + 0.5)
        assert row["arousal"] == (None if n == 3 else pytest.approx(-n / 10))


def test_the_split_keeps_groups_apart_and_the_target_size_is_met(alone: Path) -> None:
    manifest = json.loads((alone / "manifest.json").read_bytes())
    assert manifest["labels"] == []
    assert manifest["counts"]["samples"] == 90
    clips = manifest["counts"]["clips_per_split"]
    assert 0.1 < clips["test"] / manifest["counts"]["clips"] < 0.3
    assert manifest["split"]["per_class"] == {"rated": clips}
    assert sum(fold["rated"] for fold in manifest["split"]["folds"]) == clips["train"]
    assert (manifest["leak_proof"]["groups_on_both_sides"], manifest["agreement"]["spans"]) == (0, 0)
    assert manifest["columns"]["valence"]["clips"] == manifest["counts"]["clips"]


def test_every_file_about_the_dataset_does_without_classes(alone: Path, tmp_path: Path) -> None:
    assert verify_dataset(alone) == []
    card = (alone / "README.md").read_text()
    clips = json.loads((alone / "manifest.json").read_bytes())["counts"]["clips_per_split"]
    assert f"| rated | {clips['train']} | {clips['test']} |" in card
    assert "There are no classes to agree on" in card and "task_categories" not in card
    croissant = json.loads((alone / "croissant.json").read_bytes())
    (samples,) = croissant["recordSet"]
    assert "samples/valence" in [field["@id"] for field in samples["field"]]
    script = (alone / "report" / "data" / "table.js").read_text()
    table = json.loads(script.removeprefix('emodal.receive("table",').rsplit(",null);", 1)[0])
    assert (table["labels"], list(table["colours"])) == ([], ["rated", "unlabelled"])
    assert table["columns"]["label"] == {"same": "rated"}
    assert contact_sheet(alone)[:2] == b"\xff\xd8"
    assert leak_price(alone) is None


def test_diff_names_clips_with_other_numbers_and_forget_removes_them(alone: Path, tmp_path: Path) -> None:
    other = numbers_alone(tmp_path, offset=0.25, **SETTINGS)
    assert format_differences(compare_datasets(alone, alone)).startswith("equal")
    assert "other columns of the annotations" in format_differences(compare_datasets(alone, other))
    forget(tmp_path / "build", film="f2.mp4")
    after = json.loads((other / "manifest.json").read_bytes())
    assert after["columns"]["valence"]["clips"] == after["counts"]["clips"]
    assert "f2.mp4" not in set(pq.read_table(other / "ledger.parquet")["film"].to_pylist())


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        (
            [-1, -0.6, -0.2, 0.2, 0.4, 0.5, 0.9, 1, -2, -2, -2],
            "-2 is in 3 rows, and all other numbers are from -1 to 1",
        ),
        ([1, 2, 3, 5, 4, 999, 999, 999, 999], "999 is in 4 rows, and all other numbers are from 1 to 5"),
        ([1, 2, 3, 5, 4, 9, 9, 9], "9 is in 3 rows, and all other numbers are from 1 to 5"),
        ([1, 2, 3, 5, 4, 9, 9], None),  # it does not recur
        ([0, 0.1, 0.2, 0.3, 0, 0, 0.4, 0.4, 0.4], None),
        ([1, 1, 1, 9, 9, 9, 5], None),
    ],
)
def test_a_number_that_recurs_far_from_all_others_is_named(
    tmp_path: Path, numbers: list[float], code: str | None
) -> None:
    rows = [f"a.mp4,{second},{second + 1},{number},0.5" for second, number in enumerate(numbers)]
    table = tmp_path / "spans.csv"
    table.write_text("\n".join(["film,start,end,valence,arousal", *rows]))
    warnings = read_annotations(table, labels=ALONE).attrs["warnings"]
    said = (f"column 'valence': {code}: leave the cells empty if it means unknown",) if code else ()
    assert warnings == said


def test_a_table_needs_no_label_and_a_row_needs_one_number(tmp_path: Path) -> None:
    table = tmp_path / "spans.csv"
    table.write_text("film,start,end,valence,arousal\na.mp4,0,1,0.5,\na.mp4,1,2,,\na.mp4,2,3,high,1\n")
    rows = read_annotations(table, labels=ALONE)
    assert rows["reason"].where(rows["reason"].notna(), None).tolist() == [None, "no_target", "bad_target"]
    assert rows.loc[1, "detail"] == "no number in valence or arousal, and there are no classes"
    assert rows["label_mapped_to"].isna().all()
    table.write_text("film,start,end,label,valence,arousal\na.mp4,0,1,furious,0.5,1\n")
    (row,) = read_annotations(table, labels=ALONE).to_dict("records")
    # What a column label says is kept, and does not count.
    assert (row["label_as_written"], row["label_mapped_to"]) == ("furious", None)
    with pytest.raises(InputError, match="no column 'label'"):
        read_annotations(_without_label(tmp_path), labels=LabelsConfig(targets=("valence",)))
    with pytest.raises(InputError, match="the annotations have no column 'arousal'"):
        read_annotations(_without_label(tmp_path), labels=ALONE)


def _without_label(folder: Path) -> Path:
    (folder / "without.csv").write_text("film,start,end,valence\na.mp4,0,1,0.5\n")
    return folder / "without.csv"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("shards.soft_labels=true", "shards.soft_labels needs classes, and labels.classes is empty"),
        ("augment.balance=true", "augment.balance needs classes, and labels.classes is empty"),
        ('table.votes={happy="n"}', "table.votes needs classes, and labels.classes is empty"),
        ("labels.resolve=dawid_skene", "resolve chooses among classes, and there are none"),
        ('labels.map={joy="happy"}', "joy = 'happy' is no class"),
    ],
)
def test_settings_of_classes_are_refused_without_any(setting: str, told: str) -> None:
    alone = ["labels.classes=[]", 'labels.targets=["valence"]']
    with pytest.raises(InputError) as error:
        load_config(None, [*alone, setting], films="f", annotations="a", out="o")
    assert told in str(error.value)


def test_a_review_may_drop_a_clip_and_has_no_class_to_give_it(tmp_path: Path) -> None:
    decisions = tmp_path / "overrides.csv"
    decisions.write_text("clip_id,decision,label,note\nc0001,drop,,\n")
    (one,) = read_overrides([decisions], ALONE)
    assert one.decision == "drop"
    decisions.write_text("clip_id,decision,label,note\nc0001,relabel,happy,\n")
    with pytest.raises(InputError, match="row 2: there are no classes to relabel to: a decision is drop"):
        read_overrides([decisions], ALONE)
