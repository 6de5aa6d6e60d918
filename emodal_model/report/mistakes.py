"""The worst mistakes: clips with the most confident wrong answers, with face and, if there are, frame and sound."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emodal_model.data.image_frames import frames_in, has_colours
from emodal_model.data.previews import Preview, read_previews
from emodal_model.data.samples import Samples, shards


@dataclass(frozen=True)
class Mistake:
    """A misclassified clip. png (of the face), frame, sound: data URIs, "" if there is none."""

    clip_id: str
    film: str
    label: str
    answer: str
    shares: list[tuple[str, float]]
    png: str
    sound: str
    frame: str = ""


#: Most bytes of frames and sounds in the page; those of the worst mistakes come first.
MOST_BYTES: Final = 3_000_000


def worst_mistakes(
    test: Samples, probabilities: np.ndarray, dataset: Path | None = None, most: int = 12
) -> list[Mistake]:
    """At most `most` mistakes, the most confident first; none without classes.

    probabilities: (n, classes), NaN without an answer. dataset: the folder whose report has frames and sounds; a sound
    that it lacks is that of the shards. Together they have MOST_BYTES at most.
    """
    if not test.classes:
        return []
    answered = ~np.isnan(probabilities[:, 0])
    wrong = np.flatnonzero(answered & (probabilities.argmax(axis=1) != test.labels))
    chosen = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:most]
    clip_ids = [str(clip_id) for clip_id in test.clip_ids[chosen]]
    previews = _previews(dataset, clip_ids) if dataset else {}
    return [
        Mistake(
            clip_id=str(test.clip_ids[i]),
            film=str(test.films[i]),
            label=test.classes[test.labels[i]],
            answer=test.classes[int(probabilities[i].argmax())],
            shares=list(zip(test.classes, probabilities[i].tolist(), strict=True)),
            png=_png(test.images[i]) if test.has_image[i] else "",
            sound=preview.sound,
            frame=preview.frame,
        )
        for i, preview in zip(chosen, (previews.get(clip_id, Preview()) for clip_id in clip_ids), strict=True)
    ]


def _previews(dataset: Path, clip_ids: list[str]) -> dict[str, Preview]:
    """Frames and sounds within MOST_BYTES."""
    found = read_previews(dataset, clip_ids)
    silent = [clip_id for clip_id in clip_ids if not found.get(clip_id, Preview()).sound]
    sounds = sounds_of(dataset, silent) if silent else {}
    left, shown = MOST_BYTES, {}
    for clip_id in clip_ids:
        preview = found.get(clip_id, Preview())
        parts = []
        for part in (preview.frame, preview.sound or sounds.get(clip_id, "")):
            parts.append(part if len(part) <= left else "")
            left -= len(parts[-1])
        shown[clip_id] = Preview(*parts)
    return shown


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
    """image: (128, 128), gray or with three colours, or (frames, ...), of which the first is shown."""
    image = image[0] if frames_in(image.shape) > 1 else image
    image = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR)) if has_colours(image.shape) else image
    return _data_uri("image/png", cv2.imencode(".png", image)[1].tobytes())


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
