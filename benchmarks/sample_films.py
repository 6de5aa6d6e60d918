"""Measures the making of sample films: CPU per clip, and that of the encoder alone on the same pictures.

python benchmarks/sample_films.py [--films 2] [--clips 20] [--repeats 3] [--out docs/benchmarks]
Both run in turns in one run; figures are medians of this process's CPU time.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import numpy as np
from sheet import finish, machine

from emodal_data.sample_films import make_sample_films
from emodal_data.sample_films.encoder import write_film
from emodal_data.sample_films.voice import RATE_HZ

SCALE_FILMS, SCALE_CLIPS = 53, 3075


def cpu_s(work: Callable[[], None]) -> float:
    start_s = time.process_time()
    work()
    return time.process_time() - start_s


def pictures(path: Path) -> list[tuple[np.ndarray, bool]]:
    with av.open(str(path)) as film:
        return [
            (np.ascontiguousarray(frame.to_ndarray(format="yuv420p")), bool(frame.key_frame))
            for frame in film.decode(video=0)
        ]


def measure(films: int, clips: int, repeats: int) -> str:
    make, encode, frames = [], [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_sample_films(folder / "warm", 1, 1)
        for repeat in range(repeats):
            at = folder / str(repeat)
            make.append(cpu_s(partial(make_sample_films, at, films, clips, seed=repeat)))
            shown = pictures(at / "films" / "film_000.mp4")
            frames = len(shown)
            track = np.zeros(frames * RATE_HZ // 25, np.float32)
            encode.append(cpu_s(partial(write_film, folder / "x", ".mp4", shown, track)))
    a_clip = statistics.median(make) / (films * clips)
    floor = statistics.median(encode) / clips
    return "\n".join(
        [
            "| sample films | CPU s a clip | of it the encoder | frames a clip | scale set, CPU min |",
            "|---|---|---|---|---|",
            f"| {films} films of {clips} clips, {repeats} runs | {a_clip:.3f} | {floor / a_clip:.0%} |"
            f" {frames / clips:.0f} |"
            f" {a_clip * SCALE_CLIPS / 60:.1f} ({SCALE_FILMS} films, {SCALE_CLIPS} clips, extrapolated) |",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=2)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    body = f"{machine()}\n\n{measure(args.films, args.clips, args.repeats)}"
    finish("sample-films", "Sample films", body, args.out)


if __name__ == "__main__":
    main()
