"""Croissant: the reference reader accepts the description, and reads from it what the shards hold."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from emodal_data import read_split
from emodal_data.core.config import DatasetConfig
from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS
from emodal_data.core.schema import SPLITS, shard_schema
from emodal_data.presentation.croissant import make_croissant
from tests.published import written


def read(folder: Path) -> Any:
    """What the reference reader makes of the description. Every test process collects this file; one runs it."""
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant comes with the dev extra")
    return mlcroissant.Dataset(jsonld=folder / "croissant.json")


def test_the_records_are_the_rows_of_the_shards(tmp_path: Path) -> None:
    settings = {"shards": {"rows": 20}, "audio": {"short_term": True}}
    config = DatasetConfig.model_validate(
        settings | {"face": {"views": ["rgb"], "view_format": "png", "frames": 3}}
    )
    folder = written(tmp_path, "dataset", config)
    dataset = read(folder)
    assert not dataset.metadata.ctx.issues.errors
    records = {record["samples/sample_id"].decode(): record for record in dataset.records("samples")}
    rows = [row | {"split": split} for split in SPLITS for row in read_split(folder, split).to_pylist()]
    assert len(rows) == len(records) == 46
    for row in rows:
        record = {name.removeprefix("samples/"): value for name, value in records[row["sample_id"]].items()}
        assert set(record) == set(row)
        face = cv2.imdecode(np.frombuffer(row.pop("image")["bytes"], np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(np.asarray(record.pop("image")), face)
        colour = cv2.imdecode(np.frombuffer(row.pop("image_rgb")["bytes"], np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(np.asarray(record.pop("image_rgb")), colour[..., ::-1])
        for name in ("image_frames", "image_rgb_frames"):
            files = row.pop(name)
            assert record.pop(name) == ([file["bytes"] for file in files] if files else None)
        assert list(map(float, record.pop("audio_features"))) == row.pop("audio_features")
        frames = np.stack([np.asarray(frame, np.float32) for frame in record.pop("short_term_features")])
        np.testing.assert_array_equal(frames, np.float32(row.pop("short_term_features")))
        assert list(record.pop("frame_times_s")) == row.pop("frame_times_s")
        for name, value in row.items():
            found = record[name].decode() if isinstance(value, str) else record[name]
            assert found == value, name


def test_the_classes_are_named(tmp_path: Path) -> None:
    dataset = read(written(tmp_path, "dataset"))
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
    framed = make_croissant(shard_schema(["f"] * 68, {}, (), ["short_term_features"]), manifest)
    assert framed["recordSet"][1]["field"][-1]["arrayShape"] == "-1,68"


def test_the_licence_of_the_films_is_passed_on_as_declared(tmp_path: Path) -> None:
    declared = {
        "film_licence": 'CC BY-NC 4.0, see "rights.txt"\nof the archive',
        "contact": "lab@example.org",
    }
    folder = written(tmp_path, "dataset", DatasetConfig.model_validate({"card": declared}))
    dataset = read(folder)
    assert not dataset.metadata.ctx.issues.errors
    assert dataset.metadata.license == [declared["film_licence"]]
    card = (folder / "README.md").read_text()
    front = yaml.safe_load(card.split("---")[1])
    told = 'CC BY-NC 4.0, see "rights.txt" of the archive'
    assert (front["license"], front["license_name"]) == ("other", told)
    assert f"declares for the films: {told}\n" in card
    assert "Contact: lab@example.org\n" in card
    plain = (written(tmp_path / "plain", "dataset") / "README.md").read_text()
    assert "license" not in yaml.safe_load(plain.split("---")[1])
    assert "has declared no licence for the films" in plain
    for text in (card, plain):
        assert "Regulation (EU) 2024/1689, Article 5(1)(f)" in text
        assert "## Intended use" in text
