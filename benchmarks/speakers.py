"""Measures who speaks: the right face and voices off screen in sample films, and the right sound of real talkers.

python benchmarks/speakers.py SCENES... [--media ../shared/media] [--talkers FILM...], where SCENES were made by `emodal
sample-films --scenes`, and each further film shows somebody who speaks.
"""

import argparse
import csv
import pickle
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from emodal_data.clips.speaker_reading import read_tracks, shot_and_sound
from emodal_data.clips.speaking import SeenFaces, Speakers, SpeakingMeasures, score_tracks
from emodal_data.core.config import ClipsConfig
from emodal_data.core.span import Span
from emodal_data.face import FaceTrack, create_backend
from emodal_data.face.tracks import overlap
from emodal_data.media import open_film
from emodal_data.media.voice_activity import speech_in

Floats = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]

#: Scenes that do not show the speaker, and those whose face speaks with the voice.
OFF_SCREEN = ("listener", "listeners", "chewing")
ON_SCREEN = ("talk", "two_shot", "eating_beside", "singing")


@dataclass(frozen=True, eq=False)
class Heard:
    """A shot: its faces, its sound, and the stretches with a voice."""

    seen: SeenFaces
    wave: npt.NDArray[np.float32]
    shot: Span
    span: Span
    speech: list[Span]
    cpu_s: float

    def score(self, other: "Heard | None" = None) -> list[SpeakingMeasures]:
        """The measures of the faces with their own sound, or with that of another shot."""
        return list(self.speakers(other).measures)

    def speakers(self, other: "Heard | None" = None) -> Speakers:
        """The faces that are scored, and their measures."""
        heard = other or self
        length_s = min(self.shot.length_s, len(heard.wave) / 16_000)
        shot = Span(self.shot.start_s, self.shot.start_s + length_s)
        return score_tracks(self.seen, heard.wave, shot, self.span, heard.speech)

    def beside(self, track: FaceTrack, other: FaceTrack) -> "Heard":
        """The shot with one of its faces, and another shot's that is moved to the start of this one."""
        late_s = track.times_s[0] - other.times_s[0]
        moved = FaceTrack([t_s + late_s for t_s in other.times_s], other.boxes, other.openings)
        return replace(self, seen=SeenFaces([track, moved], self.seen.frame_px))


def hear(path: Path, span: Span | None, fps: float, backend: object) -> Heard:
    """Read a span of a film; None: all of it."""
    path = path.resolve()
    with open_film(path, root=path.parent, config=ClipsConfig()) as film:
        began = time.process_time()
        whole = span or Span(0.0, film.duration_s)
        shot, wave = shot_and_sound(film, whole)
        seen = read_tracks(film, shot, backend, fps)  # type: ignore[arg-type]
        cpu_s = time.process_time() - began
    return Heard(seen, wave, shot, whole, speech_in([wave]), cpu_s)


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


def scenes(folders: list[Path], fps: float) -> None:
    """Print a table of sample films with known truth."""
    backend = create_backend("embedded")
    on_screen: dict[str, list[str]] = defaultdict(list)
    right: dict[str, list[bool]] = defaultdict(list)
    lags, cpu, syncs = [], [], []
    talking: list[tuple[Heard, FaceTrack]] = []
    away: list[Heard] = []
    for folder in folders:
        for row in csv.DictReader((folder / "truth.csv").read_text().splitlines()):
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
            scored = heard.speakers()
            measures = scored.measures
            cpu.append(heard.cpu_s / heard.shot.length_s)
            kind, scores = row["kind"], [one.speaking_score for one in measures]
            on_screen[kind].append(measures[0].on_screen if measures else "no face")
            if kind in OFF_SCREEN:
                away.append(heard)
            if kind in OFF_SCREEN or not measures:
                continue
            best = int(np.argmax(scores))
            track = scored.tracks[best]
            box = tuple(float(row[side]) for side in ("x0", "y0", "x1", "y1"))
            shown = track.boxes[track.nearest((span.start_s + span.end_s) / 2)]
            right[kind].append(overlap(shown, box) > 0.3)  # type: ignore[arg-type]
            if kind in ON_SCREEN and right[kind][-1]:
                talking.append((heard, track))
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
    crossed(talking, away)


def crossed(talking: list[tuple[Heard, FaceTrack]], away: list[Heard]) -> None:
    """Print the same for faces and voices that were never together: every talker beside every face of a scene whose
    voice is off screen, and those faces with the voice of every talker."""
    beside = np.full((len(talking), len(away)), np.nan)
    nobody = np.full((len(talking), len(away)), np.nan)
    for row, (heard, track) in enumerate(talking):
        for column, other in enumerate(away):
            if not other.seen.tracks:
                continue
            both = heard.beside(track, other.seen.tracks[0]).speakers()
            beside[row, column] = both.measures[0].speaking_score > max(
                (one.speaking_score for one in both.measures[1:]), default=0.0
            )
            found = other.score(heard)
            nobody[row, column] = bool(found) and found[0].on_screen == "no"
    for name, table in (("right face", beside), ("voice off screen said no", nobody)):
        low, high = _interval_of_mean(table)
        print(
            f"crossed, {table.shape[0]} talkers and {table.shape[1]} others, {name}: {np.nanmean(table):.1%} "
            f"of {np.isfinite(table).sum()} ({low:.1%} to {high:.1%})"
        )


def _interval_of_mean(table: Floats) -> tuple[float, float]:
    """95 % interval from 1,000 draws of rows and of columns."""
    rng = np.random.default_rng(0)
    rows, columns = table.shape
    means = [
        np.nanmean(table[np.ix_(rng.integers(rows, size=rows), rng.integers(columns, size=columns))])
        for _ in range(1000)
    ]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def talkers(media: Path, further: list[Path], fps: float) -> None:
    """Print how well real faces fit their own sound, against the other sounds of the set and against RAVDESS speech."""
    backend = create_backend("embedded")
    ravdess = sorted((media / "ravdess/video").glob("*.mp4"))
    paths = [*sorted((media / "grid").glob("*.mpg")), *ravdess, *further]
    heard = [hear(path, None, fps, backend) for path in paths]
    talker = np.array([path.stem[-2:] if path in ravdess else path.stem for path in paths])
    speech = sorted((media / "ravdess/speech").glob("*.flac"))
    for name, other, voice in (
        ("of the set", heard, talker),
        ("RAVDESS speech", [listen(path) for path in speech], np.array([path.stem[-2:] for path in speech])),
    ):
        pairs = [(one.score()[0], [one.score(sound)[0] for sound in other]) for one in heard]
        foreign = talker[:, None] != voice
        for measure in ("mouth_sync", "speaking_score"):
            own = np.array([getattr(mine, measure) for mine, _ in pairs])
            table = np.array([[getattr(one, measure) for one in row] for _, row in pairs])
            low, high = _interval_of_auc(own, table, foreign, talker, voice)
            print(
                f"{fps:g} fps, {len(set(talker))} talkers, {len(other)} sounds {name}, {measure}: "
                f"AUC {_auc(own, table, foreign):.3f} ({low:.3f} to {high:.3f}), "
                f"own {own.mean():.2f} +- {own.std():.2f}, "
                f"other {table[foreign].mean():.2f} +- {table[foreign].std():.2f}"
            )
        print(
            f"said yes: own {np.mean(own >= 0.6):.2f}, other {np.mean(table[foreign] >= 0.6):.2f}", flush=True
        )
        print(
            "AUC of each clip:",
            [round(float((own[n] > table[n][foreign[n]]).mean()), 2) for n in range(len(own))],
        )
    seconds = sum(one.shot.length_s for one in heard)
    print(f"CPU s a second of film: {sum(one.cpu_s for one in heard) / seconds:.2f}")


def listen(path: Path) -> Heard:
    """A file of 16 kHz mono sound alone."""
    with av.open(str(path)) as file:
        pcm = np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(audio=0)])
    wave = pcm.astype(np.float32) / np.float32(32768)
    shot = Span(0.0, len(wave) / 16_000)
    return Heard(SeenFaces([], (0.0, 0.0)), wave, shot, shot, speech_in([wave]), 0.0)


def _auc(own: Floats, table: Floats, foreign: npt.NDArray[np.bool_]) -> float:
    """Share of pairs of an own sound and another's in which the own one has the larger value."""
    others = table[foreign]
    return float(np.mean(own[:, None] > others) + 0.5 * np.mean(own[:, None] == others))


def _interval_of_auc(
    own: Floats, table: Floats, foreign: npt.NDArray[np.bool_], talker: Names, voice: Names
) -> tuple[float, float]:
    """95 % interval from 1,000 draws of talkers, with all their clips, and of the people who are heard."""
    rng, found = np.random.default_rng(0), []
    for _ in range(1000):
        faces = _drawn(talker, rng)
        sounds = faces if talker is voice else _drawn(voice, rng)
        some = np.ix_(faces, sounds)
        if foreign[some].any():
            found.append(_auc(own[faces], table[some], foreign[some]))
    low, high = np.percentile(found, (2.5, 97.5))
    return float(low), float(high)


def _drawn(people: Names, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """The places of as many people, drawn with replacement."""
    names = np.unique(people)
    return np.concatenate([np.flatnonzero(people == name) for name in rng.choice(names, len(names))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", type=Path, nargs="*")
    parser.add_argument("--media", type=Path)
    parser.add_argument("--talkers", type=Path, nargs="*", default=[])
    parser.add_argument("--fps", type=float, default=25.0)
    arguments = parser.parse_args()
    if arguments.scenes:
        scenes(arguments.scenes, arguments.fps)
    if arguments.media:
        talkers(arguments.media, arguments.talkers, arguments.fps)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
