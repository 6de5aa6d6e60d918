"""Soft labels: the shares of the votes are in the shards, for every reader, and only if they are wanted."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emodal_data import read_split
from emodal_data.annotations import count_votes
from emodal_data.clips.gates import apply_gates
from emodal_data.core.config import DatasetConfig
from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS
from emodal_data.dataset.plan import plan_dataset
from emodal_data.dataset.verify import verify_dataset
from tests.published import fake_clips, publish, with_votes_for_labels, written

SOFT = DatasetConfig.model_validate({"shards": {"soft_labels": True}})
#: What three annotators say of the first to the fifth clip of every film, and the shares that come of it.
BALLOTS = [
    ("angry", "angry", "sad"),
    ("happy", "happy", "happy"),
    ("neutral", "neutral", ""),
    ("sad", "", ""),
    ("", "", ""),
]
SHARES = [[2 / 3, 0, 0, 1 / 3], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


@pytest.fixture(scope="module")
def voted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten films of five clips, each clip with the ballots above."""
    folder = tmp_path_factory.mktemp("voted")
    rows, clips, measures = fake_clips(folder / "clips", films=10, per_film=5)
    vote_counts = [
        rows.assign(annotator=f"a{n}", label=[BALLOTS[int(start)][n] or None for start in rows["start_s"]])
        for n in range(3)
    ]
    rows = with_votes_for_labels(pd.concat(vote_counts, ignore_index=True))
    clips = clips[["film", "start_s", "end_s"]].join(count_votes(rows, LABELS).clips.drop(columns="outside"))
    clear = apply_gates(clips, measures, SOFT.clips, SOFT.face, SOFT.audio)
    return publish(plan_dataset(rows, clear, SOFT), folder / "dataset", SOFT)


def test_every_sample_has_the_shares_of_its_clip(voted: Path) -> None:
    for split in ("train", "test", "unlabelled"):
        rows = read_split(voted, split).to_pylist()
        assert rows
        for row in rows:
            assert row["label_votes"] == np.float32(SHARES[int(row["start_s"])]).tolist()
            if split == "unlabelled":
                assert row["label"] is None
            else:
                assert row["label"] == int(np.argmax(row["label_votes"]))
                assert row["label_confidence"] == max(row["label_votes"])


def test_the_column_is_there_only_when_asked_for(voted: Path, tmp_path: Path) -> None:
    without = read_split(written(tmp_path, "dataset"), "train").schema
    assert [name for name in read_split(voted, "train").schema.names if name not in without.names] == [
        "label_votes"
    ]


def test_datasets_loads_the_shares_as_vectors(
    voted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    datasets = pytest.importorskip("datasets", reason="datasets comes with the dev extra")
    files = {split: str(voted / "data" / f"{split}-*.parquet") for split in ("train", "unlabelled")}
    loaded = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].features["label_votes"].length == 4
    shares = np.array(loaded["train"].with_format("numpy")["label_votes"])
    assert shares.shape == (loaded["train"].num_rows, 4)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert loaded["unlabelled"]["label_votes"][0] == [0.0] * 4


def test_croissant_records_have_the_shares(voted: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant comes with the dev extra")
    dataset = mlcroissant.Dataset(jsonld=voted / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    records = list(dataset.records("samples"))
    assert records
    for record in records:
        wanted = np.float32(SHARES[int(record["samples/start_s"])])
        assert list(map(float, record["samples/label_votes"])) == wanted.tolist()


def test_verify_holds_labels_and_shares_against_the_ledger(voted: Path, tmp_path: Path) -> None:
    assert verify_dataset(voted) == []
    copy = tmp_path / "dataset"
    shutil.copytree(voted, copy)
    path = copy / "ledger.parquet"
    ledger = pq.read_table(path)
    labels = ["happy" if label == "sad" else label for label in ledger["label_mapped_to"].to_pylist()]
    at = ledger.schema.get_field_index("label_mapped_to")
    pq.write_table(ledger.set_column(at, ledger.schema.field(at), pa.array(labels)), path)
    problems = verify_dataset(copy)
    assert any("labels are not what the ledger's rows chose" in problem for problem in problems)
    assert any("label_votes are not the votes of the ledger's rows" in problem for problem in problems)


def test_votes_are_counted_for_every_class() -> None:
    rows = pd.DataFrame(
        {"clip_id": ["c"] * 4, "label": ["sad", "sad", "angry", None], "annotator": "", "speaker": None}
    )
    counted = count_votes(rows, LABELS).clips.loc["c"]
    assert [counted[f"votes_{code}"] for code in range(4)] == [1, 0, 0, 2]
    assert counted["label"] == "sad"
