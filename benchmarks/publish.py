"""Measures publishing: CPU of a sample by stage against its floors, and the memory of both processes at two sizes.

python benchmarks/publish.py [--sizes 768 3074] [--out docs/benchmarks]
No film is read: the clip store has a few hundred pictures and sounds under many names. There are 3.775 samples for each
clip, as in the poster's 11,606 of 3,074. Times are CPU times of the parent and its one worker.
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from audio_features import framed, syllables
from sheet import finish, machine

from emodal_data.audio_features import clip_features
from emodal_data.clips.gates import apply_gates
from emodal_data.clips.plan import ingest_key
from emodal_data.clips.store import read_measures, stored_clips, write_reel
from emodal_data.core.config import DatasetConfig
from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS
from emodal_data.core.versions import package_versions
from emodal_data.core.worker_pool import WorkerPool
from emodal_data.dataset.augment.clip import augment_clip
from emodal_data.dataset.ledger import write_ledger
from emodal_data.dataset.manifest import make_manifest
from emodal_data.dataset.plan import PlannedShards, plan_dataset
from emodal_data.dataset.shard_writing import write_shard
from emodal_data.media.encoders import encode_png, preview_frame, preview_sound
from emodal_data.presentation.describe import describe_dataset

SAMPLES_PER_CLIP = 11606 / 3074
REEL, SECONDS, DIFFERENT = 32, 3.0, 256
#: Measures of a clear face; missing ones are null or do not matter.
CLEAR = {
    **dict.fromkeys(("face_score", "landmark_score", "dominance", "view_score"), 0.9),
    **dict.fromkeys(("yaw_deg", "pitch_deg", "roll_deg", "mirrored_fraction", "outside_fraction"), 0.0),
    **{
        "face_width_px": 200.0,
        "sharpness": 0.2,
        "faces_in_frame": 1,
        "blur_px": 0.0,
        "frame_s": 0.5,
    },
    **{"x0": 0.0, "y0": 0.0, "x1": 200.0, "y1": 200.0, "frame_error_s": 0.0, "corrupt_frames": 0},
    **{"audio_rms": 0.1, "audio_peak": 0.5, "audio_clipped_fraction": 0.0, "missing_samples": 0},
    **{"audio_is_constant": False, "audio_is_finite": True},
}


def face_and_sound(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Smooth shading with a little noise, whose PNG is as large as a face's; and a signal like speech."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (12, 12)).astype(np.float32)
    shaded = cv2.resize(coarse, (128, 128), interpolation=cv2.INTER_CUBIC) + draw.normal(0, 2, (128, 128))
    return np.clip(shaded, 0, 255).astype(np.uint8), syllables(SECONDS, seed=seed)


def make_store(folder: Path, clips: int) -> pd.DataFrame:
    """A clip store of the given number of clips, 58 a film, and its annotation rows."""
    key = ingest_key(DatasetConfig().clips, DatasetConfig().face)
    made = []
    for seed in range(min(clips, DIFFERENT)):
        face, sound = face_and_sound(seed)
        preview = {
            "preview_frame": preview_frame(np.dstack([face] * 3)),
            "preview_sound": preview_sound(sound),
        }
        made.append(preview | {"image": encode_png(face), "audio": sound.tobytes()})
    draw = np.random.default_rng(0)
    rows = []
    for first in range(0, clips, REEL):
        stored = []
        for n in range(first, min(first + REEL, clips)):
            film, place = divmod(n, 58)
            span = {"clip_id": f"{n:020}", "film": f"f{film:03}.mp4", "start_s": 4.0 * place}
            span["end_s"] = span["start_s"] + SECONDS
            # Equal pictures would count as one scene in two splits.
            stored.append(span | CLEAR | made[n % DIFFERENT] | {"face_hash": draw.bytes(32)})
            rows.append(span | {"row": n + 2, "label": LABELS[n % 4], "speaker": f"s{film}"})
        write_reel(folder / f"reels-{0:012}" / f"{key}-{first:016}.parquet", stored)
    return pd.DataFrame(rows).assign(annotator="", reason=None, measured=np.nan, detail=None)


def publish(folder: Path, clips: int) -> dict[str, float]:
    """Publish a store as a build does: this process plans and describes, a worker writes the shards."""
    import flows.build_dataset  # noqa: F401  (a build's own process has Prefect loaded)

    rows = pd.read_parquet(folder / "rows.parquet")
    rows = rows.assign(label_as_written=rows["label"], label_mapped_to=rows["label"])
    config = DatasetConfig.model_validate({"augment": {"target_size": round(clips * SAMPLES_PER_CLIP)}})
    key = ingest_key(config.clips, config.face)
    table = rows.set_index("clip_id")[["film", "start_s", "end_s", "label", "speaker"]]
    votes = {f"votes_{code}": (table["label"] == label).astype(int) for code, label in enumerate(LABELS)}
    table = table.assign(label_confidence=1.0, votes=1, tied=False, **votes)
    laps = {"loaded_mb": peak_mb()}
    start_s = time.process_time()
    measures = read_measures(stored_clips(folder / "clips" / f"reels-{0:012}", key))
    plan = plan_dataset(rows, apply_gates(table, measures, config.clips, config.face, config.audio), config)
    laps["plan_s"] = time.process_time() - start_s
    pool = WorkerPool(1, config.clips.memory_mb)
    pool.run(600, time.sleep, 0)
    worker = next(child for child in psutil.Process().children(recursive=True) if is_worker(child))
    before_s = sum(worker.cpu_times()[:2])
    shards = [
        pool.run(3600, write_shard, shard, config)
        for shard in PlannedShards(plan, folder / "dataset", config.shards.rows)
    ]
    laps["shards_s"] = sum(worker.cpu_times()[:2]) - before_s
    laps["worker_mb"] = peak_mb(worker.pid)
    pool.close()
    start_s = time.process_time()
    write_ledger(folder / "dataset" / "ledger.parquet", plan.ledger)
    manifest = make_manifest(plan, config, shards, package_versions(), {"f000.mp4": "0" * 64}, "1" * 64)
    describe_dataset(folder / "dataset", manifest, folder / "clips")
    laps["describe_s"] = time.process_time() - start_s
    return laps | {"parent_mb": peak_mb(), "samples": len(plan.samples)}


def is_worker(process: psutil.Process) -> bool:
    return "spawn_main" in " ".join(process.cmdline())


def peak_mb(pid: int | None = None) -> float:
    if pid is None:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    status = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1]
    return int(status.split()[0]) / 1000


def stage_rows(repeats: int = 5) -> list[str]:
    """The cost of an augmented sample by stage, and the floor of each stage."""
    pairs = [face_and_sound(seed) for seed in range(64)]
    changed = [augment_clip(*pair, str(n), 1, 0)[:2] for n, pair in enumerate(pairs)]
    pngs = [encode_png(face) for face, _ in pairs]
    frames = framed(pairs[0][1])  # in the cache, as the features find theirs
    images = pa.array([{"bytes": png, "path": None} for png in pngs])
    features = pa.array([np.zeros(68, np.float32)] * 64, pa.list_(pa.float32(), 68))
    group = pa.table({"image": images, "audio_features": features})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "group.parquet"
        stages: dict[str, Callable[[], object]] = {
            "augment face and sound": lambda: [augment_clip(*p, str(n), 1, 0) for n, p in enumerate(pairs)],
            "68 features": lambda: [clip_features(sound) for _, sound in changed],
            "floor: the rffts alone": lambda: [len(np.fft.rfft(frames, axis=1)) for _ in changed],
            "PNG of the face": lambda: [encode_png(face) for face, _ in changed],
            "floor: PNG without compression": lambda: [
                cv2.imencode(".png", face, [cv2.IMWRITE_PNG_COMPRESSION, 0]) for face, _ in changed
            ],
            "Parquet, zstd": lambda: pq.write_table(group, file, compression="zstd"),
            "floor: Parquet, not compressed": lambda: pq.write_table(group, file, compression="none"),
        }
        rows = ["| stage | CPU ms a sample |", "|---|---|"]
        for name, work in stages.items():
            times = []
            for _ in range(repeats):
                start_s = time.process_time()
                work()
                times.append(time.process_time() - start_s)
            rows.append(f"| {name} | {1000 * statistics.median(times) / 64:.2f} |")
    return rows


def size_rows(sizes: list[int]) -> list[str]:
    head = ["clips", "samples", "plan", "shards", "describe", "all, ms a sample", "parent, MB", "worker, MB"]
    rows = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for clips in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_store(folder / "clips", clips).to_parquet(folder / "rows.parquet")
            command = [sys.executable, __file__, "--publish", name, "--sizes", str(clips)]
            laps = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        each = [1000 * laps[f"{part}_s"] / laps["samples"] for part in ("plan", "shards", "describe")]
        memory = f"{laps['parent_mb']:.0f} ({laps['loaded_mb']:.0f} before) | {laps['worker_mb']:.0f}"
        cells = [f"{clips}", f"{laps['samples']}", *(f"{ms:.2f}" for ms in each), f"{sum(each):.2f}", memory]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[768, 3074])
    parser.add_argument("--publish", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.publish:
        print(json.dumps(publish(args.publish, args.sizes[0])))
        return
    body = [
        f"{machine('numpy', 'opencv-python', 'pyarrow')}. CPU time. `python benchmarks/publish.py` makes this file.",
        "",
        f"## Publishing clips of {SECONDS:g} s, one worker",
        "",
        "CPU ms a sample; peak memory of the process that plans and describes (Prefect loaded) and of the worker.",
        "",
        *size_rows(args.sizes),
        "",
        "## One augmented sample",
        "",
        *stage_rows(),
    ]
    finish("publish", "Publishing", "\n".join(body), args.out)


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()
