"""The contact sheet: an image of some faces of a dataset, one row for each class."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from emodal_data.core.label_words import counted_classes
from emodal_data.core.schema import class_names
from emodal_data.dataset.read import read_samples

_FACES_A_ROW = 12
_SIDE_PX = 96
_CAPTION_PX = 22
_JPEG_QUALITY = 80


def contact_sheet(dataset: Path) -> bytes:
    """Up to 12 unaugmented faces of each class, spread evenly over the dataset, as a JPEG. dataset: its folder.

    Without classes, of all clips.
    """
    samples = read_samples(dataset, [])
    originals = samples[samples["augmentation_index"] == 0]
    classes = class_names(pq.read_schema(samples["shard"].iloc[0]))
    rows = [_row(originals[originals["label"] == label], label) for label in counted_classes(classes)]
    unlabelled = originals[originals["label"].isna()]
    if len(unlabelled):
        rows.append(_row(unlabelled, "unlabelled"))
    _, data = cv2.imencode(".jpg", np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()


def _row(samples: pd.DataFrame, name: str) -> np.ndarray:
    """A caption and a row of faces, (22 + 96, 12 * 96) uint8; empty places are white."""
    row: np.ndarray = np.full((_CAPTION_PX + _SIDE_PX, _FACES_A_ROW * _SIDE_PX), 255, dtype=np.uint8)
    caption = f"{name}: {len(samples)}"
    cv2.putText(row, caption, (4, _CAPTION_PX - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0,), 1, cv2.LINE_AA)
    picks = np.unique(
        np.linspace(0, max(len(samples) - 1, 0), min(_FACES_A_ROW, len(samples))).round().astype(int)
    )
    for column, (shard, shard_row) in enumerate(samples.iloc[picks][["shard", "shard_row"]].to_numpy()):
        image = pq.read_table(shard, columns=["image"])["image"][int(shard_row)].as_py()
        if image is None:  # a clip without a picture leaves its place white
            continue
        face = cv2.imdecode(np.frombuffer(image["bytes"], np.uint8), cv2.IMREAD_GRAYSCALE)
        left = column * _SIDE_PX
        row[_CAPTION_PX:, left : left + _SIDE_PX] = cv2.resize(
            face, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA
        )
    return row
