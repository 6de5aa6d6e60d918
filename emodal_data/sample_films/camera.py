"""Renders shots as planar YUV 4:2:0 pictures: an actor in front of a backdrop, or an insert without people.

Nothing here knows emotions or annotations. layer.py puts an actor into a picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.sample_films.actors import Actor, Turn
from emodal_data.sample_films.encoder import SIZE
from emodal_data.sample_films.expressions import jaw_displacement
from emodal_data.sample_films.layer import Framing, Layer, planes, yuv
from emodal_data.sample_films.materials import FOOTAGE, STILLS, Picture, footage, still
from emodal_data.sample_films.meshes import Floats, Grid, Map

#: Opening of the mouth at the loudest speech.
SPEAKING_CM = 0.9


@dataclass(frozen=True, eq=False)
class Key:
    """Pose and expression of the actor at a frame of the shot; they are interpolated between keys."""

    frame: int
    turn: Turn
    displacement_cm: Floats


def backdrop(rng: np.random.Generator) -> Picture:
    """The picture behind the actors: a still, out of focus, planar YUV."""
    source = still(int(rng.integers(len(STILLS))))
    height, width = source.shape[:2]
    crop_h = round(min(height, width * 9 / 16) * rng.uniform(0.6, 1.0))
    crop_w = round(crop_h * 16 / 9)
    top, left = int(rng.integers(height - crop_h + 1)), int(rng.integers(max(1, width - crop_w + 1)))
    small = cv2.resize(
        source[top : top + crop_h, left : left + crop_w], (320, 180), interpolation=cv2.INTER_AREA
    )
    soft = cv2.GaussianBlur(small, (0, 0), float(rng.uniform(1.5, 4.0)))
    lit = np.clip(soft * rng.uniform(0.5, 0.95), 0, 255).astype(np.uint8)
    return yuv(cv2.resize(lit, SIZE, interpolation=cv2.INTER_LINEAR))


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
) -> Iterator[Picture]:
    """The actor speaking in front of a backdrop: one planar YUV picture for each value of `opening`.

    keys: at least two, ascending by frame. opening: (frames,) of the mouth, 0 to 1. light: gain on Y.
    """
    layer = Layer(actor, framing, light)
    at_rest = behind.copy()
    layer.lay_body(at_rest, behind)
    maps: dict[int, tuple[Map, Map]] = {}
    times = [key.frame for key in keys]
    for number, opened in enumerate(opening):
        # Before the first key and after the last, the actor holds still.
        at = float(np.interp(number, times, range(len(keys))))
        low = min(int(at), len(keys) - 2)
        for index in (low, low + 1):
            if index not in maps:
                maps[index] = _key_maps(actor, keys[index], layer.head)
        maps.pop(low - 1, None)
        share, wide = at - low, float(opened)
        closed, opened_wide = (
            cv2.addWeighted(maps[low][i], 1 - share, maps[low + 1][i], share, 0) for i in (0, 1)
        )
        # Only the head moves; the rest was drawn once.
        picture = at_rest.copy()
        layer.lay_head(picture, behind, cv2.addWeighted(closed, 1 - wide, opened_wide, wide, 0))
        yield picture


def _key_maps(actor: Actor, key: Key, grid: Grid) -> tuple[Map, Map]:
    """Inverse maps with the mouth closed and open."""
    open_mouth = key.displacement_cm + jaw_displacement() * SPEAKING_CM
    return actor.posed(key.turn, key.displacement_cm, grid), actor.posed(key.turn, open_mouth, grid)


def _enlarged(small: Picture) -> Picture:
    """A planar YUV picture scaled to the size of the film."""
    width, height = SIZE
    picture = np.empty((height * 3 // 2, width), np.uint8)
    for source, target in zip(planes(small), planes(picture), strict=True):
        cv2.resize(source, target.shape[::-1], dst=target, interpolation=cv2.INTER_LINEAR)
    return picture
