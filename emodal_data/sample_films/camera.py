"""Renders shots as planar YUV 4:2:0 pictures: an actor in front of a backdrop, or an insert without people.

Nothing here knows emotions or annotations. layer.py puts an actor into a picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.sample_films.actors import Actor, Turn
from emodal_data.sample_films.encoder import FPS, SIZE
from emodal_data.sample_films.expressions import jaw_displacement, lid_displacement
from emodal_data.sample_films.layer import Framing, Layer, planes
from emodal_data.sample_films.materials import FOOTAGE, Picture, footage
from emodal_data.sample_films.meshes import Floats, Grid, Map

#: Opening of the mouth at the loudest speech.
SPEAKING_CM = 0.9
#: People blink every few seconds. Closing of the lids in the frames of a blink, and pauses between blinks.
BLINK = (0.5, 1.0, 1.0, 0.6, 0.2)
BETWEEN_BLINKS_S = (1.2, 4.0)
#: The partner stands this far beside the camera. Glances last this long, and this share of them goes elsewhere.
PARTNER_DEG = (0.0, 14.0)
GLANCE_S = (0.6, 1.8)
AWAY = 0.2
#: Eyes turn by up to this much in the head, yaw and pitch; an iris lies this far from the eye's centre.
EYE_DEG = np.array([22.0, 10.0])
EYE_CM = 1.1


@dataclass(frozen=True, eq=False)
class Key:
    """Pose and expression of the actor at a frame of the shot; they are interpolated between keys."""

    frame: int
    turn: Turn
    displacement_cm: Floats


def insert(frames: int, rng: np.random.Generator) -> Iterator[Picture]:
    """A shot without a face: footage, played forwards and backwards as long as needed."""
    pictures = footage(int(rng.integers(len(FOOTAGE))))
    there_and_back = [*range(len(pictures)), *range(len(pictures) - 2, 0, -1)]
    for number in range(frames):
        yield _enlarged(pictures[there_and_back[number % len(there_and_back)]])


def portrait_shot(
    actor: Actor,
    framing: Framing,
    behind: Picture,
    keys: list[Key],
    opening: npt.NDArray[np.float32],
    light: float,
    eyes: np.random.Generator | None = None,
) -> Iterator[Picture]:
    """The actor speaking in front of a backdrop: one planar YUV picture for each value of `opening`.

    keys: at least two, ascending by frame. opening: (frames,) of the mouth, 0 to 1. light: gain on Y.
    eyes: draws when they shut and where they look; without it they stay open and look where the nose points.
    """
    layer = Layer(actor, framing, light)
    at_rest = behind.copy()
    layer.lay_body(at_rest, behind)
    maps: dict[int, KeyMaps] = {}
    times = [key.frame for key in keys]
    frames = len(opening)
    blinking = np.zeros(frames) if eyes is None else _blinks(frames, times, eyes)
    looking = None if eyes is None else _targets(frames, eyes)
    for number, (opened, shut) in enumerate(zip(opening, blinking, strict=True)):
        # Before the first key and after the last, the actor holds still.
        at = float(np.interp(number, times, range(len(keys))))
        low = min(int(at), len(keys) - 2)
        for index in (low, low + 1):
            if index not in maps:
                maps[index] = KeyMaps(actor, keys[index], layer.head)
        maps.pop(low - 1, None)
        target = None if looking is None else looking[number]
        before, after = (maps[index].at(float(opened), float(shut), target) for index in (low, low + 1))
        # Only the head moves; the rest was drawn once.
        picture = at_rest.copy()
        layer.lay_head(picture, behind, cv2.addWeighted(before, 1 - (at - low), after, at - low, 0))
        yield picture


class KeyMaps:
    """Inverse maps of a key: with mouth and eyes as they are, and what an open mouth and shut eyes add."""

    def __init__(self, actor: Actor, key: Key, grid: Grid) -> None:
        self._actor, self._key, self._grid = actor, key, grid
        self._rest = self._posed(np.zeros_like(key.displacement_cm))
        self._speaking = self._posed(jaw_displacement() * SPEAKING_CM) - self._rest
        self._blinking: Map | None = None
        eyes = cv2.remap(actor.eyes, self._rest, None, cv2.INTER_LINEAR)
        left, top, width, height = cv2.boundingRect((eyes > 0).astype(np.uint8))
        self._eye_box = slice(top, top + height), slice(left, left + width)
        self._eyes = eyes[self._eye_box][:, :, None]

    def at(self, opened: float, shut: float, target_deg: Floats | None) -> Map:
        """The map with the mouth opened and the eyes shut by these shares.

        target_deg: (yaw, pitch) at which the eyes look, from the camera's axis; None for where the nose points.
        """
        mapped = self._rest + self._speaking * np.float32(opened)
        if target_deg is not None:
            mapped[self._eye_box] -= self._eyes * (self._gaze_px(target_deg) * np.float32(1 - shut))
        if shut > 0:
            if self._blinking is None:
                self._blinking = self._posed(lid_displacement()) - self._rest
            mapped += self._blinking * np.float32(shut)
        return mapped

    def _gaze_px(self, target_deg: Floats) -> Map:
        """(2,) How far the irises move in the texture: the eyes turn against the head, as far as eyes do."""
        turn = self._key.turn
        yaw, pitch = np.clip(target_deg - [turn.yaw_deg, turn.pitch_deg], -EYE_DEG, EYE_DEG)
        moved_cm = EYE_CM * np.sin(np.radians([yaw, -pitch]))
        return np.asarray(moved_cm * self._actor.px_per_cm, np.float32)

    def _posed(self, moved_cm: Floats) -> Map:
        key = self._key
        return self._actor.posed(key.turn, key.displacement_cm + moved_cm, self._grid)


def _blinks(frames: int, keys: list[int], rng: np.random.Generator) -> Floats:
    """(frames,) Closing of the eyes, 0 to 1. At a key, which the truth describes, they are open."""
    shut = np.zeros(frames)
    at_s = rng.uniform(0.2, BETWEEN_BLINKS_S[1])
    while (first := round(at_s * FPS)) + len(BLINK) <= frames:
        if not any(first - 2 <= key <= first + len(BLINK) + 1 for key in keys):
            shut[first : first + len(BLINK)] = BLINK
        at_s += rng.uniform(*BETWEEN_BLINKS_S)
    return shut


def _targets(frames: int, rng: np.random.Generator) -> Floats:
    """(frames, 2) Yaw and pitch, degrees from the camera's axis, at which the eyes look: a partner, at times away."""
    partner = rng.choice([-1, 1]) * rng.uniform(*PARTNER_DEG)
    targets = np.empty((frames, 2))
    first = 0
    while first < frames:
        last = first + round(rng.uniform(*GLANCE_S) * FPS)
        away = rng.uniform((-25.0, -12.0), (25.0, 8.0))
        targets[first:last] = away if rng.random() < AWAY else (partner, 0.0)
        first = last
    return targets


def _enlarged(small: Picture) -> Picture:
    """A planar YUV picture scaled to the size of the film."""
    width, height = SIZE
    picture = np.empty((height * 3 // 2, width), np.uint8)
    for source, target in zip(planes(small), planes(picture), strict=True):
        cv2.resize(source, target.shape[::-1], dst=target, interpolation=cv2.INTER_LINEAR)
    return picture
