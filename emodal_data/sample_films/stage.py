"""Turns the shots of a script into takes on the film's clock, with pictures, speech, music and silence.

The acting, framing and timing of each line are drawn here; pictures are rendered later, one at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from emodal_data.sample_films.actors import Actor, Turn
from emodal_data.sample_films.backdrops import backdrop
from emodal_data.sample_films.camera import Key, insert, portrait_shot
from emodal_data.sample_films.encoder import FPS, SIZE
from emodal_data.sample_films.expressions import emotion_units, expression
from emodal_data.sample_films.layer import Framing
from emodal_data.sample_films.materials import Picture
from emodal_data.sample_films.script import EMOTIONS, Line, Shot
from emodal_data.sample_films.sound import add, mouth_opening, music, room_tone
from emodal_data.sample_films.voice import RATE_HZ, Signal, Synthesizer, Voice, speak

#: Pause before the first line of a shot, between lines and after the last.
PAUSE_S = (0.12, 0.4)
#: An annotated span begins before the speech and ends after it by up to this much. Spans never overlap.
SLACK_S = 0.06
#: A silent line is silent for this much before and after its span.
MUTE_S = 0.1
INSERT_S = (1.2, 2.6)
#: Share of the lines in which the face shows a random emotion, as people sometimes do.
MASKED = 0.1
#: Scale of the actor between a medium shot and a close-up.
CLOSE = (1.1, 1.45)


@dataclass(frozen=True, eq=False)
class Member:
    """A member of a film's cast."""

    name: str
    actor: Actor
    voice: Voice


@dataclass(frozen=True, eq=False)
class Take:
    """A line on the film's clock. seen: the actor's key in the middle, and the framing; None if no actor is shown."""

    line: Line
    member: Member
    start_s: float
    end_s: float
    seen: tuple[Key, Framing] | None


class Stage:
    """A film in the making: shots are added at its end, and pictures are rendered when frames() is read."""

    def __init__(self, cast: list[Member], rng: np.random.Generator) -> None:
        self.takes: list[Take] = []
        self._cast, self._rng = cast, rng
        self._synthesizer = Synthesizer()
        self._backdrops = [backdrop(rng) for _ in range(3)]
        self._shots: list[Iterator[Picture]] = []
        self._frames = 0
        self._sounds: list[tuple[float, Signal]] = []
        self._silences_s: list[tuple[float, float]] = []

    def shoot(self, shot: Shot) -> None:
        """Add a shot."""
        self._frames += self._speech(shot) if shot.lines else self._insert(shot)

    def frames(self) -> Iterator[tuple[Picture, bool]]:
        """The film's pictures, planar YUV, and whether each is the first of a shot."""
        for shot in self._shots:
            is_cut = True
            for picture in shot:
                yield picture, is_cut
                is_cut = False

    def track(self) -> Signal:
        """The sound of the whole film, mono float32 at RATE_HZ."""
        track = room_tone(self._frames / FPS, self._rng)
        for start_s, sound in self._sounds:
            add(track, sound, start_s)
        for start_s, end_s in self._silences_s:
            track[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)] = 0
        return track

    def _insert(self, shot: Shot) -> int:
        """A shot without a face, with music or silence. Returns its frames."""
        frames = round(self._rng.uniform(*INSERT_S) * FPS)
        start_s = self._frames / FPS
        if shot.sound == "music":
            self._sounds.append((start_s, music(frames / FPS, self._rng)))
        else:
            self._silences_s.append((start_s, start_s + frames / FPS))
        self._shots.append(insert(frames, self._rng.spawn(1)[0]))
        return frames

    def _speech(self, shot: Shot) -> int:
        """A shot of one actor with one or more lines, or an insert if a line has kind no_face. Returns its frames."""
        rng, member = self._rng, self._cast[shot.lines[0].speaker]
        framing = portrait_framing(member.actor, rng)
        shown = shot.lines[0].kind != "no_face"
        keys: list[Key] = []
        mouth: list[Signal] = [np.zeros(pause_frames(rng), np.float32)]
        at = len(mouth[0])
        for line in shot.lines:
            speech = speak(self._synthesizer, member.voice, line.emotion, rng)
            length = -(-len(speech) * FPS // RATE_HZ)
            start_s, end_s = (self._frames + at) / FPS, (self._frames + at + length) / FPS
            if line.kind == "silent":
                self._silences_s.append((start_s - MUTE_S, end_s + MUTE_S))
            else:
                self._sounds.append((start_s, speech))
            early, late = rng.uniform(0.0, SLACK_S, 2)
            span = round(start_s - early, 3), round(end_s + late, 3)
            middle = int(sum(span) / 2 * FPS) - self._frames
            keys += acting(line, (at, middle, at + length), rng)
            self.takes.append(Take(line, member, *span, (keys[-2], framing) if shown else None))
            mouth += [mouth_opening(speech, FPS, length), np.zeros(pause_frames(rng), np.float32)]
            at += len(mouth[-2]) + len(mouth[-1])
        if shown:
            behind = self._backdrops[int(rng.integers(len(self._backdrops)))]
            light = float(rng.uniform(0.85, 1.1))
            opening = np.concatenate(mouth)
            self._shots.append(
                portrait_shot(member.actor, framing, behind, keys, opening, light, rng.spawn(1)[0])
            )
        else:
            self._shots.append(insert(at, rng.spawn(1)[0]))
        return at


def pause_frames(rng: np.random.Generator) -> int:
    """Frames of a pause."""
    return round(rng.uniform(*PAUSE_S) * FPS)


def portrait_framing(actor: Actor, rng: np.random.Generator, scales: tuple[float, float] = CLOSE) -> Framing:
    """A framing of one actor, near the middle."""
    scale = float(rng.uniform(*scales))
    return framed(actor, scale, rng.uniform(0.33, 0.67), rng.uniform(0.36, 0.46))


def framed(actor: Actor, scale: float, x: float, y: float) -> Framing:
    """The framing with the eyes at x and y, in shares of the picture's sides.

    They are higher or lower if otherwise the lower edge of the texture would show.
    """
    left = int(x * SIZE[0] - actor.pivot_px[0] * scale) & ~1
    top = y * SIZE[1] - actor.pivot_px[1] * scale
    return Framing(scale, left, int(max(SIZE[1] - actor.size[1] * scale, top)) & ~1)


def acting(line: Line, frames: tuple[int, int, int], rng: np.random.Generator) -> list[Key]:
    """Keys of the actor at the start, the middle and the end of a line."""
    shown = str(rng.choice(EMOTIONS)) if rng.random() < MASKED else line.emotion
    units = emotion_units(shown) * np.clip(rng.normal(0.85, 0.3), 0.0, 1.4)
    units = np.clip(units * rng.uniform(0.4, 1.3, len(units)) + rng.normal(0, 0.14, len(units)), -0.3, 1.5)
    yaw, pitch, roll = np.clip(rng.normal(0, (13.0, 5.0, 4.0)), (-32, -12, -12), (32, 12, 12))
    if line.kind == "turned":
        yaw, pitch = rng.choice([-1, 1]) * rng.uniform(82, 92), rng.uniform(-45, -30)
    keys = []
    for frame, part in zip(frames, (0.8, 1.0, 0.85), strict=True):
        sway = rng.normal(0, (2.5, 1.5, 1.5))
        turn = Turn(float(yaw + sway[0]), float(pitch + sway[1]), float(roll + sway[2]))
        keys.append(Key(frame, turn, expression(units * part)))
    return keys
