"""A review's decisions: read with row and file, applied without reading a film, and told by every output."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from emodal_data.clips.gates import apply_gates
from emodal_data.clips.overrides import Override, override_plan, read_overrides
from emodal_data.clips.plan import Plan
from emodal_data.clips.reviewers import settle
from emodal_data.core.config import DatasetConfig
from emodal_data.core.errors import InputError
from emodal_data.core.label_words import DEFAULT_CLASSES
from emodal_data.core.reasons import Reason
from emodal_data.core.schema import vote_columns
from emodal_data.dataset.plan import DatasetPlan, plan_dataset
from emodal_data.dataset.read import read_samples
from emodal_data.dataset.verify import verify_dataset
from emodal_data.presentation.report.clip_table import clip_table, page_columns, read_ledger
from flows.operations.forget import forget
from tests.published import fake_clips, publish

HEADER = "clip_id,film,start,end,decision,label,note\n"


def csv_of(folder: Path, *lines: str) -> Path:
    path = folder / "overrides.csv"
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    return path


def plan_of(folder: Path) -> tuple[Plan, pd.DataFrame]:
    """A plan of 20 clips in five films, the second a tie; and what was measured of them."""
    rows, clips, measures = fake_clips(folder / "clips")
    clips.loc["c0001", ["label", "tied"]] = [None, True]
    return Plan(rows, clips, (), Path("clips"), "key", {}), measures


def taken(*paths: Path) -> dict[str, Override]:
    """What is done about each clip."""
    return {clip_id: settled.taken for clip_id, settled in settle(read_overrides(paths)).items()}


def decided(folder: Path, *lines: str, config: DatasetConfig | None = None) -> DatasetPlan:
    config = config or DatasetConfig()
    plan, measures = plan_of(folder)
    plan = override_plan(plan, taken(csv_of(folder, *lines)))
    clear = apply_gates(plan.clips, measures, config.clips, config.face, config.audio)
    return plan_dataset(plan.rows, clear, config)


def test_decisions_are_read_with_their_row_label_and_note(tmp_path: Path) -> None:
    path = csv_of(tmp_path, 'c1,f.mp4,0,1,drop,,"two, ""both"" talk"', "", "c2,f.mp4,1,2,Relabel,Anger,")
    assert read_overrides([path]) == [
        Override("c1", "drop", None, 'two, "both" talk', "f.mp4", "overrides", path, 2),
        Override("c2", "relabel", "angry", None, "f.mp4", "overrides", path, 4),
    ]
    path = csv_of(tmp_path, "c1,f.mp4,0,1,person,04,", "c2,f.mp4,1,2,merge,12,same actor")
    persons = read_overrides([path])
    assert [(one.decision, one.person, one.label, one.note) for one in persons] == [
        ("person", "4", None, None),
        ("merge", "12", None, "same actor"),
    ]
    assert [one.verdict for one in persons] == ["person 4", "merge 12"]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            ["c1,f.mp4,0,1,dorp,,"],
            "row 2: decision 'dorp' is none of drop, relabel, person, merge; did you mean",
        ),
        (["c1,f.mp4,0,1,person,Ada,"], "row 2: label 'Ada' is no number of a person: write one from 1"),
        (["c1,f.mp4,0,1,drop,,", "c2,f.mp4,0,1,,sad,"], "row 3: decision '' is none of drop, relabel"),
        (["c1,f.mp4,0,1,relabel,bored,"], "row 2: label 'bored' is none of angry, happy, neutral, sad"),
        (["c1,f.mp4,0,1,relabel,,"], "row 2: label '' is none of angry"),
        (["c1,,,,drop,,", "c2,,,,drop,,", "c1,,,,drop,,"], "row 4: clip c1 is decided in row 2 already"),
    ],
)
def test_a_wrong_decision_is_told_with_file_and_row(tmp_path: Path, lines: list[str], told: str) -> None:
    path = csv_of(tmp_path, *lines)
    with pytest.raises(InputError) as error:
        read_overrides([path])
    assert str(error.value).startswith(f"{path}: {told}")
    assert "\n" not in str(error.value)


def test_of_decisions_that_were_appended_an_author_s_last_one_about_a_clip_counts(tmp_path: Path) -> None:
    path = tmp_path / "overrides.csv"
    path.write_text(
        "clip_id,decision,label,author,decided_at\n"
        "c1,relabel,sad,anna,2026-11-29T10:00:00\n"
        "c2,drop,,anna,2026-11-29T10:00:01\n"
        "c1,drop,,ben,2026-11-29T10:00:02\n"
        "c3,relabel,happy,anna,2026-11-29T10:00:03\n"
        "c1,relabel,angry,anna,2026-11-29T10:00:04\n"
        "c2,undo,,anna,2026-11-29T10:00:05\n"
    )
    assert [(one.clip_id, one.verdict, one.author, one.row) for one in read_overrides([path])] == [
        ("c1", "drop", "ben", 4),
        ("c3", "happy", "anna", 5),
        ("c1", "angry", "anna", 6),
    ]


def test_a_file_that_is_no_table_of_decisions_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.csv: cannot be read: No such file"):
        read_overrides([tmp_path / "absent.csv"])
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match="the file is empty"):
        read_overrides([tmp_path / "empty.csv"])
    (tmp_path / "other.csv").write_text("film,start\nf.mp4,1\n")
    with pytest.raises(InputError, match="no column 'clip_id' in the header"):
        read_overrides([tmp_path / "other.csv"])


def test_a_clip_that_the_build_does_not_know_is_told_unless_its_film_is_away(tmp_path: Path) -> None:
    plan, _ = plan_of(tmp_path)
    path = csv_of(tmp_path, "c0000,f0.mp4,0,1,drop,,", "c9,gone.mp4,0,1,drop,,")
    with pytest.raises(
        InputError, match=r"overrides\.csv: row 3: there is no clip 'c9': its span or its film has changed"
    ):
        override_plan(plan, taken(path))
    lost = {"row": 99, "film": "gone.mp4", "reason": Reason.FILM_MISSING.value, "clip_id": None}
    rows = pd.concat([plan.rows, pd.DataFrame([lost])], ignore_index=True)
    clips = override_plan(replace(plan, rows=rows), taken(path)).clips
    assert clips["review"].dropna().to_dict() == {"c0000": "drop"}


def test_a_clip_that_is_left_out_for_its_span_may_have_been_decided_and_stays_out(tmp_path: Path) -> None:
    plan, _ = plan_of(tmp_path)
    rows = plan.rows.copy()
    rows.loc[rows["clip_id"] == "c0002", "reason"] = Reason.OVERLAPS_SAME_SPEAKER.value
    left = replace(plan, rows=rows, clips=plan.clips.drop(index="c0002"))
    path = csv_of(tmp_path, "c0000,f0.mp4,0,1,drop,,", "c0002,f0.mp4,2,3,relabel,sad,")
    decided = override_plan(left, taken(path))
    assert decided.clips["review"].dropna().to_dict() == {"c0000": "drop"}
    assert "c0002" not in decided.clips.index
    assert decided.rows.equals(rows)


def test_without_decisions_the_plan_is_as_it_was(tmp_path: Path) -> None:
    plan, _ = plan_of(tmp_path)
    assert override_plan(plan, {}) is plan
    assert override_plan(plan, taken(csv_of(tmp_path))) is plan


def test_a_dropped_clip_is_in_no_shard_and_the_ledger_says_who_dropped_it(tmp_path: Path) -> None:
    made = decided(tmp_path, "c0000,f0.mp4,0,1,drop,,out of focus")
    ledger = made.ledger.table().to_pandas().set_index("clip_id")
    told = ["outcome", "reason", "review", "review_note", "label"]
    assert ledger.loc["c0000", told].tolist() == [
        "dropped",
        "dropped_by_review",
        "drop",
        "out of focus",
        "angry",
    ]
    assert "c0000" not in set(made.samples["clip_id"])
    assert ledger["review"].notna().sum() == 1


def test_a_relabelled_clip_has_its_new_label_and_the_row_keeps_its_own(tmp_path: Path) -> None:
    made = decided(tmp_path, "c0000,f0.mp4,0,1,relabel,sad,", "c0001,f0.mp4,1,2,relabel,happy,")
    samples = made.samples.drop_duplicates("clip_id").set_index("clip_id")
    assert samples.loc[["c0000", "c0001"], "label"].tolist() == ["sad", "happy"]  # the second was a tie
    ledger = made.ledger.table().to_pandas().set_index("clip_id")
    assert ledger.loc["c0000", ["outcome", "label", "review_label"]].tolist() == ["kept", "angry", "sad"]
    assert made.clips.loc["c0000", vote_columns(4)].tolist() == [0, 0, 0, 1]
    assert made.clips.loc["c0000", "label_confidence"] == 1.0


def test_a_clip_without_a_face_stays_dropped_for_that_whatever_was_decided(tmp_path: Path) -> None:
    made = decided(tmp_path, "c0103,f1.mp4,3,4,relabel,sad,")
    row = made.ledger.table().to_pandas().set_index("clip_id").loc["c0103"]
    assert row[["reason", "review", "review_label"]].tolist() == ["no_face", "relabel", "sad"]


def test_a_reviewed_dataset_is_verified_shown_and_named_in_its_manifest(tmp_path: Path) -> None:
    config = DatasetConfig.model_validate({"shards": {"soft_labels": True}})
    made = decided(
        tmp_path, "c0000,f0.mp4,0,1,drop,,", "c0002,f0.mp4,2,3,relabel,sad,looks down", config=config
    )
    dataset = publish(made, tmp_path / "dataset", config)
    assert verify_dataset(dataset) == []
    assert json.loads((dataset / "manifest.json").read_bytes())["counts"]["dropped"]["dropped_by_review"] == 1
    labels = read_samples(dataset, []).drop_duplicates("clip_id").set_index("clip_id")["label"]
    assert labels["c0002"] == "sad"
    clips = clip_table(read_ledger(dataset), dataset, DEFAULT_CLASSES)
    assert clips.loc["c0000", ["kept", "review"]].tolist() == [False, "drop"]
    assert clips.loc["c0002", ["label", "votes", "review_label"]].tolist() == ["sad", "neutral 1", "sad"]
    assert page_columns(clips, DEFAULT_CLASSES)["review_note"]["values"] == ["looks down"]
    page = (dataset / "report" / "index.html").read_text()
    assert "2 clips were decided" in page
    for clip_id, cells in {
        "c0000": "<td>angry 1</td><td>dropped</td><td>overrides</td>",
        "c0002": "<td>neutral 1</td><td>sad</td><td>overrides</td>",
    }.items():
        line = next(line for line in page.splitlines() if f'href="#clip={clip_id}"' in line)
        assert cells in line


def test_verify_sees_a_label_that_neither_votes_nor_review_gave(tmp_path: Path) -> None:
    made = decided(tmp_path, "c0002,f0.mp4,2,3,relabel,sad,")
    dataset = publish(made, tmp_path / "dataset", DatasetConfig())
    ledger = pq.read_table(dataset / "ledger.parquet")
    index = ledger.schema.get_field_index("review_label")
    pq.write_table(ledger.remove_column(index), dataset / "ledger.parquet")
    labels, ledger_hash = verify_dataset(dataset)
    assert "labels are not what the ledger's rows chose" in labels
    assert ledger_hash.startswith("ledger.parquet: is not what was written")


def test_what_was_reviewed_can_be_forgotten(tmp_path: Path) -> None:
    made = decided(tmp_path, "c0000,f0.mp4,0,1,drop,,as in f1.mp4", "c0400,f4.mp4,0,1,relabel,sad,")
    publish(made, tmp_path / "dataset", DatasetConfig())
    forget(tmp_path, film="f1.mp4")
    ledger = pq.read_table(tmp_path / "dataset" / "ledger.parquet").to_pandas().set_index("clip_id")
    assert ledger.loc["c0400", "review_label"] == "sad"
    assert pd.isna(ledger.loc["c0000", "review_note"])
