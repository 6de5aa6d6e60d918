"""A report of clips that were never in a film."""

from pathlib import Path

import numpy as np
import pytest

from emodal_data.clips.gates import apply_gates
from emodal_data.clips.store import load_reel, write_reel
from emodal_data.core.config import DatasetConfig
from emodal_data.dataset.plan import plan_dataset
from emodal_data.media.encoders import preview_frame
from tests.published import fake_clips, publish, with_votes_for_labels

#: A film may be called anything its file system allows.
HOSTILE_NAME = 'f7 <img src=x onerror="document.title=1">, "é" & co.mp4'


def _curve(*values: float) -> bytes:
    return np.array(values, "<f2").tobytes()


TRACKS = {
    "start_s": 0.0,
    "end_s": 1.0,
    "voice": _curve(0, 0.5, 1, 1, 0.5, 0, 0, 0),
    "mouths": [_curve(*[0.01] * 8), _curve(0.1, 0.2, 0.1, np.nan, np.nan, 0.1, 0.2, 0.1)],
    "scores": [0.04, 0.9],
    "chosen": 1,
    "portraits": preview_frame(np.full((2 * 48, 8 * 48, 3), 200, np.uint8), 384),
}


def write_fake_report(folder: Path, films: int = 8, per_film: int = 12) -> Path:
    """A dataset with its report: 96 clips, every eighth without a face, some turned away, some with two votes.

    Four persons take turns, and each clip has a text and its loudness as the annotator heard it. In the first clip, two
    faces were followed: the second, which was seen twice, is that of the clip.
    """
    config = DatasetConfig.model_validate(
        {"shards": {"columns": ["text", "heard"]}, "face": {"persons": True}}
    )
    rows, clips, measures = fake_clips(folder / "clips", films, per_film, config)
    numbers = np.arange(len(rows))
    rows = rows.assign(
        person="",
        text=[f"Line {n}: {'no' if n % 5 else 'yes'}" for n in numbers],
        heard=(numbers % 7).astype(str),
    )
    faces = np.eye(4, dtype=np.float32)[numbers % 4]
    (reel,) = (folder / "clips").glob("f0-*/*.parquet")
    first, *others = load_reel(reel).to_pylist()
    write_reel(reel, [first | {"tracks": TRACKS}, *others])
    seen = measures["yaw_deg"].notna().tolist()
    measures["embedding"] = [
        face.tobytes() if is_seen else None for face, is_seen in zip(faces, seen, strict=True)
    ]
    for column in (
        "face_score",
        "face_width_px",
        "blur_px",
        "sharpness",
        "yaw_deg",
        "pitch_deg",
        "audio_rms",
    ):
        measures[column] *= np.linspace(1, 1.05, len(measures))
    measures.loc["c0100", "yaw_deg"] = -61.5
    clips.loc["c0101", ["label", "tied"]] = [None, True]
    second = rows.iloc[[0, 13]].assign(annotator="ben", label=["sad", "sad"], row=[900, 901])
    rows = rows.assign(annotator="anna")
    rows = with_votes_for_labels(type(rows)([*rows.to_dict("records"), *second.to_dict("records")]))
    for table in (rows, clips):
        table["film"] = table["film"].replace("f7.mp4", HOSTILE_NAME)
    clear = apply_gates(clips, measures, config.clips, config.face, config.audio)
    return publish(plan_dataset(rows, clear, config), folder / "dataset", config)


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_report(tmp_path_factory.mktemp("reported"))
