"""The check at the door of a stage names the column that is missing or of another kind, and costs nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emodal_data.clips.gates import apply_gates
from emodal_data.clips.tables import GATED, MEASURED, PLANNED, ROWS, checked, stacked
from emodal_data.core.config import DatasetConfig
from emodal_data.core.errors import WorkError
from emodal_data.dataset.plan import plan_dataset
from emodal_data.dataset.tables import SAMPLES, SPLIT
from tests.published import fake_clips

CONFIG = DatasetConfig()


def test_each_stage_hands_on_the_table_that_the_next_one_wants(tmp_path: Path) -> None:
    rows, clips, measures = fake_clips(tmp_path)
    checked(rows, ROWS)
    checked(clips, PLANNED)
    checked(measures, MEASURED)
    gated = checked(apply_gates(clips, measures, CONFIG.clips, CONFIG.face, CONFIG.audio), GATED)
    plan = plan_dataset(rows, gated, CONFIG)
    checked(plan.clips, SPLIT)
    checked(plan.samples, SAMPLES)
    assert {field.name for field in SPLIT.columns} <= {*plan.clips.columns}


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    rows, clips, measures = fake_clips(tmp_path)
    with pytest.raises(WorkError, match="planned clips: column 'tied' is missing"):
        apply_gates(clips.drop(columns="tied"), measures, CONFIG.clips, CONFIG.face, CONFIG.audio)
    with pytest.raises(WorkError, match="measured clips: column 'sharpness' is missing"):
        apply_gates(
            clips, measures.rename(columns={"sharpness": "blur"}), CONFIG.clips, CONFIG.face, CONFIG.audio
        )
    gated = apply_gates(clips, measures, CONFIG.clips, CONFIG.face, CONFIG.audio)
    with pytest.raises(WorkError, match="gated clips: column 'face_hash' is missing"):
        plan_dataset(rows, gated.drop(columns="face_hash"), CONFIG)
    with pytest.raises(WorkError, match="annotation rows: column 'clip_id' is missing"):
        plan_dataset(rows.drop(columns="clip_id"), gated, CONFIG)


def test_a_column_of_another_kind_and_a_lost_index_are_named(tmp_path: Path) -> None:
    _, clips, _ = fake_clips(tmp_path)
    with pytest.raises(WorkError, match="planned clips: column 'start_s' is object, which is no double"):
        checked(clips.assign(start_s=clips["start_s"].astype(str).astype(object)), PLANNED)
    with pytest.raises(WorkError, match="planned clips: column 'label' is int64, which is no string"):
        checked(clips.assign(label=1), PLANNED)
    with pytest.raises(WorkError, match="planned clips: column 'review' is float64, which is no string"):
        checked(clips.assign(review=np.nan), PLANNED)
    with pytest.raises(WorkError, match="planned clips: the index is None instead of 'clip_id'"):
        checked(clips.reset_index(drop=True), PLANNED)


def test_parts_are_stacked_in_order_and_what_a_part_lacks_is_null() -> None:
    parts = [
        pd.DataFrame({"score": np.float32([1, 2]), "name": ["x", None]}),
        pd.DataFrame({"name": ["y"], "more": [0.5]}),
    ]
    table = stacked(parts)
    assert table["name"].fillna("").tolist() == ["x", "", "y"]
    assert table["score"].fillna(-1).tolist() == [1, 2, -1]
    assert table["more"].fillna(-1).tolist() == [-1, -1, 0.5]
    assert table.columns.tolist() == ["score", "name", "more"]
    assert all(part.columns.empty for part in parts)  # so that no column is there twice


def test_nulls_change_no_kind(tmp_path: Path) -> None:
    _, _, measures = fake_clips(tmp_path)
    more = measures.reindex(measures.index.append(pd.Index(["lost"], name="clip_id")))
    assert more["audio_is_finite"].dtype == object
    assert checked(more, MEASURED) is more
