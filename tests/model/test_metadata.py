"""The metadata of a model file comes from the dataset that the model was trained on."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from emodal_model import load
from emodal_model.core.config import ModelConfig
from emodal_model.data.synthetic import draw_samples
from emodal_model.inference.metadata import about_model, feature_names
from emodal_model.training.train import train
from tests.model.conftest import write_dataset

NAMES = [f"name_{number}" for number in range(68)]


def named_dataset(folder: Path) -> Path:
    """A dataset with settings in its manifest and feature names in its shards, as a build writes them."""
    settings = {"clips": {"reel_size": 8}, "face": {"choose": "central"}, "audio": {"window_s": 0.04}}
    dataset = write_dataset(folder, {"config": settings}, train=draw_samples(24, seed=1))
    for path in (dataset / "data").glob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.replace_schema_metadata({"emodal": json.dumps({"feature_names": NAMES})}), path)
    return dataset


def test_a_trained_model_carries_feature_names_and_the_settings_of_its_reading(
    tmp_path: Path, tiny: ModelConfig
) -> None:
    train(named_dataset(tmp_path / "d"), tmp_path / "m", tiny.model_copy(update={"name": "audio"}))
    about = load(tmp_path / "m" / "audio.keras").about
    assert about["feature_names"] == NAMES
    assert (about["clips"], about["face"]) == ({"reel_size": 8}, {"choose": "central"})
    assert about["audio"] == {"window_s": 0.04}
    assert about["labels"] == ["angry", "happy", "neutral", "sad"]


def test_a_dataset_without_a_manifest_gives_empty_settings(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", train=draw_samples(4, seed=1))
    about = about_model(dataset, "hash", ModelConfig())
    assert (about["clips"], about["face"], about["audio"], about["feature_names"]) == ({}, {}, {}, [])
    (dataset / "data" / "train-00000-of-00001.parquet").write_bytes(b"damaged")
    assert feature_names(dataset) == []
