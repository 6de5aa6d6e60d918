"""The whole road from films to a dataset: emodal beside what one writes by hand, and beside video2dataset.

python benchmarks/whole_road.py [--samples FOLDER] [--films 4] [--script-clips 24] [--peer PYTHON] [--out FOLDER]
--samples: as emodal sample-films writes it (made if absent). --peer: Python of an environment with video2dataset, see
peer_video2dataset.py. Every way runs as a process of its own; CPU is its own and its children's, memory that of its
largest process. The script sees fewer clips: its cost a clip does not depend on their number.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from sheet import finish, machine

from emodal_data.media import open_film
from emodal_data.sample_films import make_sample_films

HERE = Path(__file__).parent
#: Clips whose frame and sound are held against the film's own.
CHECKED = 24


@dataclass(frozen=True)
class Cost:
    """What a way took for `clips` clips."""

    clips: int
    cpu_s: float
    wall_s: float
    peak_mb: float

    def row(self, name: str, ours: "Cost", exact: str) -> str:
        each_s = self.cpu_s / self.clips
        ratio = each_s / (ours.cpu_s / ours.clips)
        return (
            f"| {name} | {self.clips} | {1000 * each_s:.0f} | {ratio:.1f} | {self.clips / self.wall_s:.1f} "
            f"| {self.peak_mb:.0f} | {exact} |"
        )


def measured(command: list[object], clips: int) -> Cost:
    """Run a command to its end."""
    # A process of its own, so that the largest child is this command's and no earlier one's.
    code = (
        "import json,resource,subprocess,sys,time;t=time.perf_counter();"
        "subprocess.run(sys.argv[1:],check=True,stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL);"
        "u=resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(u.ru_utime+u.ru_stime,time.perf_counter()-t,u.ru_maxrss/1e3)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *map(str, command)], capture_output=True, text=True, check=True
    )
    return Cost(clips, *map(float, run.stdout.split()))


def frames_off(films: Path, spans: pd.DataFrame, stems: dict[int, Path]) -> str:
    """How many frames the pictures of a way are off: the neighbour of the middle frame that each looks like most."""
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
    right = sum(k == 0 for k in off)
    return f"{right} of {len(off)} frames right" + (
        f" (off by {min(off):+} to {max(off):+})" if right < len(off) else ""
    )


def compare(samples: Path, films: int, script_clips: int, peer: Path | None, work: Path) -> list[str]:
    spans = pd.read_csv(samples / "annotations.csv")
    chosen = sorted(spans["film"].unique())[:films]
    spans = spans[spans["film"].isin(chosen)].reset_index(drop=True)
    table = work / "spans.csv"
    spans.to_csv(table, index=False)
    build = [
        sys.executable, "-m", "flows", "build", "--films", samples / "films", "--annotations", table,
        "--no-train", "--set", "augment.per_clip=0", "--set", "split.allow_imbalance=true",
    ]  # fmt: skip
    ours = measured([*build, "--out", work / "ours"], len(spans))
    one = measured([*build, "--out", work / "one", "--workers", "1"], len(spans))
    script = [sys.executable, HERE / "handwritten.py", samples / "films", table]
    by_hand = measured([*script, work / "hand", "--clips", script_clips], script_clips)
    pooled = measured([*script, work / "pool", "--pool"], len(spans))
    every = np.linspace(0, len(spans) - 1, script_clips).round().astype(int)
    lines = [
        "| way | clips | CPU ms a clip | times ours | clips/s | largest process, MB | frames |",
        "|---|---|---|---|---|---|---|",
        ours.row(f"emodal build, {os.cpu_count()} workers", ours, "exact by test"),
        one.row("emodal build, 1 worker", ours, "exact by test"),
        pooled.row(
            "one ffmpeg a clip, process pool",
            ours,
            frames_off(samples / "films", spans, stems(work / "pool", every)),
        ),
        by_hand.row(
            "ffmpeg-python script, one process",
            ours,
            frames_off(samples / "films", spans, stems(work / "hand", every)),
        ),
    ]
    if peer:
        cost = measured(
            [peer, HERE / "peer_video2dataset.py", samples / "films", table, work / "v2d"], len(spans)
        )
        order = spans.groupby("film").cumcount()
        named = {
            int(row): work / "v2d" / f"{Path(spans['film'][row]).stem}_{order[row]:05}"
            for row in every[:CHECKED]
        }
        right = frames_off(samples / "films", spans, named)
        lines.append(cost.row("video2dataset, cut and frame only", ours, right))
    return lines


def stems(folder: Path, rows: np.ndarray) -> dict[int, Path]:
    return {int(row): folder / f"{row:05}" for row in rows[:CHECKED]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=Path)
    parser.add_argument("--films", type=int, default=4)
    parser.add_argument("--clips-per-film", type=int, default=58)
    parser.add_argument("--script-clips", type=int, default=24)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        samples = args.samples or work / "samples"
        if not (samples / "annotations.csv").exists():
            make_sample_films(samples, args.films, args.clips_per_film)
        lines = compare(samples, args.films, args.script_clips, args.peer, work)
    facts = f"{machine('av', 'ffmpeg-python', 'pyAudioAnalysis')}; {args.films} films of 25 frames a second"
    finish(
        "whole-road",
        "The whole road, without augmentation and training",
        "\n".join([facts, "", *lines]),
        args.out,
    )


if __name__ == "__main__":
    main()
