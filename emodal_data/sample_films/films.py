"""Composing sample films: from a seed to encoded films, the annotation table and the table of what is true.

The story of the room, top to bottom; how things look and sound is decided in the files it calls.
"""

import csv
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import astuple, dataclass, fields
from itertools import chain
from pathlib import Path

import av
import numpy as np

from emodal_data.errors import InputError
from emodal_data.sample_films.actors import Actor, Turn, draw_actor
from emodal_data.sample_films.camera import Framing, Key, backdrop, insert, portrait_shot
from emodal_data.sample_films.encoder import FPS, SIZE, write_film
from emodal_data.sample_films.expressions import emotion_units, expression
from emodal_data.sample_films.materials import Picture
from emodal_data.sample_films.meshes import Floats
from emodal_data.sample_films.script import CAST, LABELS, Line, Shot, write_script
from emodal_data.sample_films.sound import add, mouth_opening, music, room_tone
from emodal_data.sample_films.voice import RATE_HZ, Signal, Synthesizer, Voice, draw_voice, speak

#: Before the first line of a shot, between lines and after the last.
PAUSE_S = (0.12, 0.45)
#: An annotator's span begins before the speech and ends after it by up to this much.
SLACK_S = 0.15
INSERT_S = (1.2, 2.6)
#: Share of the lines in which the face shows any emotion, as people do.
MASKED = 0.1


@dataclass(frozen=True)
class Truth:
    """One row of truth.csv. x0 to yaw_deg: the face in the middle frame, film pixels and degrees; None without one."""

    film: str
    start: float
    end: float
    label: str
    emotion: str
    speaker: str
    kind: str
    has_face: bool
    has_voice: bool
    middle_frame: int
    middle_pts_s: float
    x0: float | None
    y0: float | None
    x1: float | None
    y1: float | None
    yaw_deg: float | None
    pitch_deg: float | None
    roll_deg: float | None


@dataclass(frozen=True, eq=False)
class Member:
    """A member of a film's cast."""

    name: str
    actor: Actor
    voice: Voice


@dataclass(frozen=True, eq=False)
class Take:
    """A line on the film's clock. key: what the actor does in the middle; None when nobody is seen."""

    line: Line
    start_s: float
    end_s: float
    key: Key | None
    framing: Framing | None


def make_sample_films(
    folder: Path,
    films: int = 6,
    clips_per_film: int = 12,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `films` films with known truth: folder/films/*, folder/annotations.csv, folder/truth.csv.

    The same numbers give the same bytes. on_progress: called with films done and films in all.
    Raises InputError if a package that carries the material is missing, or a number makes no film.
    """
    if films < 1 or clips_per_film < 1 or seed < 0:
        raise InputError("sample films need films >= 1, clips_per_film >= 1 and seed >= 0")
    (folder / "films").mkdir(parents=True, exist_ok=True)
    rows: dict[int, list[Truth]] = {}
    with ThreadPoolExecutor(min(films, os.cpu_count() or 1)) as pool:
        jobs = {pool.submit(_make_film, folder / "films", n, clips_per_film, seed): n for n in range(films)}
        for job in as_completed(jobs):
            rows[jobs[job]] = job.result()
            if on_progress is not None:
                on_progress(len(rows), films)
    truth = [row for number in sorted(rows) for row in rows[number]]
    names = [field.name for field in fields(Truth)]
    _write_csv(folder / "truth.csv", names, [astuple(row) for row in truth])
    _write_csv(
        folder / "annotations.csv",
        ["film", "start", "end", "label", "speaker"],
        [(row.film, row.start, row.end, row.label, row.speaker) for row in truth],
    )


def _make_film(folder: Path, number: int, clips: int, seed: int) -> list[Truth]:
    rng = np.random.default_rng([seed, number])
    name = f"film_{number:03d}.{'mkv' if number % 3 == 2 else 'mp4'}"
    cast = [Member(f"s{number:03d}{'abc'[i]}", draw_actor(rng), draw_voice(rng)) for i in range(CAST)]
    stage = Stage(cast, rng)
    for shot in write_script(number, clips, seed, rng):
        stage.shoot(shot)
    frames = ((picture, first) for shot in stage.pictures for first, picture in _marked(shot))
    write_film(folder / name, frames, stage.track())
    shown_s = _frame_times_s(folder / name)
    return [_truth(name, cast, take, shown_s) for take in stage.takes]


class Stage:
    """A film while it is made: shots are added to its end, pictures are rendered when they are asked for."""

    def __init__(self, cast: list[Member], rng: np.random.Generator) -> None:
        self.cast, self.rng = cast, rng
        self.synthesizer = Synthesizer()
        self.backdrops = [backdrop(rng) for _ in range(3)]
        self.pictures: list[Iterator[Picture]] = []
        self.takes: list[Take] = []
        self.frames = 0
        self.sounds: list[tuple[float, Signal]] = []
        self.mute_s: list[tuple[float, float]] = []

    def shoot(self, shot: Shot) -> None:
        """Add a shot."""
        if shot.lines:
            self._speech(shot)
        else:
            self._insert(shot)

    def track(self) -> Signal:
        """The sound of the whole film."""
        seconds = self.frames / FPS
        track = room_tone(seconds, self.rng)
        for start_s, sound in self.sounds:
            add(track, sound, start_s)
        for start_s, end_s in self.mute_s:
            track[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)] = 0
        return track

    def _insert(self, shot: Shot) -> None:
        frames = round(self.rng.uniform(*INSERT_S) * FPS)
        start_s = self.frames / FPS
        if shot.sound == "music":
            self.sounds.append((start_s, music(frames / FPS, self.rng)))
        else:
            self.mute_s.append((start_s, start_s + frames / FPS))
        self.pictures.append(insert(frames, self.rng.spawn(1)[0]))
        self.frames += frames

    def _speech(self, shot: Shot) -> None:
        """One actor, one or more lines; with a line of kind no_face something else is seen meanwhile."""
        rng, member = self.rng, self.cast[shot.lines[0].speaker]
        framing = _framing(member.actor, rng)
        seen = shot.lines[0].kind != "no_face"
        keys: list[Key] = []
        spoken: list[tuple[int, Signal]] = []
        at = round(rng.uniform(*PAUSE_S) * FPS)
        for line in shot.lines:
            speech = speak(self.synthesizer, member.voice, line.emotion, rng)
            length = -(-len(speech) * FPS // RATE_HZ)
            start_s = (self.frames + at) / FPS
            if line.kind == "silent":
                self.mute_s.append((start_s - 0.3, start_s + length / FPS + 0.3))
            else:
                spoken.append((at, speech))
                self.sounds.append((start_s, speech))
            first, last = rng.uniform(0.0, SLACK_S, 2)
            span = round(start_s - first, 3), round(start_s + length / FPS + last, 3)
            middle = int(sum(span) / 2 * FPS) - self.frames
            acted = [Key(f, turn, face) for f, turn, face in _acting(line, (at, middle, at + length), rng)]
            keys += acted
            take = Take(line, *span, acted[1] if seen else None, framing if seen else None)
            self.takes.append(take)
            at += length + round(rng.uniform(*PAUSE_S) * FPS)
        opening = np.zeros(at, np.float32)
        for first_frame, speech in spoken:
            opening[first_frame:] = np.maximum(
                opening[first_frame:], mouth_opening(speech, FPS, at - first_frame)
            )
        if seen:
            behind = self.backdrops[int(rng.integers(len(self.backdrops)))]
            light = float(rng.uniform(0.75, 1.1))
            self.pictures.append(portrait_shot(member.actor, framing, behind, keys, opening, light))
        else:
            self.pictures.append(insert(at, rng.spawn(1)[0]))
        self.frames += at


def _framing(actor: Actor, rng: np.random.Generator) -> Framing:
    scale = float(rng.uniform(0.55, 1.05))
    height = actor.size[1] * scale
    face_x = rng.uniform(0.33, 0.67) * SIZE[0]
    left = int(face_x - actor.pivot_px[0] * scale) & ~1
    # Eyes at two fifths of the picture, unless that would show where the photo ends below.
    top = int(max(SIZE[1] - height, rng.uniform(0.36, 0.46) * SIZE[1] - actor.pivot_px[1] * scale)) & ~1
    return Framing(scale, left, top)


def _acting(
    line: Line, frames: tuple[int, int, int], rng: np.random.Generator
) -> list[tuple[int, Turn, Floats]]:
    """What the actor does at the start, the middle and the end of a line."""
    shown = line.emotion
    if rng.random() < MASKED:
        shown = str(rng.choice(LABELS))
    strength = float(np.clip(rng.normal(0.85, 0.3), 0.0, 1.4))
    units = emotion_units(shown) * strength
    units = np.clip(units * rng.uniform(0.4, 1.3, len(units)) + rng.normal(0, 0.14, len(units)), -0.3, 1.5)
    yaw = float(np.clip(rng.normal(0, 13), -32, 32))
    pitch, roll = float(np.clip(rng.normal(0, 5), -12, 12)), float(rng.normal(0, 4))
    if line.kind == "turned":
        yaw, pitch = float(rng.choice([-1, 1]) * rng.uniform(82, 92)), float(rng.uniform(-45, -30))
    acted = []
    for frame, part in zip(frames, (0.8, 1.0, 0.85), strict=True):
        sway = rng.normal(0, (2.5, 1.5, 1.5))
        turn = Turn(yaw + sway[0], pitch + sway[1], roll + sway[2])
        acted.append((frame, turn, expression(units * part)))
    return acted


def _truth(name: str, cast: list[Member], take: Take, shown_s: Floats) -> Truth:
    line, member = take.line, cast[take.line.speaker]
    middle = int(np.searchsorted(shown_s, shown_s[0] + (take.start_s + take.end_s) / 2, side="right")) - 1
    box: tuple[float | None, ...] = (None,) * 7
    if take.key is not None and take.framing is not None:
        turn = take.key.turn
        points = member.actor.face_px(turn, take.key.displacement_cm, take.framing.scale)[:, :2]
        points += np.array([take.framing.left, take.framing.top])
        corners = (*points.min(axis=0), *points.max(axis=0))
        box = (
            *(round(float(c), 1) for c in corners),
            *(round(a, 2) for a in (turn.yaw_deg, turn.pitch_deg, turn.roll_deg)),
        )
    return Truth(
        name,
        take.start_s,
        take.end_s,
        line.label,
        line.emotion,
        member.name,
        line.kind,
        line.kind != "no_face",
        line.kind != "silent",
        middle,
        round(float(shown_s[middle]), 6),
        *box,
    )


def _frame_times_s(path: Path) -> Floats:
    """(frames,) presentation times of a film's pictures, seconds on its own clock, ascending."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        ticks = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
        return np.sort(np.array(ticks)) * float(stream.time_base or 0)


def _marked(shot: Iterator[Picture]) -> Iterator[tuple[bool, Picture]]:
    return zip(chain([True], iter(lambda: False, True)), shot, strict=False)


def _write_csv(path: Path, header: list[str], rows: list[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
