"""Measures the CPU time of a clip stage by stage, and the distance of each stage from its floor.

python benchmarks/stages.py [--samples FOLDER] [--films 2] [--clips-per-film 58] [--out FOLDER]
--samples: a folder of emodal sample-films (made if absent). Reels are read in this process, as a worker reads them. The
time of a stage is the CPU time of its calls, without that of other stages that it calls. Floors: same clips, same run.
"""

import functools
import statistics
import tempfile
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from audio_features import framed
from media import floor_audio, floor_video
from samples import parser_of, samples_in
from sheet import finish, machine

from emodal_data.audio_features import clip_features
from emodal_data.clips import ingest, span_reading
from emodal_data.clips.ingest import check_ready, read_reel
from emodal_data.clips.plan import Clip, Reel
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.clips.store import REPEATED, write_reel
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.face import find
from emodal_data.face.detector import Detector
from emodal_data.face.mesh import Mesh
from emodal_data.face.models import Model
from emodal_data.media import Film, open_film
from emodal_data.media.downmix import resampled
from emodal_data.media.encoders import encode_png
from emodal_data.media.frame_conversion import FrameConverter
from emodal_data.media.video import VideoReader
from emodal_data.storage.files import sync

#: How often sound is read, features are computed and reels are written again.
TURNS = 9
CLIPS = ClipsConfig(max_packets=10**7)
DECODE, SOUND, VIEWS, CROPS = "decode pictures", "decode sound", "views and boxes", "crops and points"
MODELS, FRONT, PNG, STORE = "run the models", "pose and frontal view", "PNG", "write the store"
#: Where each stage is called, and why it is needed.
STAGES: dict[str, tuple[list[tuple[object, str]], str]] = {
    DECODE: ([(VideoReader, "frame_on_screen")], "up to the middle frame; frames that no other needs are skipped"),
    MODELS: ([(Model, "__call__")], "a look for faces or two; two at landmarks"),
    SOUND: ([(Film, "audio_span")], "the span and 0.45 s before it, resampled"),
    VIEWS: ([(Detector, "__call__")], "the frame at the size that the detector wants; boxes"),
    FRONT: ([(find, "frontalize")], "fit of the head, remapping, mirrored side"),
    "Opus for the report": ([(ingest, "preview_sound")], "kept so that a report reads no film"),
    CROPS: ([(Mesh, "__call__"), (Mesh, "look")], "upright faces as the mesh wants them"),
    "colours": ([(FrameConverter, "_rgb")], "exact RGB around faces; the frame at the sizes of detector and report"),
    "JPEG for the report": ([(ingest, "preview_frame")], "kept so that a report reads no film"),
    PNG: ([(ingest, "encode_png")], "the picture of the dataset"),
    STORE: ([(ingest, "write_reel")], "one file a reel, on the disk before it counts"),
    "measures of the face": ([(span_reading, "find_face")], "sharpness, blur, expression, view score"),
}  # fmt: skip


@dataclass
class Times:
    """CPU seconds and calls of each stage; `whole_s`: all that was watched, and what lies between."""

    own_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    calls: Counter[str] = field(default_factory=Counter)
    whole_s: float = 0.0
    _inner_s: list[float] = field(default_factory=lambda: [0.0])

    def watch(self, stage: str, function: Callable[..., object]) -> Callable[..., object]:
        """The function, its time charged to a stage and not to the stage that called it."""

        @functools.wraps(function)
        def watched(*args: object, **kwargs: object) -> object:
            begin_s = time.process_time()
            self._inner_s.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                took_s = time.process_time() - begin_s
                self.own_s[stage] += took_s - self._inner_s.pop()
                self._inner_s[-1] += took_s
                self.calls[stage] += 1

        return watched


def read_films(samples: Path, spans: pd.DataFrame, store: Path) -> tuple[Times, list[Path]]:
    """Read all spans into a clip store, watched; a reel a film. Returns the reels' files too."""
    settings = ReadSettings(CLIPS, FaceConfig(), AudioConfig(), samples / "films")
    check_ready(settings.face, AudioConfig())
    times, files = Times(), []
    with ExitStack() as patches:
        for stage, (places, _) in STAGES.items():
            for owner, name in places:
                patches.enter_context(
                    mock.patch.object(owner, name, times.watch(stage, getattr(owner, name)))
                )
        for film, its in spans.groupby("film"):
            clips = tuple(
                Clip(str(n), a, b) for n, a, b in zip(its.index, its["start"], its["end"], strict=True)
            )
            reel = Reel(str(film), Path(str(film)), clips, store / f"key-{film}.parquet")
            begin_s = time.process_time()
            read_reel(reel, settings)
            times.whole_s += time.process_time() - begin_s
            files.append(reel.file)
    return times, files


def cpu_s(work: Callable[[], object]) -> float:
    begin_s = time.process_time()
    work()
    return time.process_time() - begin_s


def in_turns(ours: Callable[[], float], floor: Callable[[], float]) -> tuple[float, float]:
    """Medians of the CPU s of a stage and its floor, which run in turns."""
    turns = [(ours(), floor()) for _ in range(TURNS)]
    return statistics.median(turn[0] for turn in turns), statistics.median(turn[1] for turn in turns)


def floors(
    samples: Path, spans: pd.DataFrame, files: list[Path], times: Times
) -> list[tuple[str, float, float, str]]:
    """(stage, CPU s of ours, CPU s of its floor, what the floor is), all of the same clips."""
    by_film = {
        samples / "films" / str(film): list(zip(its["start"], its["end"], strict=True))
        for film, its in spans.groupby("film")
    }
    tables = [pq.read_table(file) for file in files]
    kept = [row for table in tables for row in table.select(["image", "audio"]).to_pylist() if row["image"]]
    faces = [cv2.imdecode(np.frombuffer(row["image"], np.uint8), cv2.IMREAD_GRAYSCALE) for row in kept]
    sounds = [np.frombuffer(row["audio"], "<i2") for row in kept]
    level, face_stages = 6, (MODELS, VIEWS, CROPS, FRONT, "measures of the face")
    return [
        (DECODE, times.own_s[DECODE], cpu_s(lambda: [floor_video(*film) for film in by_film.items()]),
         "the frames that the wanted ones are made of, decoded once, no seeking"),
        (SOUND, *sounds_again(by_film),
         "the spans' packets decoded, and as much silence resampled from 48 kHz stereo; both warm, several times"),
        ("the face, all of it", sum(times.own_s[stage] for stage in face_stages), times.own_s[MODELS],
         "the models' runs in it"),
        ("68 features", *features_again(sounds), "their rffts; both warm, each clip several times"),
        (PNG, cpu_s(lambda: [encode_png(face) for face in faces]),
         cpu_s(lambda: [zlib.compress(np.diff(face, axis=0), level) for face in faces]),
         "zlib of the rows' differences at the same level"),
        (STORE, *stored_again(tables, files[0].parent),
         "the same table by Parquet alone, and fsync; both warm, each reel several times"),
    ]  # fmt: skip


def features_again(sounds: list[np.ndarray]) -> tuple[float, float]:
    """CPU s of the features of each sound, and of its rffts alone in one call, from frames that lie in the cache."""
    ours_s = floor_s = 0.0
    for sound in sounds:
        frames = framed(sound)
        one_s, its_floor_s = in_turns(
            lambda: cpu_s(lambda: clip_features(sound)),  # noqa: B023
            lambda: cpu_s(lambda: np.fft.rfft(frames, axis=1)),  # noqa: B023
        )
        ours_s, floor_s = ours_s + one_s, floor_s + its_floor_s
    return ours_s, floor_s


def sounds_again(by_film: dict[Path, list[tuple[float, float]]]) -> tuple[float, float]:
    """CPU s of reading the spans' sound, and of decoding it and resampling as much silence; medians of turns."""
    silence = [
        np.zeros((2, round(48000 * (b - a))), np.float32) for spans in by_film.values() for a, b in spans
    ]

    def ours() -> float:
        spent_s = 0.0
        for path, spans in by_film.items():
            with open_film(path, config=CLIPS) as film:
                begin_s = time.process_time()
                for span in spans:
                    film.audio_span(*span)
                spent_s += time.process_time() - begin_s
        return spent_s

    def floor() -> None:
        for film in by_film.items():
            floor_audio(*film)
        for sound in silence:
            resampled(sound, "stereo", 48000)

    ours(), floor()
    return in_turns(ours, lambda: cpu_s(floor))


def stored_again(tables: list[pa.Table], folder: Path) -> tuple[float, float]:
    """CPU s of writing the reels as the store does, and of Parquet alone; what a process does once is done before."""
    rows, path = [table.to_pylist() for table in tables], folder / "again.parquet"

    def ours() -> None:
        for of_reel in rows:
            write_reel(path, of_reel)

    def floor() -> None:
        for table in tables:
            pq.write_table(table, path, compression="zstd", use_dictionary=REPEATED)
            sync(path)

    ours()
    floor()
    return in_turns(lambda: cpu_s(ours), lambda: cpu_s(floor))


def sheet(times: Times, clips: int, rows: list[tuple[str, float, float, str]]) -> list[str]:
    each_ms = 1000 / clips
    rest_s = times.whole_s - sum(times.own_s.values())
    lines = [
        f"{clips} clips, {times.whole_s * each_ms:.1f} CPU ms a clip.", "",
        "| stage | CPU ms a clip | calls a clip | what for |", "|---|---|---|---|",
    ]  # fmt: skip
    for stage, spent_s in sorted(times.own_s.items(), key=lambda item: -item[1]):
        calls = times.calls[stage] / clips
        lines.append(f"| {stage} | {spent_s * each_ms:.1f} | {calls:.2f} | {STAGES[stage][1]} |")
    lines += [f"| the rest | {rest_s * each_ms:.1f} | | hashes, sound measures, rows, opening films |", ""]
    lines += [
        "| stage | ours, CPU ms a clip | floor | times the floor | the floor is |",
        "|---|---|---|---|---|",
    ]
    for stage, ours_s, floor_s, what in rows:
        ratio = ours_s / floor_s
        lines.append(f"| {stage} | {ours_s * each_ms:.2f} | {floor_s * each_ms:.2f} | {ratio:.2f} | {what} |")
    return lines


def main() -> None:
    parser = parser_of(__doc__, films=2)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        samples = samples_in(args.samples or work / "samples", args.films, args.clips_per_film)
        spans = pd.read_csv(samples / "annotations.csv").sort_values(["film", "start", "end"])
        spans = spans[spans["film"].isin(sorted(spans["film"].unique())[: args.films])]
        times, files = read_films(samples, spans, work)
        lines = sheet(times, len(spans), floors(samples, spans, files, times))
    facts = machine("av", "ai-edge-litert", "opencv-python", "pyarrow")
    finish("stages", "Reading a clip, stage by stage", "\n".join([facts, "", *lines]), args.out)


if __name__ == "__main__":
    main()
