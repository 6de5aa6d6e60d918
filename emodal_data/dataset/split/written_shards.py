"""The leakage check of a dataset whose shards are written: from what they hold, faces too."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from emodal_data.core.config import SplitConfig
from emodal_data.dataset.read import read_samples
from emodal_data.dataset.split.groups import group_of, id_columns
from emodal_data.dataset.split.leakage_check import check_leaks
from emodal_data.face.perceptual_hash import face_hash


def check_shards(dataset: Path, config: SplitConfig, rows: pd.DataFrame) -> dict[str, Any]:
    """As check_leaks. rows: the ledger of the dataset."""
    samples = read_samples(dataset, ["film", "speaker", "start_s", "end_s", "fold"])
    clips = samples[samples["augmentation_index"] == 0].set_index("clip_id")
    ids = id_columns(rows, clips, config)
    clips = clips.assign(group=group_of(clips, config.group_by, ids), face_hash=face_hashes(clips))
    return check_leaks(samples, clips, config, ids)


def face_hashes(clips: pd.DataFrame) -> pd.Series:
    """The perceptual hash of each clip's face in the shards. clips: of read_samples, indexed by clip_id."""
    hashes = {}
    for path, of_shard in clips.groupby("shard"):
        images = pq.read_table(path, columns=["image"])["image"]
        for clip_id, row in of_shard["shard_row"].items():
            if (image := images[row].as_py()) is not None:
                png = np.frombuffer(image["bytes"], np.uint8)
                hashes[clip_id] = face_hash(np.asarray(cv2.imdecode(png, cv2.IMREAD_GRAYSCALE), np.uint8))
    return pd.Series(hashes, dtype=object).reindex(clips.index)
