"""Numbers of persons: clusters of faces, the same after films were added, as a column that the split follows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from emodal_data.clips.gates import apply_gates
from emodal_data.core.config import DatasetConfig, FaceConfig
from emodal_data.core.errors import InputError
from emodal_data.dataset.persons import (
    add_persons,
    number_persons,
    speaker_notes,
    with_person_column,
)
from emodal_data.dataset.plan import plan_dataset
from tests.published import fake_clips

DISTANCE = 0.5


def faces(persons: list[int], film: str = "a.mp4", seed: int = 0, spread: float = 0.02) -> pd.DataFrame:
    """Clips of a film, one second each, with faces of these persons: 128 numbers near those of the person."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(0, 1, (20, 128))
    centres *= 0.6 / np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = [centres[person] + rng.normal(0, spread, 128) for person in persons]
    index = pd.Index([f"{film}-{n}" for n in range(len(persons))], name="clip_id")
    columns = {"film": film, "start_s": np.arange(len(persons), dtype=float)}
    return pd.DataFrame(columns, index=index).assign(
        embedding=[vector.astype(np.float32).tobytes() for vector in vectors]
    )


def test_faces_of_one_person_get_one_number_also_across_films() -> None:
    clips = pd.concat([faces([4, 2, 4, 4, 2]), faces([2, 9], "b.mp4", 1)])
    assert list(number_persons(clips, {}, DISTANCE).values()) == ["1", "2", "1", "1", "2", "2", "3"]


def test_persons_keep_their_numbers_when_a_film_comes_first() -> None:
    clips = pd.concat([faces([4, 2, 4]), faces([2, 9], "b.mp4", 1)])
    before = number_persons(clips, {}, DISTANCE)
    more = pd.concat([faces([9, 5, 4], "0.mp4", 2), clips])
    after = number_persons(more, {name: int(number) for name, number in before.items()}, DISTANCE)
    assert {name: after[name] for name in before} == before
    assert [after[f"0.mp4-{n}"] for n in range(3)] == [before["b.mp4-1"], "4", before["a.mp4-0"]]


def test_a_cluster_of_two_earlier_persons_keeps_the_number_of_most_of_its_clips() -> None:
    clips = faces([4, 4, 4, 2])
    previous = {"a.mp4-0": 7, "a.mp4-1": 3, "a.mp4-2": 3, "a.mp4-3": 7}
    assert list(number_persons(clips, previous, DISTANCE).values()) == ["3", "3", "3", "7"]


def test_a_clip_without_a_face_has_no_person() -> None:
    clips = faces([1, 1])
    clips.loc["a.mp4-1", "embedding"] = None
    rows = pd.DataFrame({"clip_id": ["a.mp4-1", "a.mp4-0", None], "person": ""})
    assert add_persons(rows, clips, {}, DISTANCE)["person"].tolist() == ["", "1", ""]
    assert add_persons(rows, clips.drop(columns="embedding"), {}, DISTANCE)["person"].tolist() == ["", "", ""]


def test_a_person_column_of_the_annotations_is_not_overwritten() -> None:
    rows = pd.DataFrame({"clip_id": ["c"], "person": ["Ada"]})
    assert with_person_column(rows, FaceConfig()) is rows
    with pytest.raises(InputError, match="column 'person' of their own"):
        with_person_column(rows, FaceConfig(persons=True))


def test_a_review_merges_persons_and_gives_single_clips_to_another() -> None:
    clips = faces([4, 2, 4, 9, 2])
    rows = pd.DataFrame({"clip_id": clips.index, "person": ""})
    assert add_persons(rows, clips, {}, DISTANCE)["person"].tolist() == ["1", "2", "1", "3", "2"]
    reviewed = clips.assign(
        review=[None, "merge", "person", None, None], review_person=[None, "3", "7", None, None]
    )
    assert add_persons(rows, reviewed, {}, DISTANCE)["person"].tolist() == ["1", "3", "7", "3", "3"]


def test_speakers_and_persons_that_disagree_are_named_with_their_clips() -> None:
    ledger = pa.table(
        {
            "clip_id": ["a", "a", "b", "c", "d", "e", "f"],
            "speaker": ["anna", "anna", "anna", "anna", "ben", "ben", None],
            "person": ["1", "1", "1", "2", "3", "", "1"],
        }
    )
    assert speaker_notes(ledger) == ["speaker anna has several persons, by clips: 1 in 2, 2 in 1"]
    assert speaker_notes(ledger.drop_columns("person")) == []


def test_a_dataset_has_the_numbers_in_splits_ledger_and_shards_and_the_embeddings_nowhere(
    tmp_path: Path,
) -> None:
    config = DatasetConfig.model_validate(
        {"face": {"persons": True}, "split": {"group_by": "person", "allow_imbalance": True}}
    )
    rows, clips, measures = fake_clips(tmp_path / "clips")
    drawn = faces([number % 4 for number in range(len(measures))])
    measures["embedding"] = drawn["embedding"].to_numpy()
    rows = with_person_column(rows, config.face)
    gated = apply_gates(clips, measures, config.clips, config.face, config.audio)
    plan = plan_dataset(rows, gated, config)
    assert "embedding" not in plan.clips
    assert "embedding" not in plan.ledger.schema.names
    assert set(plan.ledger.table()["person"].to_pylist()) == {"1", "2", "3", "4"}
    assert plan.proof["columns"]["person"]["in_several_splits"] == 0
    assert plan.clips["carried_person"].dtype == "Int64"
    by_film = DatasetConfig.model_validate({"face": {"persons": True}, "split": {"allow_imbalance": True}})
    assert plan_dataset(rows, gated, by_film).proof["columns"]["person"]["in_several_splits"] > 0
