"""Writes the script of a film: the speaker, emotion and shot of each line, and which lines are bad on purpose.

The script is drawn from a seed; nothing is rendered or written here.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

#: Who is shown while somebody speaks; the last three do not show the speaker.
Scene = Literal["talk", "two_shot", "eating_beside", "singing", "dubbed", "listener", "listeners", "chewing"]
Kind = Literal["good", "no_face", "turned", "silent"] | Scene

#: What the actors show.
EMOTIONS: Final = ("angry", "happy", "neutral", "sad")

#: One in this many lines is bad on purpose, each kind in turn; one in this many has no label.
BAD_EVERY, UNLABELLED_EVERY = 15, 18
BAD_KINDS: tuple[Kind, ...] = ("no_face", "turned", "silent")
#: Number of actors in a film: one from each portrait.
CAST = 3
#: Largest number of lines in a shot.
LINES_A_SHOT = 3


@dataclass(frozen=True)
class Line:
    """One annotated span. emotion: the one acted; label: that of the annotation, "" if it has none."""

    speaker: int
    emotion: str
    label: str
    kind: Kind


@dataclass(frozen=True)
class Shot:
    """Consecutive lines of one actor without a cut; no lines: an insert with music, or nothing at all."""

    lines: tuple[Line, ...]
    sound: Literal["speech", "music", "silence"]


def write_script(number: int, clips: int, seed: int, rng: np.random.Generator) -> list[Shot]:
    """The shots of film `number` with `clips` lines in all; emotions are balanced over the film.

    The seed shifts which lines of the whole set are bad or unlabelled, so that their share is the same for any seed.
    """
    emotions = [EMOTIONS[i % 4] for i in range(clips)]
    rng.shuffle(emotions)
    lines = []
    speaker = 0
    for position, emotion in enumerate(emotions):
        if rng.random() < 0.6:
            speaker = int((speaker + rng.integers(1, CAST)) % CAST)
        place = number * clips + position + seed
        kind: Kind = BAD_KINDS[place // BAD_EVERY % 3] if place % BAD_EVERY == 7 else "good"
        label = "" if place % UNLABELLED_EVERY == 4 else emotion
        lines.append(Line(speaker, emotion, label, kind))
    return [Shot((), "music"), *_cut(lines, rng), Shot((), "silence")]


def _cut(lines: list[Line], rng: np.random.Generator) -> list[Shot]:
    shots: list[Shot] = []
    current: list[Line] = []
    for line in lines:
        fits = (
            current
            and len(current) < LINES_A_SHOT
            and line.speaker == current[0].speaker
            and line.kind == current[0].kind == "good"
        )
        if current and not fits:
            shots.append(Shot(tuple(current), "speech"))
            current = []
            if rng.random() < 0.15:
                shots.append(Shot((), "music" if rng.random() < 0.6 else "silence"))
        current.append(line)
    return [*shots, Shot(tuple(current), "speech")]
