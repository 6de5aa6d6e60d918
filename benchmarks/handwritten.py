"""A handwritten script to compare with: ffmpeg-python, a loop over the spreadsheet, one Parquet file at the end.

python benchmarks/handwritten.py FILMS SPANS.csv OUT [--clips 24] [--pool] [--copies 4]
Three commands a clip (cut, png, wav) in one process; with --pool one ffmpeg a clip, in a process for each core.
--copies: augmented samples of four clips in five, its training split. Face stage, thresholds and augmentation are those
of emodal, so that only the rest of the pipeline differs. It has no ledger, leakage check, report or incremental build.
"""

import argparse
import functools
import os
import subprocess
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import cv2
import ffmpeg
import imageio_ffmpeg
import numpy as np
import pandas as pd
from pyAudioAnalysis import MidTermFeatures, audioBasicIO

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.dataset.augment.clip import augment_clip
from emodal_data.face import FaceBackend, create_backend, find_face

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def cut_in_three(film: Path, start_s: float, end_s: float, stem: Path) -> None:
    """Cut the clip, take its middle frame, take its sound."""
    cut, png, wav = (f"{stem}.{kind}" for kind in ("mp4", "png", "wav"))
    _run(ffmpeg.input(str(film), ss=start_s, t=end_s - start_s).output(cut).get_args())
    with av.open(cut) as container:  # imageio-ffmpeg has no ffprobe
        middle_s = container.duration / 2e6
    _run(ffmpeg.input(cut, ss=middle_s).output(png, vframes=1).get_args())
    _run(ffmpeg.input(cut).output(wav, ac=1, ar=16000).get_args())


def cut_at_once(film: Path, start_s: float, end_s: float, stem: Path) -> None:
    """Frame and sound of the clip by one ffmpeg that seeks in the film."""
    picture = ["-ss", f"{(end_s - start_s) / 2}", "-frames:v", "1", f"{stem}.png"]
    sound = ["-t", f"{end_s - start_s}", "-vn", "-ac", "1", "-ar", "16000", f"{stem}.wav"]
    _run(["-ss", f"{start_s}", "-i", str(film), *picture, *sound])


def _run(arguments: list[str]) -> None:
    subprocess.run([FFMPEG, "-y", "-v", "error", *arguments], check=True, stdin=subprocess.DEVNULL)


@functools.cache
def the_backend() -> FaceBackend:
    return create_backend("embedded")


def read_clip(stem: Path, copies: int) -> list[dict[str, Any]]:
    """Face and features of a cut clip and of its augmented samples; none without a clear face."""
    backend = the_backend()
    rgb = cv2.cvtColor(cv2.imread(f"{stem}.png"), cv2.COLOR_BGR2RGB)
    try:
        found = find_face(rgb, backend, FaceConfig())
    except Dropped:
        return []
    if face_gate(found.measures, FaceConfig()):
        return []
    rate, signal = audioBasicIO.read_audio_file(f"{stem}.wav")
    made = [augment_clip(found.image, signal, stem.name, copy, 0) for copy in range(copies + 1)]
    return [
        asdict(found.measures)
        | {"image": cv2.imencode(".png", image)[1].tobytes(), "audio_features": features_of(sound, rate)}
        for image, sound, _ in made
    ]


def features_of(signal: np.ndarray, rate: int) -> np.ndarray:
    features, _, _ = MidTermFeatures.mid_feature_extraction(
        signal, rate, len(signal), len(signal), round(0.050 * rate), round(0.025 * rate)
    )
    made: np.ndarray = features[:, 0].astype(np.float32)
    return made


def do_clip(job: tuple[Path, pd.Series, Path, bool, int]) -> list[dict[str, Any]]:
    film, span, stem, at_once, copies = job
    (cut_at_once if at_once else cut_in_three)(film, span["start"], span["end"], stem)
    return [span.to_dict() | sample for sample in read_clip(stem, copies)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", type=Path)
    parser.add_argument("spans", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=int, help="only so many, evenly from the table")
    parser.add_argument("--pool", action="store_true")
    parser.add_argument("--copies", type=int, default=0)
    args = parser.parse_args()
    spans = pd.read_csv(args.spans)
    if args.clips:
        spans = spans.iloc[np.linspace(0, len(spans) - 1, args.clips).round().astype(int)]
    args.out.mkdir(parents=True, exist_ok=True)
    jobs = [
        (args.films / span["film"], span, args.out / f"{row:05}", args.pool, args.copies if row % 5 else 0)
        for row, span in spans.iterrows()
    ]
    if args.pool:
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            done = list(pool.map(do_clip, jobs))
    else:
        done = [do_clip(job) for job in jobs]
    pd.DataFrame([sample for samples in done for sample in samples]).to_parquet(args.out / "dataset.parquet")


if __name__ == "__main__":
    main()
