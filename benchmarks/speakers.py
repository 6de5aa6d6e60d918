"""Measures who speaks: the right face and voices off screen in sample films, and the right sound of real talkers.

python benchmarks/speakers.py SCENES [--media ../shared/media], where SCENES was made by `emodal sample-films --scenes`.
"""

import argparse
import csv
import pickle
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emodal_data.clips.speaker_reading import middle_shot, read_tracks
from emodal_data.clips.speaking import SeenFaces, SpeakingMeasures, score_tracks
from emodal_data.core.config import ClipsConfig
from emodal_data.core.span import Span
from emodal_data.face import create_backend
from emodal_data.face.tracks import overlap
from emodal_data.media import open_film
from emodal_data.media.voice_activity import speech_in

#: Scenes that do not show the speaker, and those whose face speaks with the voice.
OFF_SCREEN = ("listener", "listeners", "chewing")
ON_SCREEN = ("talk", "two_shot", "eating_beside", "singing")


@dataclass(frozen=True, eq=False)
class Heard:
    """A shot: its faces, its sound, and the stretches with a voice."""

    seen: SeenFaces
    wave: npt.NDArray[np.float32]
    shot: Span
    speech: list[Span]
    cpu_s: float

    def score(self, other: "Heard | None" = None) -> list[SpeakingMeasures]:
        """The measures of the faces with their own sound, or with that of another shot."""
        heard = other or self
        length_s = min(self.shot.length_s, len(heard.wave) / 16_000)
        return list(
            score_tracks(
                self.seen, heard.wave, Span(self.shot.start_s, self.shot.start_s + length_s), heard.speech
            ).measures
        )


def hear(path: Path, span: Span | None, fps: float, backend: object) -> Heard:
    """Read a span of a film; None: all of it."""
    with open_film(path, root=path.parent, config=ClipsConfig()) as film:
        began = time.process_time()
        span = Span(0.0, film.duration_s) if span is None else span
        shot = middle_shot(film, span)
        seen = read_tracks(film, shot, backend, fps)  # type: ignore[arg-type]
        cpu_s = time.process_time() - began
        wave = film.audio(shot.start_s, shot.end_s)
    return Heard(seen, wave, shot, speech_in([wave]), cpu_s)


def interval(hits: int, all_of_them: int) -> str:
    """A share with its 95 % Wilson interval."""
    share, z2 = hits / all_of_them, 1.96**2
    middle = (share + z2 / 2 / all_of_them) / (1 + z2 / all_of_them)
    half = (
        1.96 * np.sqrt(share * (1 - share) / all_of_them + z2 / 4 / all_of_them**2) / (1 + z2 / all_of_them)
    )
    return (
        f"{hits} of {all_of_them}, {share:.1%} ({max(0, middle - half):.1%} to {min(1, middle + half):.1%})"
    )


def scenes(folder: Path, fps: float) -> None:
    """Print a table of sample films with known truth."""
    backend = create_backend("embedded")
    on_screen: dict[str, list[str]] = defaultdict(list)
    right: dict[str, list[bool]] = defaultdict(list)
    lags, cpu, syncs = [], [], []
    with (folder / "truth.csv").open() as file:
        for row in csv.DictReader(file):
            span = Span(float(row["start"]), float(row["end"]))
            kept = (
                folder / "heard" / f"{row['film']}-{row['start']}-{fps:g}.pickle"
            )  # a second run reads no film
            if kept.exists():
                heard = pickle.loads(kept.read_bytes())
            else:
                heard = hear(folder / "films" / row["film"], span, fps, backend)
                kept.parent.mkdir(exist_ok=True)
                kept.write_bytes(pickle.dumps(heard))
            measures = heard.score()
            cpu.append(heard.cpu_s / heard.shot.length_s)
            kind, scores = row["kind"], [one.speaking_score for one in measures]
            on_screen[kind].append(measures[0].on_screen if measures else "no face")
            if kind in OFF_SCREEN or not measures:
                continue
            best = int(np.argmax(scores))
            track = heard.seen.tracks[best]
            box = tuple(float(row[side]) for side in ("x0", "y0", "x1", "y1"))
            shown = track.boxes[track.nearest((span.start_s + span.end_s) / 2)]
            right[kind].append(overlap(shown, box) > 0.3)  # type: ignore[arg-type]
            if kind == "dubbed":
                lags.append(measures[best].voice_lag_s)
            if kind == "talk":
                syncs.append((measures[best].mouth_sync, measures[best].mouth_movement))
    print("| scene | scenes | yes | unsure | no | right face |\n|---|---|---|---|---|---|")
    for kind in sorted(on_screen):
        said = on_screen[kind]
        counts = " | ".join(str(said.count(word)) for word in ("yes", "unsure", "no"))
        print(f"| {kind} | {len(said)} | {counts} | {np.mean(right[kind]) if kind in right else '-'} |")
    off = [word for kind in OFF_SCREEN for word in on_screen[kind]]
    listen = [word for kind in OFF_SCREEN[:2] for word in on_screen[kind]]
    on = [word for kind in ON_SCREEN for word in on_screen[kind]]
    faces = [hit for kind in ("two_shot", "eating_beside") for hit in right[kind]]
    print(f"\nright face of two: {interval(sum(faces), len(faces))}")
    print(f"voice off screen said no: {interval(off.count('no'), len(off))}")
    print(f"of listeners said no: {interval(listen.count('no'), len(listen))}")
    print(f"voice off screen not said yes: {interval(len(off) - off.count('yes'), len(off))}")
    print(
        f"voice on screen said no: {interval(on.count('no'), len(on))}; said yes: {interval(on.count('yes'), len(on))}"
    )
    print(f"dubbed lags: {[round(lag, 2) for lag in lags if lag is not None]}")
    print(f"talk, mouth_sync and movement: {np.mean(syncs, axis=0).round(3)}")
    print(f"CPU s a second of film: {np.mean(cpu):.2f}")


def talkers(media: Path, fps: float) -> None:
    """Print how well real faces fit their own sound, against the other sounds of the set."""
    backend = create_backend("embedded")
    paths = [*sorted((media / "grid").glob("*.mpg")), *sorted((media / "ravdess/video").glob("*.mp4"))]
    heard = [hear(path, None, fps, backend) for path in paths]
    table = np.array([[one.score(other)[0].mouth_sync for other in heard] for one in heard])
    scores = np.array([[one.score(other)[0].speaking_score for other in heard] for one in heard])
    for name, values in (("mouth_sync", table), ("speaking_score", scores)):
        rng, found = np.random.default_rng(0), []
        for draw in range(1001):
            some = rng.integers(len(paths), size=len(paths)) if draw else np.arange(len(paths))
            own = values[some, some]
            others = np.concatenate([values[one, np.setdiff1d(np.arange(len(paths)), one)] for one in some])
            found.append(np.mean(own[:, None] > others) + 0.5 * np.mean(own[:, None] == others))
        low, high = np.percentile(found[1:], (2.5, 97.5))
        print(f"{fps:g} fps, {len(paths)} talkers, {name}: AUC {found[0]:.3f} ({low:.3f} to {high:.3f})")
    same = np.eye(len(paths), dtype=bool)
    for whose, which in (("own sound", same), ("another's", ~same)):
        said, sync = scores[which], table[which]
        words = f"yes {np.mean(said >= 0.6):.2f}, no {np.mean(said <= 0.3):.2f}"
        print(f"{whose}: {words}, sync {sync.mean():.2f} +- {sync.std():.2f}")
    seconds = sum(one.shot.length_s for one in heard)
    print(f"CPU s a second of film: {sum(one.cpu_s for one in heard) / seconds:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", type=Path, nargs="?")
    parser.add_argument("--media", type=Path)
    parser.add_argument("--fps", type=float, default=25.0)
    arguments = parser.parse_args()
    if arguments.scenes:
        scenes(arguments.scenes, arguments.fps)
    if arguments.media:
        talkers(arguments.media, arguments.fps)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
