"""Films of scenes in which it matters who speaks: two people, listeners, a voice from elsewhere, dubbing, chewing.

Each scene is a shot of one annotated line. The truth holds the box of the face that speaks, and none if it is not seen.
"""

from collections.abc import Iterator
from typing import Final, get_args

import numpy as np

from emodal_data.sample_films.camera import Key, portrait_shot
from emodal_data.sample_films.encoder import FPS
from emodal_data.sample_films.layer import Framing, planes
from emodal_data.sample_films.materials import Picture
from emodal_data.sample_films.meshes import Floats
from emodal_data.sample_films.script import EMOTIONS, Line, Scene
from emodal_data.sample_films.sound import mouth_opening, music
from emodal_data.sample_films.stage import Member, Stage, Take, acting, framed, pause_frames, portrait_framing
from emodal_data.sample_films.voice import RATE_HZ, SENTENCES, Signal, speak

SCENES: Final = get_args(Scene)
#: Share of the mouth's opening that follows the loudness; the rest is articulation that loudness does not show. The
#: correlation with the voice is then that of real talkers (docs/benchmarks/2026-11-30-speakers.md).
FOLLOWS = 0.5
#: Talking and chewing mouths open wider than those of the other sample films, by this factor: the mesh does not see
#: openings below one half, and measures too little movement otherwise (real talkers: 0.017 to 0.035 eye distances).
GAIN = 2.4
#: Opening of a mouth that begins to speak, and the widest one, in openings of the other sample films.
PARTED, WIDEST = 0.3, 2.0
#: Scale of an actor alone, and of each of two: farther away than in the other films, and without blinks. On such scenes
#: the speaking score was measured.
APART, BESIDE = (0.5, 0.95), (0.5, 0.75)
#: Pause between the two sentences of a line.
BETWEEN_S = 0.1
#: Lag of dubbed sound, to either side.
DUBBED_S = (0.2, 0.45)


class SceneStage(Stage):
    """A film of scenes in the making."""

    def play(self, scene: Scene, emotion: str) -> None:
        """Add a shot of one scene. Two people are shown side by side where the scene has two."""
        rng = self._rng
        speaker, other, third = (self._cast[n] for n in rng.permutation(len(self._cast)))
        speech = self._sung(speaker) if scene == "singing" else self._spoken(speaker, emotion)
        room = round(DUBBED_S[1] * FPS) if scene == "dubbed" else 0  # the moved sound stays within the shot
        before, after = pause_frames(rng) + room, pause_frames(rng) + room
        length = -(-len(speech) * FPS // RATE_HZ)
        total, start = before + length + after, self._frames
        lag_s = float(rng.choice([-1, 1]) * rng.uniform(*DUBBED_S)) if scene == "dubbed" else 0.0
        self._sounds.append(((start + before) / FPS + lag_s, speech))
        if scene == "singing":
            self._sounds.append((start / FPS, music(total / FPS, rng) * np.float32(0.5)))

        talking = _placed(_articulated(speech, length, rng), before, total)
        line = Line(0, emotion, emotion, scene)
        span = round((start + before) / FPS, 3), round((start + before + length) / FPS, 3)
        frames = (before, int(sum(span) / 2 * FPS) - start, before + length)
        shown: list[tuple[Member, Signal]] = {
            "talk": [(speaker, talking)],
            "dubbed": [(speaker, talking)],
            "singing": [(speaker, talking)],
            "two_shot": [(speaker, talking), (other, _idle(total, rng))],
            "eating_beside": [(speaker, talking), (other, _chewing(total, rng))],
            "listener": [(other, _idle(total, rng))],
            "listeners": [(third, _idle(total, rng)), (other, _idle(total, rng))],
            "chewing": [(other, _chewing(total, rng))],
        }[scene]
        if rng.random() < 0.5:
            shown.reverse()
        behind = self._backdrops[int(rng.integers(len(self._backdrops)))]
        shots: list[Iterator[Picture]] = []
        seen: tuple[Key, Framing] | None = None
        for place, (member, mouth) in enumerate(shown):
            framing = (
                portrait_framing(member.actor, rng, APART) if len(shown) == 1 else _beside(member, place, rng)
            )
            keys = acting(line, frames, rng)
            light = float(rng.uniform(0.85, 1.1))
            shots.append(portrait_shot(member.actor, framing, behind, keys, mouth, light))
            if member is speaker:
                seen = keys[1], framing
        self.takes.append(Take(line, speaker, *span, seen))
        self._shots.append(shots[0] if len(shots) == 1 else side_by_side(*shots))
        self._frames += total

    def _spoken(self, member: Member, emotion: str) -> Signal:
        """Two sentences: as long as a line of a film."""
        one, two = (speak(self._synthesizer, member.voice, emotion, self._rng) for _ in range(2))
        return np.concatenate([one, np.zeros(round(BETWEEN_S * RATE_HZ), np.float32), two])

    def _sung(self, member: Member) -> Signal:
        """A sentence drawn out, with a wide range of pitch."""
        voice = member.voice
        sung = self._synthesizer(
            voice.name, str(self._rng.choice(SENTENCES)), 85, round(voice.pitch + 15), 95
        )
        voiced = np.flatnonzero(np.abs(sung) > 0.01)
        sung = sung[voiced[0] : voiced[-1] + 1]
        return np.asarray(sung * (0.35 / np.abs(sung).max()), dtype=np.float32)


def write_scenes(clips: int, rng: np.random.Generator) -> list[tuple[Scene, str]]:
    """The scenes of a film and the emotion of each, in random order; each scene as often as the others."""
    first = int(rng.integers(len(SCENES)))
    scenes = [SCENES[(first + number) % len(SCENES)] for number in range(clips)]
    rng.shuffle(scenes)
    return [(scene, EMOTIONS[int(rng.integers(len(EMOTIONS)))]) for scene in scenes]


def side_by_side(left: Iterator[Picture], right: Iterator[Picture]) -> Iterator[Picture]:
    """The left half of one shot beside the right half of another."""
    for picture, other in zip(left, right, strict=True):
        for plane, from_right in zip(planes(picture), planes(other), strict=True):
            plane[:, plane.shape[1] // 2 :] = from_right[:, plane.shape[1] // 2 :]
        yield picture


def _beside(member: Member, place: int, rng: np.random.Generator) -> Framing:
    """A framing with the face in the middle of the left (place 0) or right half."""
    scale = float(rng.uniform(*BESIDE))
    return framed(
        member.actor, scale, float(rng.uniform(0.22, 0.28)) + place / 2, float(rng.uniform(0.38, 0.46))
    )


def _articulated(speech: Signal, frames: int, rng: np.random.Generator) -> Signal:
    """Opening of a mouth that says this, 0 to 1: it follows the loudness, and its own way."""
    loud = mouth_opening(speech, FPS, frames)
    own = _smooth(rng.uniform(-0.6, 1.0, frames))
    spread = float(loud.std()) / max(float(own.std()), 1e-6)
    own = (own - own.mean()) * spread + loud.mean()
    opening = PARTED + GAIN * (FOLLOWS * loud + (1 - FOLLOWS) * own)
    return _signal(opening * (loud > 0.05))


def _idle(frames: int, rng: np.random.Generator) -> Signal:
    """A closed mouth that is never quite still."""
    return _signal(0.05 + 0.08 * _smooth(rng.normal(0.0, 1.0, frames)))


def _chewing(frames: int, rng: np.random.Generator) -> Signal:
    """A jaw that goes up and down, 1.2 to 1.8 times a second, not always as far."""
    phase = np.cumsum(2 * np.pi * rng.uniform(1.2, 1.8) / FPS * rng.uniform(0.8, 1.2, frames)) + rng.uniform(
        0, 6.3
    )
    height = rng.uniform(0.25, 0.5) * (1 + 0.3 * _smooth(rng.normal(0.0, 1.0, frames)))
    return _signal(GAIN * height * (1 + np.sin(phase)) / 2)


def _signal(opening: Floats) -> Signal:
    return np.asarray(np.clip(opening, 0.0, WIDEST), np.float32)


def _smooth(noise: Floats) -> Floats:
    return np.convolve(np.pad(noise, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")


def _placed(mouth: Signal, first: int, frames: int) -> Signal:
    """The opening at its place in a shot, closed before and after."""
    whole = np.zeros(frames, np.float32)
    whole[first : first + len(mouth)] = mouth
    return whole
