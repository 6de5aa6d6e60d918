"""Datasets that were published from clips that were never in a film."""

import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from emodal_data.clips.gates import apply_gates
from emodal_data.clips.plan import ingest_key
from emodal_data.clips.store import read_measures, write_reel
from emodal_data.clips.tables import Table
from emodal_data.core.config import DatasetConfig
from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS
from emodal_data.core.reasons import Reason
from emodal_data.core.schema import EXPRESSION_NAMES
from emodal_data.core.versions import package_versions
from emodal_data.dataset.ledger import write_ledger
from emodal_data.dataset.manifest import make_manifest
from emodal_data.dataset.plan import DatasetPlan, PlannedShards, plan_dataset
from emodal_data.dataset.reused_shards import reuse_shards
from emodal_data.dataset.shard_writing import write_shard
from emodal_data.dataset.shards import ShardSettings
from emodal_data.dataset.split.leak_price import leak_price
from emodal_data.media.encoders import encode_image, encode_png, pcm16, preview_frame, preview_sound
from emodal_data.presentation.describe import describe_dataset

CLEAR = {
    "face_score": 0.9,
    "landmark_score": 0.9,
    "face_width_px": 200.0,
    "sharpness": 0.2,
    "yaw_deg": 3.0,
    "pitch_deg": -2.0,
    "roll_deg": 1.0,
    "mirrored_fraction": 0.0,
    "faces_in_frame": 1,
    "dominance": 1.0,
    "outside_fraction": 0.0,
    "blur_px": 0.2,
    "view_score": 0.9,
    "x0": 10.0,
    "y0": 10.0,
    "x1": 210.0,
    "y1": 210.0,
    "audio_rms": 0.1,
    "audio_peak": 0.5,
    "audio_clipped_fraction": 0.0,
    "audio_is_constant": False,
    "audio_is_finite": True,
    "frame_s": 0.48,
    "frame_error_s": 0.02,
    "corrupt_frames": 0,
    "missing_samples": 0,
    "frame_width_px": 640.0,
    **dict.fromkeys(EXPRESSION_NAMES, 0.25),
}


def complete(table: pd.DataFrame, declared: Table) -> pd.DataFrame:
    """The table with nulls for the declared columns that it lacks, and numbers where numbers are declared."""
    table = table.reindex(columns=list(dict.fromkeys([*table, *declared.columns.names])))
    for field in declared.columns:
        values = table[field.name]
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
            table[field.name] = values.astype(float) if values.dtype.kind not in "iuf" else values
        elif not pa.types.is_boolean(field.type) or values.dtype.kind != "b":
            table[field.name] = values.astype(object)
    return table


class Drawn(NamedTuple):
    """A face and a voice of noise, and what the report shows of them."""

    face: np.ndarray
    pcm: np.ndarray
    face_hash: bytes
    previews: dict[str, bytes]


@cache  # encoding previews takes a fifth of the time of a small dataset
def drawn(clips: int) -> list[Drawn]:
    """As many faces and voices, the same in every call."""
    draw = np.random.default_rng(0)
    found = []
    for _ in range(clips):
        face = draw.integers(0, 256, (128, 128), dtype=np.uint8)
        pcm = pcm16(0.1 * draw.standard_normal(16_000))
        previews = {
            "preview_frame": preview_frame(np.dstack([face] * 3)),
            "preview_sound": preview_sound(pcm),
        }
        found.append(Drawn(face, pcm, draw.bytes(32), previews))
    return found


def fake_clips(
    store: Path, films: int = 5, per_film: int = 4, config: DatasetConfig | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Annotation rows, clips and measures of clips that were never in a film; every eighth has no face."""
    config = config or DatasetConfig()
    key = ingest_key(config.clips, config.face)
    rows, places = [], {}
    noise = iter(drawn(films * per_film))
    for film in range(films):
        stored = []
        file = store / f"f{film}-{film:012}" / f"{key}-reel.parquet"
        for clip in range(per_film):
            clip_id = f"c{film:02}{clip:02}"
            row = {"clip_id": clip_id, "film": f"f{film}.mp4", "start_s": float(clip), "end_s": clip + 1.0}
            rows.append(row | {"row": len(rows) + 2, "label": LABELS[clip % 4], "speaker": f"s{film}"})
            face, pcm, face_hash, frame = next(noise)
            seen = CLEAR | {"image": encode_png(face), "audio": pcm.tobytes(), "face_hash": face_hash}
            looks = {
                "rgb": np.dstack([face, face[::-1], face.T]),
                "gray": face,
                "context": np.dstack([face] * 3),
            }
            seen |= {
                f"image_{name}": encode_image(looks[name], config.face.view_format)
                for name in config.face.views
            }
            if config.face.frames > 1:  # the last of the frames of each clip is blurred
                frame = CLEAR | {name: seen[name] for name in seen if name.startswith("image")}
                seen["frames"] = [frame | {"time_s": clip + n / 10} for n in range(config.face.frames)]
                seen["frames"][-1]["blur_px"] = 2.0
            unseen = {"reason": Reason.NO_FACE.value, "detail": "nobody there"}
            stored.append(row | frame | (unseen if len(rows) % 8 == 0 else seen))
            places[clip_id] = (file, clip)
        write_reel(file, stored)
    table = pd.DataFrame(rows)
    table = with_votes_for_labels(
        table.assign(annotator="", reason=None, measured=np.nan, detail=None, note="kept as it is")
    )
    clips = table.set_index("clip_id")[["film", "start_s", "end_s", "label", "speaker"]]
    clips = clips.assign(label_confidence=1.0, votes=1, tied=False)
    one_each = {f"votes_{code}": (clips["label"] == label).astype(int) for code, label in enumerate(LABELS)}
    return table, clips.assign(**one_each), read_measures(places)


def with_votes_for_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, each with a vote for its label."""
    labels = rows["label"].astype(object).where(rows["label"].notna(), None)
    return rows.assign(label_as_written=labels, label_mapped_to=labels)


def planned(folder: Path, config: DatasetConfig | None = None, films: int = 5) -> DatasetPlan:
    config = config or DatasetConfig()
    rows, clips, measures = fake_clips(folder, films, config=config)
    clear = apply_gates(clips, measures, config.clips, config.face, config.audio)
    return plan_dataset(rows, clear, config)


def written(tmp_path: Path, name: str, config: DatasetConfig | None = None) -> Path:
    """A dataset in tmp_path/name and its store in tmp_path/clips: copies, as a small dataset takes half a second."""
    made = _made_once((config or DatasetConfig()).model_dump_json())
    shutil.copytree(made / "clips", tmp_path / "clips", dirs_exist_ok=True)
    return shutil.copytree(made / "dataset", tmp_path / name)


@cache
def _made_once(settings: str) -> Path:
    folder = Path(tempfile.mkdtemp())  # in the folder of all temporary files, which goes with the run
    written_anew(folder, "dataset", DatasetConfig.model_validate_json(settings))
    return folder


def written_anew(tmp_path: Path, name: str, config: DatasetConfig) -> Path:
    """As written, but made by this call: for tests of how datasets are made."""
    return publish(planned(tmp_path / "clips", config), tmp_path / name, config)


def publish(
    plan: DatasetPlan,
    folder: Path,
    config: DatasetConfig,
    film_hash: str = "0" * 64,
    before: Path | None = None,
) -> Path:
    """Write a dataset as a build does. before: the dataset that stands there."""
    manifest = publish_shards(plan, folder, config, film_hash, before)
    if config.report.leak_price:
        manifest["leak_price"] = leak_price(folder)
    write_ledger(folder / "ledger.parquet", plan.ledger)
    describe_dataset(folder, manifest, folder.parent / "clips", before)
    return folder


def publish_shards(
    plan: DatasetPlan,
    folder: Path,
    config: DatasetConfig,
    film_hash: str = "0" * 64,
    before: Path | None = None,
) -> dict[str, Any]:
    """Write the shards of a dataset; its manifest is returned."""
    versions = package_versions()
    wanted = PlannedShards(plan, folder, config.shards.rows)
    kept, missing = reuse_shards(before or folder / "none", wanted, ShardSettings.of(config, versions))
    todo = [replace(wanted[number], previous=files) for number, files in missing.items()]
    made = {shard.name: shard for shard in [*kept, *(write_shard(shard, config) for shard in todo)]}
    shards = [made[path.name] for path in wanted.paths]
    return make_manifest(plan, config, shards, versions, {"f0.mp4": film_hash}, "1" * 64)
