"""A report of clips that were never in a film."""

from pathlib import Path

import numpy as np
import pytest

from emodal_data.clips.gates import apply_gates
from emodal_data.core.config import DatasetConfig
from emodal_data.dataset.plan import plan_dataset
from tests.published import fake_clips, publish, with_votes_for_labels

#: A film may be called anything its file system allows.
HOSTILE_NAME = 'f7 <img src=x onerror="document.title=1">, "é" & co.mp4'


def write_fake_report(folder: Path, films: int = 8, per_film: int = 12) -> Path:
    """A dataset with its report: 96 clips, every eighth without a face, some turned away, some with two votes.

    Four persons take turns, and each clip has a text and its loudness as the annotator heard it.
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
