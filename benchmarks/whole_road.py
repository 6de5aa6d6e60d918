"""Compares the whole pipeline from films to a dataset: emodal, a handwritten script, and what other packages do of it.

python benchmarks/whole_road.py [--samples FOLDER] [--films 4] [--clips-per-film 58] [--every 10]
    [--video2dataset PYTHON] [--mmsa-fet PYTHON] [--curator PYTHON] [--data-juicer PYTHON] [--lhotse PYTHON]
emodal and the script augment to the size of the poster's dataset: 11,606 samples of 3,075 clips.
--samples: a folder of emodal sample-films (made if absent). PYTHON: that of an environment with the other package,
see the files peer_*.py. Each method runs as a process of its own; CPU includes its children, memory is that of its
largest process. emodal reads every clip, and its start-up counts. The script, NeMo Curator and Data-Juicer read one
clip in --every, over all films; MMSA-FET reads a fifth of these; video2dataset and lhotse, which read whole films,
read all clips of one film in --every. Their cost a clip does not depend on the number of clips once their start-up (a
run over two clips) is subtracted.
"""

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pandas as pd
import processes
import pyarrow.parquet as pq
from samples import SAMPLES_PER_CLIP, parser_of, samples_in
from scipy.io import wavfile
from scipy.signal import correlate
from sheet import finish, machine

from emodal_data.media import open_film

HERE = Path(__file__).parent
PEERS = ("video2dataset", "mmsa_fet", "curator", "data_juicer", "lhotse")
#: Clips whose frame and sound are compared with those of the film.
CHECKED = 24
RATE_HZ = 16000
#: Augmented samples of a training clip that give as many samples as in the poster.
COPIES = 4
#: How far around its place a sound is searched for, in samples.
NEAR = 3200


@dataclass(frozen=True)
class Cost:
    """The cost of a method for `clips` clips."""

    clips: int
    cpu_s: float
    wall_s: float
    peak_mb: float

    def after(self, start: "Cost") -> "Cost":
        """This cost minus that of a short run of the same method."""
        return Cost(
            self.clips - start.clips, self.cpu_s - start.cpu_s, self.wall_s - start.wall_s, self.peak_mb
        )

    def row(self, name: str, ours: "Cost", frames: str, sounds: str) -> str:
        each_s = self.cpu_s / self.clips
        ratio = each_s / (ours.cpu_s / ours.clips)
        rate = f"{self.clips / self.wall_s:.1f}" if self.wall_s > 0 else "-"  # less than start-ups differ by
        return (
            f"| {name} | {self.clips} | {1000 * each_s:.0f} | {ratio:.1f} | {rate} "
            f"| {self.peak_mb:.0f} | {frames} | {sounds} |"
        )


def measured(command: list[object], clips: int) -> Cost:
    """Run a command to its end."""
    used = processes.measured(command)
    return Cost(clips, used.cpu_s, used.wall_s, used.peak_mb)


def frames_off(films: Path, spans: pd.DataFrame, stems: Mapping[int, Path]) -> str:
    """By how many frames the pictures of a method are wrong: the neighbour of the middle frame most similar to each."""
    off = []
    for row, stem in stems.items():
        picture = next((p for kind in ("png", "jpg") if (p := stem.with_suffix(f".{kind}")).exists()), None)
        if picture is None:
            continue
        span = spans.loc[row]
        shown = cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB).astype(np.float32)
        with open_film(films / span["film"]) as film:
            middle_s = (span["start"] + span["end"]) / 2
            near = [film.frame_at(middle_s + k / 25).rgb.astype(np.float32) for k in range(-4, 5)]
        if near[0].shape != shown.shape:
            shown = cv2.resize(shown, near[0].shape[1::-1])
        off.append(int(np.argmin([np.abs(frame - shown).mean() for frame in near])) - 4)
    return told(off)


def sounds_off(films: Path, spans: pd.DataFrame, sounds: Mapping[int, np.ndarray]) -> str:
    """By how many samples the sounds of a method are wrong: their places in ffmpeg's resample of the whole film."""
    off = []
    for row, sound in sounds.items():
        span = spans.loc[row]
        first, last = round(span["start"] * RATE_HZ), round(span["end"] * RATE_HZ)
        around = np.pad(whole_sound(films / span["film"]), NEAR)[first : last + 2 * NEAR]
        if np.abs(sound).max() > 330:  # a hundredth of full scale: silence lies anywhere
            heard = sound[: last - first].astype(np.float32)
            off.append(int(np.argmax(correlate(around, heard, "valid"))) - NEAR)
    return told(off)


@functools.cache
def whole_sound(film: Path) -> np.ndarray:
    """(n,) float32, 16 kHz mono, from the film's start."""
    form = ["-ac", "1", "-ar", str(RATE_HZ), "-af", "aresample=first_pts=0", "-f", "f32le", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(film), "-vn", *form]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)


def told(off: list[int]) -> str:
    right = sum(k == 0 for k in off)
    wrong = f" (off by {min(off):+} to {max(off):+})" if right < len(off) else ""
    return f"{right} of {len(off)} right{wrong}"


def our_exactness(samples: Path, clips: Path, spans: pd.DataFrame) -> tuple[str, str]:
    """Frames of a build against the films' truth, and its sounds against those of the whole film."""
    stored = pd.concat([pq.read_table(file).to_pandas() for file in sorted(clips.glob("*/*.parquet"))])
    truth = pd.read_csv(samples / "truth.csv").rename(columns={"start": "start_s", "end": "end_s"})
    both = stored.merge(truth, on=["film", "start_s", "end_s"]).dropna(subset=["frame_s"])
    right = int(((both["frame_s"] - both["middle_pts_s"]).abs() < 1e-3).sum())
    heard = stored[stored["audio"].notna()].set_index(["film", "start_s", "end_s"])["audio"]
    places = {row: tuple(spans.loc[row, ["film", "start", "end"]]) for row in checked(spans)}
    sounds = {row: np.frombuffer(heard[place], "<i2") for row, place in places.items() if place in heard}
    return f"{right} of {len(both)} right", sounds_off(samples / "films", spans, sounds)


def checked(spans: pd.DataFrame) -> list[int]:
    """Rows evenly from a table."""
    return sorted({int(row) for row in np.linspace(0, len(spans) - 1, CHECKED).round()})


def compare(samples: Path, count: int, every: int, peers: Mapping[str, Path | None], work: Path) -> list[str]:
    films, spans = samples / "films", pd.read_csv(samples / "annotations.csv")
    names = sorted(spans["film"].unique())[:count]
    spans = spans[spans["film"].isin(names)].reset_index(drop=True)
    some = spans.iloc[every // 2 :: every].reset_index(drop=True)
    whole = spans[spans["film"].isin(names[::every])].reset_index(drop=True)
    if len(some) <= 2:  # as many as are taken for the start-up
        raise SystemExit(
            f"--every {every} of {len(spans)} clips leaves {len(some)}: use a smaller one, or more films"
        )
    spans.to_csv(work / "spans.csv", index=False)
    spans.iloc[:2].to_csv(work / "two.csv", index=False)

    def cost(program: list[object], table: pd.DataFrame, folder: str, *options: str) -> Cost:
        """The cost of a method without its start-up."""
        table.to_csv(work / f"{folder}.csv", index=False)
        start = measured([*program, films, work / "two.csv", work / "start", *options], 2)
        used = measured([*program, films, work / f"{folder}.csv", work / folder, *options], len(table))
        return used.after(start)

    build = [sys.executable, "-m", "flows", "build", "--films", films, "--annotations", work / "spans.csv"]
    target = round(SAMPLES_PER_CLIP * len(spans))
    build += ["--out", work / "ours", "--no-train", "--set", f"augment.target_size={target}"]
    ours = measured([*build, "--set", "split.allow_imbalance=true"], len(spans))
    lines = [
        "| way | clips | CPU ms a clip | times ours | clips/s | largest process, MB | frames | sounds |",
        "|---|---|---|---|---|---|---|---|",
        ours.row(
            f"emodal build, {os.cpu_count()} workers",
            ours,
            *our_exactness(samples, work / "ours" / "clips", spans),
        ),
    ]
    for title, folder, options in (
        ("one ffmpeg a clip, process pool", "pool", ["--pool", "--copies", str(COPIES)]),
        ("ffmpeg-python script, one process", "hand", ["--copies", str(COPIES)]),
    ):
        used = cost([sys.executable, HERE / "handwritten.py"], some, folder, *options)
        stems = {row: work / folder / f"{row:05}" for row in checked(some)}
        sounds = {row: wavfile.read(f"{stem}.wav")[1] for row, stem in stems.items()}
        lines.append(used.row(title, ours, frames_off(films, some, stems), sounds_off(films, some, sounds)))
    if python := peers["mmsa_fet"]:
        fewer = some.iloc[:: max(1, min(5, len(some) // 3))]  # more than the two that start-up is told by
        used = cost([python, HERE / "peer_mmsa_fet.py"], fewer.reset_index(drop=True), "fet")
        title = "MMSA-FET, cut; faces of all frames, 70 features of sound"
        lines.append(used.row(title, ours, "all", "at 22 kHz"))
    if python := peers["video2dataset"]:
        whole.to_csv(work / "whole.csv", index=False)
        program = [python, HERE / "peer_video2dataset.py", films, work / "whole.csv", work / "v2d"]
        used = measured(program, len(whole))  # of two clips it would cost the whole film too
        order = whole.groupby("film").cumcount()
        stems = {
            row: work / "v2d" / f"{Path(whole['film'][row]).stem}_{order[row]:05}" for row in checked(whole)
        }
        right = frames_off(films, whole, stems)
        lines.append(used.row("video2dataset, cut and frame only", ours, right, "not made"))
    for name, title in (("curator", "NeMo Curator"), ("data_juicer", "Data-Juicer")):
        if not (python := peers[name]):
            continue
        used = cost([python, HERE / f"peer_{name}.py"], some, name)
        order = some.groupby("film").cumcount()
        stems = {
            row: work / name / f"{Path(some['film'][row]).stem}_{order[row]:05}" for row in checked(some)
        }
        right = frames_off(films, some, stems)
        lines.append(used.row(f"{title}, cut and middle frame only", ours, right, "not made"))
    if python := peers["lhotse"]:
        used = cost([python, HERE / "peer_lhotse.py"], whole, "lhotse")
        sounds = {row: wavfile.read(work / "lhotse" / f"{row:05}.wav")[1] for row in checked(whole)}
        lines.append(used.row("lhotse, sound only", ours, "not made", sounds_off(films, whole, sounds)))
    return lines


def main() -> None:
    parser = parser_of(__doc__, films=4)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--video2dataset", type=Path, help="Python of an environment that holds it")
    for name in ("--mmsa-fet", "--curator", "--data-juicer", "--lhotse"):
        parser.add_argument(name, type=Path, help="Python of an environment that holds it")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        samples = samples_in(args.samples or work / "samples", args.films, args.clips_per_film)
        peers = {name: getattr(args, name) for name in PEERS}
        lines = compare(samples, args.films, args.every, peers, work)
    facts = f"{machine('av', 'ffmpeg-python', 'pyAudioAnalysis')}; {args.films} films of 25 frames a second"
    finish(
        "whole-road",
        "The whole road, without training",
        "\n".join([facts, "", *lines]),
        args.out,
    )


if __name__ == "__main__":
    main()
