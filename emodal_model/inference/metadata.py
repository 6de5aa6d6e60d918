"""The metadata of a model: labels, names of its 68 features, and the settings with which faces and sound were read.

Every .keras file holds it as emodal.json, and every export has it too: the inputs cannot be made without it.
"""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from emodal_model.core.config import ModelConfig, PictureName
from emodal_model.core.errors import ModelInputError
from emodal_model.core.versions import versions
from emodal_model.data.samples import learned_targets, read_classes, read_manifest, shards

#: The member of a .keras file with the metadata.
ABOUT = "emodal.json"
#: Sections of the dataset's configuration that decide how faces and sound are read.
READING = ("clips", "face", "audio")


def about_model(
    dataset: Path, data_hash: str, config: ModelConfig, by_frames: bool = False
) -> dict[str, Any]:
    """The metadata of a network trained on this dataset, as JSON values.

    clips, face, audio, label_settings: the dataset's settings; empty if its manifest has none. feature_names: the 68 in
    order, of a clip or (by_frames) of a frame; empty if the shards do not name them.
    """
    settings = read_manifest(dataset).get("config", {})
    return {
        "labels": list(read_classes(dataset)),
        "label_settings": settings.get("labels", {}),
        "targets": list(learned_targets(dataset, config.targets)),
        "feature_names": feature_names(dataset, by_frames),
        **{section: settings.get(section, {}) for section in READING},
        "dataset_hash": data_hash,
        "config": config.model_dump(mode="json"),
        "versions": versions(),
    }


def feature_names(dataset: Path, by_frames: bool = False) -> list[str]:
    """The names of the 68 speech features, from the metadata of the training shards; empty if they have none.

    by_frames: the names of the 68 of a frame.
    """
    key = "short_term_names" if by_frames else "feature_names"
    for path in shards(dataset, "train"):
        try:
            metadata = pq.read_schema(path).metadata or {}
            return [str(name) for name in json.loads(metadata[b"emodal"])[key]]
        except (KeyError, ValueError, TypeError, OSError, pa.ArrowException):
            return []
    return []


def read_about(file: Path) -> dict[str, Any]:
    """The metadata of a .keras file, without loading it. Raises ModelInputError if it was not written by emodal."""
    try:
        with zipfile.ZipFile(file) as archive:
            about = json.loads(archive.read(ABOUT))
    except KeyError as exc:
        raise ModelInputError(f"{file}: a Keras model, but not written by emodal train") from exc
    except (OSError, ValueError, zipfile.BadZipFile) as exc:
        raise ModelInputError(f"{file}: not a model of emodal train, or damaged") from exc
    if not isinstance(about, dict):
        raise ModelInputError(f"{file}: not a model of emodal train, or damaged")
    return about


def picture_of(about: Mapping[str, Any]) -> PictureName:
    """The picture that a model takes (model.input). Raises ModelInputError if its metadata names none that there is."""
    try:
        name = about.get("config", {}).get("input", "image")  # a model of before the setting does not name it
        return ModelConfig(input=name).input
    except (AttributeError, ValidationError) as exc:
        raise ModelInputError(
            "the model's picture (input) is not what emodal train writes: train it again"
        ) from exc


def model_files(path: Path) -> list[Path]:
    """The .keras files of a model folder, by name, or the one file given."""
    return sorted(path.glob("[!.]*.keras")) if path.is_dir() else [path]


def model_file(path: Path) -> Path:
    """The .keras file itself; of a folder emodal.keras, else its only one. Raises ModelInputError without one."""
    files = model_files(path)
    named = [file for file in files if file.name == "emodal.keras"]
    file = named[0] if named else files[0] if len(files) == 1 else None
    if file is None or not file.is_file():
        raise ModelInputError(f"{path}: no model here (no emodal.keras); run emodal train first")
    return file
