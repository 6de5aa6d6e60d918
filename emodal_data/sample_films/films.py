"""Makes sample films from a seed: encoded films, the annotation table and the truth table.

The room's work, top to bottom; the files that it calls decide how things look and sound.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import av
import cv2
import numpy as np

from emodal_data.core.errors import InputError
from emodal_data.core.text import csv_text
from emodal_data.sample_films.actors import draw_actor
from emodal_data.sample_films.encoder import write_film
from emodal_data.sample_films.meshes import Floats
from emodal_data.sample_films.portraits import portraits
from emodal_data.sample_films.scenes import SceneStage, write_scenes
from emodal_data.sample_films.script import CAST, write_script
from emodal_data.sample_films.stage import Member, Stage, Take
from emodal_data.sample_films.voice import draw_voice
from emodal_data.storage.files import atomic_path, write_bytes

#: Every third film is Matroska.
CONTAINERS = ("mp4", "mp4", "mkv")


@dataclass(frozen=True)
class Truth:
    """One row of truth.csv.

    label: that of the annotation; emotion: the one acted. kind: "good", or bad on purpose: "no_face", "turned",
    "silent". middle_frame, middle_pts_s: the frame on screen in the middle of the span. x0 to y1: the face in
    that frame, px; yaw_deg to roll_deg: its pose, with the signs of emodal_data/face/; empty without a face.
    """

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
    x0: float | None = None
    y0: float | None = None
    x1: float | None = None
    y1: float | None = None
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None


def make_sample_films(
    folder: Path,
    films: int = 6,
    clips_per_film: int = 12,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    scenes: bool = False,
) -> None:
    """Write `films` films with known truth: folder/films/*, folder/annotations.csv, folder/truth.csv.

    The same arguments give the same bytes. on_progress: called with the number of films done and of all films.
    scenes: films of the scenes in scenes.py instead, in which it matters who speaks: kind is the scene, and the box is
    that of the face that speaks, empty if it is not shown.
    Raises InputError if a package with the material is missing, a number is too small or the folder cannot be
    written, WorkError if the disk is full.
    """
    if films < 1 or clips_per_film < 1 or seed < 0:
        raise InputError("sample films need films >= 1, clips_per_film >= 1 and seed >= 0")
    # The material of all films is read once, and missing packages are reported before anything is written.
    portraits()
    rows: dict[int, list[Truth]] = {}
    # Films are made in parallel, a thread each, so OpenCV's own threads would only compete with them.
    opencv_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    pool = ThreadPoolExecutor(min(films, os.cpu_count() or 1))
    try:
        jobs = {
            pool.submit(_make_film, folder / "films", n, clips_per_film, seed, scenes): n
            for n in range(films)
        }
        for job in as_completed(jobs):
            rows[jobs[job]] = job.result()
            if on_progress is not None:
                on_progress(len(rows), films)
    finally:
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(opencv_threads)
    truth = [row for number in range(films) for row in rows[number]]
    facts = csv_text([[field.name for field in fields(Truth)], *map(astuple, truth)])
    write_bytes(folder / "truth.csv", facts.encode())
    spans = [(row.film, row.start, row.end, row.label, row.speaker) for row in truth]
    table = csv_text([("film", "start", "end", "label", "speaker"), *spans])
    write_bytes(folder / "annotations.csv", table.encode())


def _make_film(folder: Path, number: int, clips: int, seed: int, scenes: bool) -> list[Truth]:
    rng = np.random.default_rng([seed, number])
    path = folder / f"film_{number:03d}.{CONTAINERS[number % len(CONTAINERS)]}"
    cast = [
        Member(f"s{number:03d}{letter}", draw_actor(int(portrait), rng), draw_voice(rng))
        for letter, portrait in zip("abc", rng.permutation(CAST), strict=True)
    ]
    stage = SceneStage(cast, rng) if scenes else Stage(cast, rng)
    if isinstance(stage, SceneStage):
        for scene, emotion in write_scenes(clips, rng):
            stage.play(scene, emotion)
    else:
        for shot in write_script(number, clips, seed, rng):
            stage.shoot(shot)
    with atomic_path(path) as temporary:
        write_film(temporary, path.suffix, stage.frames(), stage.track())
    start_s, frames_s = _clock(path)
    return [_truth(path.name, take, start_s, frames_s) for take in stage.takes]


def _clock(path: Path) -> tuple[float, Floats]:
    """The start of a film, and the times of its frames, (n,) ascending; seconds by the file's time stamps."""
    with av.open(str(path)) as film:
        video = film.streams.video[0]
        ticks = sorted(packet.pts for packet in film.demux(video) if packet.pts is not None)
        return (film.start_time or 0) / av.time_base, np.array(ticks) * float(video.time_base or 0)


def frame_on_screen(t_s: float, frames_s: Floats) -> int:
    """The last frame whose time is at or before t_s, both rounded to microseconds so that an equal time counts."""
    return int(np.searchsorted(np.round(frames_s, 6), round(t_s, 6), side="right")) - 1


def _truth(film: str, take: Take, start_s: float, frames_s: Floats) -> Truth:
    middle_s = start_s + (take.start_s + take.end_s) / 2
    middle = frame_on_screen(middle_s, frames_s)
    face: list[float] = []
    if take.seen is not None:
        key, framing = take.seen
        points = take.member.actor.face_px(key.turn, key.displacement_cm, framing.scale)[:, :2]
        points += np.array([framing.left, framing.top])
        face = [round(float(side), 1) for side in (*points.min(axis=0), *points.max(axis=0))]
        face += [round(angle, 2) for angle in (key.turn.yaw_deg, key.turn.pitch_deg, key.turn.roll_deg)]
    line = take.line
    return Truth(
        film,
        take.start_s,
        take.end_s,
        line.label,
        line.emotion,
        take.member.name,
        line.kind,
        line.kind != "no_face",
        line.kind != "silent",
        middle,
        round(float(frames_s[middle]), 6),
        *face,
    )
