"""Datasets on disk, written as the contract says, from known-truth samples."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emodal_model.core.config import ModelConfig
from emodal_model.data.contract import FEATURES, FRAMES
from emodal_model.data.samples import Samples

#: Small enough that a network trains in a second.
TINY = ModelConfig(filters=(2, 2, 4), image_dense=8, epochs=2, batch_size=16, members=1)


def write_dataset(folder: Path, manifest: dict[str, Any] | None = None, **splits: Samples) -> Path:
    """folder/data/<split>-00000-of-0000N.parquet; splits of more than 20 samples in two shards."""
    (folder / "data").mkdir(parents=True)
    for split, samples in splits.items():
        parts = np.array_split(np.arange(len(samples)), 2 if len(samples) > 20 else 1)
        for number, rows in enumerate(parts):
            path = folder / "data" / f"{split}-{number:05d}-of-{len(parts):05d}.parquet"
            pq.write_table(_table(samples.take(rows)), path)
    classes = list(next((samples.classes for samples in splits.values()), ()))
    (folder / "manifest.json").write_text(
        json.dumps({"leak_proof": {}, "labels": classes} | (manifest or {}))
    )
    return folder


def _table(samples: Samples) -> pa.Table:
    frames = {} if samples.frames is None else {FRAMES: [row.tolist() for row in samples.frames]}
    pngs = [cv2.imencode(".png", image)[1].tobytes() for image in samples.images]
    return pa.table(
        {
            "clip_id": pa.array(samples.clip_ids.tolist(), pa.string()),
            "film": pa.array(samples.films.tolist(), pa.string()),
            "speaker": pa.array([s or None for s in samples.speakers.tolist()], pa.string()),
            **(
                {"label": pa.array([None if x < 0 else x for x in samples.labels.tolist()], pa.int64())}
                if samples.classes
                else {}
            ),
            "image": pa.array(
                _or_null([{"bytes": png, "path": None} for png in pngs], samples.has_image),
                pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
            ),
            "audio_features": pa.array(
                _or_null(samples.audio_features.tolist(), samples.has_audio), pa.list_(pa.float32(), FEATURES)
            ),
            "augmentation": pa.array(["none" if x else "flip" for x in samples.originals], pa.string()),
            **{
                name: pa.array(values, pa.float32(), from_pandas=True)
                for name, values in zip(samples.target_names, samples.targets.T, strict=True)
            },
            **{
                name: pa.array(rows, pa.list_(pa.list_(pa.float32(), FEATURES)))
                for name, rows in frames.items()
            },
        }
    )


def _or_null(values: list[Any], has: np.ndarray) -> list[Any]:
    return [value if present else None for value, present in zip(values, has, strict=True)]


@pytest.fixture
def tiny() -> ModelConfig:
    return TINY
