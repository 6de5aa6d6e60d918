"""What a model file says about itself: labels, the names of its 68 inputs, and how faces and sound were read.

Carried inside every .keras file as emodal.json and by every export: numbers without it mean nothing.
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emodal_model.config import ModelConfig
from emodal_model.input import LABELS, read_manifest, shards
from emodal_model.run import versions

#: Sections of the dataset's configuration that decide what a face and its sound become.
READING = ("clips", "face", "audio")


def about_model(dataset: Path, data_hash: str, config: ModelConfig) -> dict[str, Any]:
    """What a network trained on this dataset has to say, as JSON values.

    clips, face, audio: the dataset's settings, empty if its manifest has none; the same reading gives the same
    meaning. feature_names: the 68 in order, empty if the shards do not name them.
    """
    settings = read_manifest(dataset).get("config", {})
    return {
        "labels": list(LABELS),
        "feature_names": feature_names(dataset),
        **{section: settings.get(section, {}) for section in READING},
        "dataset_hash": data_hash,
        "config": config.model_dump(mode="json"),
        "versions": versions(),
    }


def feature_names(dataset: Path) -> list[str]:
    """The names of the 68 speech features, from the metadata of the training shards; empty if they have none."""
    for path in shards(dataset, "train"):
        try:
            metadata = pq.read_schema(path).metadata or {}
            return [str(name) for name in json.loads(metadata[b"emodal"])["feature_names"]]
        except (KeyError, ValueError, TypeError, OSError, pa.ArrowException):
            return []
    return []
