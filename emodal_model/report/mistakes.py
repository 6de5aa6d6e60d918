"""The worst mistakes: clips with the most confident wrong answers, with their face and, if available, sound."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_model.data.samples import Samples, shards


@dataclass(frozen=True)
class Mistake:
    """A misclassified clip. png, sound: data URIs, "" if there is none."""

    clip_id: str
    film: str
    label: str
    answer: str
    shares: list[tuple[str, float]]
    png: str
    sound: str


def worst_mistakes(
    test: Samples, probabilities: np.ndarray, dataset: Path | None = None, most: int = 12
) -> list[Mistake]:
    """At most `most` mistakes, the most confident first; none without classes.

    probabilities: (n, classes), NaN without an answer. dataset: the folder with the sounds.
    """
    if not test.classes:
        return []
    answered = ~np.isnan(probabilities[:, 0])
    wrong = np.flatnonzero(answered & (probabilities.argmax(axis=1) != test.labels))
    chosen = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:most]
    sounds = sounds_of(dataset, test.clip_ids[chosen].tolist()) if dataset and len(chosen) else {}
    return [
        Mistake(
            clip_id=str(test.clip_ids[i]),
            film=str(test.films[i]),
            label=test.classes[test.labels[i]],
            answer=test.classes[int(probabilities[i].argmax())],
            shares=list(zip(test.classes, probabilities[i].tolist(), strict=True)),
            png=_png(test.images[i]) if test.has_image[i] else "",
            sound=sounds.get(str(test.clip_ids[i]), ""),
        )
        for i in chosen
    ]


def sounds_of(dataset: Path, clip_ids: Iterable[str]) -> dict[str, str]:
    """Data URIs of the sounds of test clips, from the optional column `audio`; empty without that column."""
    wanted = pa.array(sorted(set(clip_ids)), pa.string())
    found: dict[str, str] = {}
    for path in shards(dataset, "test"):
        with pq.ParquetFile(path) as file:
            if "audio" not in file.schema_arrow.names:
                return {}
            for group in range(file.num_row_groups):
                ids = file.read_row_group(group, columns=["clip_id"])["clip_id"]
                mask = pa.compute.is_in(ids, value_set=wanted)
                if not pa.compute.any(mask).as_py():
                    continue
                table = file.read_row_group(group, columns=["clip_id", "audio"]).filter(mask)
                for clip_id, audio in zip(
                    table["clip_id"].to_pylist(), table["audio"].to_pylist(), strict=True
                ):
                    if audio and audio.get("bytes"):
                        found[clip_id] = _data_uri("audio/flac", audio["bytes"])
    return found


def _png(image: np.ndarray) -> str:
    """image: (128, 128), or (frames, 128, 128), of which the first is shown."""
    image = image if image.ndim == 2 else image[0]
    return _data_uri("image/png", cv2.imencode(".png", image)[1].tobytes())


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
