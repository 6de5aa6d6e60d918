"""Detects regressions by five ratios: each stage is measured against its own floor in this run, and has a limit.

python benchmarks/check.py          ends with 1 if a ratio is above its limit
The stage and its floor run in turns; the ratio is the median over the turns of their CPU times, so that a busy or slow
machine matters little.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from audio_features import framed, syllables
from media import by_film, draw_clips, floor_audio, floor_video, make_film
from sheet import machine
from skimage import data

from emodal_data.audio_features import clip_features
from emodal_data.core.config import AudioConfig, FaceConfig
from emodal_data.dataset.sample import make_sample
from emodal_data.dataset.shards import SampleSettings
from emodal_data.face import create_backend, find_face
from emodal_data.face.models import Model
from emodal_data.media.encoders import encode_png

Work = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """The cost of a stage over its floor."""

    name: str
    work: Work
    floor: Work
    limit: float
    turns: int = 9

    def measure(self) -> float:
        self.work(), self.floor()
        return statistics.median(cpu_s(self.work) / cpu_s(self.floor) for _ in range(self.turns))


def cpu_s(work: Work) -> float:
    """CPU seconds of this process and its finished children."""
    before = _used_s()
    work()
    return _used_s() - before


def _used_s() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def ratios(folder: Path) -> Iterator[Ratio]:
    film, clips = folder / "film.mp4", draw_clips(60, 20)
    make_film(film, 1280, 720, 60)
    yield Ratio(
        "frames and sound of 20 clips / decoding alone",
        lambda: by_film(film, clips),
        lambda: (floor_video(film, clips), floor_audio(film, clips)),
        1.6,  # 1.42 at a load of 12, before packets were read ahead
        5,
    )
    yield face_ratio()
    signal = syllables(3.5)
    frames = framed(signal)
    yield Ratio(
        "68 features of 3.5 s / their rffts",
        lambda: [clip_features(signal) for _ in range(20)],
        lambda: [np.fft.rfft(frames, axis=1) for _ in range(20)],
        3.5,  # 2.84 and 2.92 at a load of 12
    )
    yield sample_ratio()
    yield unchanged_ratio(folder)


def face_ratio() -> Ratio:
    """Detection, landmarks, frontal view and measures of one face, over its model invocations alone."""
    backend, config = create_backend("embedded"), FaceConfig()
    frame = np.zeros((720, 1280, 3), np.uint8)
    frame[100:612, 400:912] = data.astronaut()
    calls: list[tuple[Model, np.ndarray]] = []

    class Recorded(Model):
        def __call__(self, image: np.ndarray) -> list[np.ndarray]:
            calls.append((self, image))
            return invoke(self, image)

    invoke = Model.__call__
    with mock.patch.object(Model, "__call__", Recorded.__call__):
        find_face(frame, backend, config)
    return Ratio(
        "the face of a 720p frame / its models alone",
        lambda: [find_face(frame, backend, config) for _ in range(3)],
        lambda: [invoke(model, image) for _ in range(3) for model, image in calls],
        1.8,  # 1.66 to 1.76 on a quiet machine, nine medians of nine; a copy more shows
    )


def sample_ratio() -> Ratio:
    """An augmented sample, over its 68 features and its PNG alone."""
    face = np.ascontiguousarray(data.astronaut()[:128, 160:288, 1])
    png, sound = encode_png(face), syllables(3.5)
    settings = SampleSettings(AudioConfig(), 0, False)
    return Ratio(
        "an augmented sample / its features and PNG",
        lambda: [make_sample(png, sound.tobytes(), "clip", copy, settings) for copy in range(1, 21)],
        lambda: [(clip_features(sound), encode_png(face)) for _ in range(20)],
        3.5,  # 2.95 to 3.17 on a quiet machine
    )


def unchanged_ratio(folder: Path) -> Ratio:
    """A build without changes, over the import of the libraries that read its tables."""
    emodal = [sys.executable, "-m", "flows"]
    films = folder / "samples"
    run([*emodal, "sample-films", films, "--films", 2, "--clips-per-film", 4])
    build = [*emodal, "build", "--films", films / "films", "--annotations", films / "annotations.csv"]
    build += ["--out", folder / "build", "--no-train", "--set", "split.allow_imbalance=true"]
    build += ["--set", "engine.settle_s=0"]
    run(build)
    imports = "import pandas, pyarrow.parquet, pydantic, cv2, av"
    return Ratio(
        "a build with nothing to do / its imports",
        lambda: run(build),
        lambda: run([sys.executable, "-c", imports]),
        3.3,  # 2.87 at a load of 12
        5,
    )


def run(command: list[object]) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True)


def main() -> None:
    print(machine("av", "ai-edge-litert", "numpy"))
    above = 0
    with tempfile.TemporaryDirectory() as folder:
        for ratio in ratios(Path(folder)):
            begin_s = time.perf_counter()
            value = ratio.measure()
            above += value > ratio.limit
            verdict = "ABOVE" if value > ratio.limit else "ok"
            seconds = time.perf_counter() - begin_s
            print(
                f"{verdict:5} {value:5.2f} (limit {ratio.limit:g})  {ratio.name}  [{seconds:.0f} s]",
                flush=True,
            )
    raise SystemExit(above > 0)


if __name__ == "__main__":
    main()
