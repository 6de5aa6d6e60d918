"""Croissant: the reference reader accepts the description, and reads from it what the shards hold."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from published import written

from emodal_data import read_split
from emodal_data.config import DatasetConfig
from emodal_data.croissant import make_croissant
from emodal_data.schema import LABELS, SPLITS, shard_schema

mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant comes with the dev extra")


def test_the_records_are_the_rows_of_the_shards(tmp_path: Path) -> None:
    config = DatasetConfig.model_validate({"shards": {"rows": 20}})
    folder = written(tmp_path, "dataset", config)
    dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    records = {record["samples/sample_id"].decode(): record for record in dataset.records("samples")}
    rows = [row | {"split": split} for split in SPLITS for row in read_split(folder, split).to_pylist()]
    assert len(rows) == len(records) == 46
    for row in rows:
        record = {name.removeprefix("samples/"): value for name, value in records[row["sample_id"]].items()}
        assert set(record) == set(row)
        face = cv2.imdecode(np.frombuffer(row.pop("image")["bytes"], np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(np.asarray(record.pop("image")), face)
        assert list(map(float, record.pop("audio_features"))) == row.pop("audio_features")
        for name, value in row.items():
            found = record[name].decode() if isinstance(value, str) else record[name]
            assert found == value, name


def test_the_classes_are_named(tmp_path: Path) -> None:
    dataset = mlcroissant.Dataset(jsonld=written(tmp_path, "dataset") / "croissant.json")
    named = {record["labels/value"]: record["labels/name"] for record in dataset.records("labels")}
    assert named == dict(enumerate(LABELS))


def test_every_column_of_the_schema_is_described(tmp_path: Path) -> None:
    manifest = json.loads((written(tmp_path, "dataset") / "manifest.json").read_bytes())
    schema = shard_schema(["f"] * 68, {}, ["loudness", "jitter"])
    described = make_croissant(schema, manifest)["recordSet"][1]["field"]
    fields = {field["@id"]: field for field in described}
    assert list(fields) == ["samples/split", *(f"samples/{name}" for name in schema.names)]
    assert all(field["description"] for field in described)
    assert fields["samples/audio_features"]["arrayShape"] == "68"
    assert fields["samples/egemaps"]["arrayShape"] == "2"
