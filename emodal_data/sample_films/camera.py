"""The camera: shots as planar YUV 4:2:0 pictures, an actor in front of a backdrop or an insert without anybody.

Works in YUV throughout, because a film has thousands of frames; nothing here knows emotions or annotations.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.sample_films.actors import Actor, Pose
from emodal_data.sample_films.encoder import SIZE
from emodal_data.sample_films.expressions import jaw_displacement
from emodal_data.sample_films.materials import FOOTAGE, STILLS, Picture, footage, still
from emodal_data.sample_films.meshes import Floats, Map

#: The inverse map is computed at every 4th pixel and interpolated: a face is smooth.
STEP_PX = 4
#: A wide open mouth while speaking.
SPEAKING_CM = 0.9


@dataclass(frozen=True, eq=False)
class Key:
    """What the actor does at a frame of the shot; between keys everything moves evenly."""

    frame: int
    pose: Pose
    displacement_cm: Floats


@dataclass(frozen=True, eq=False)
class Framing:
    """Where the actor stands. scale: px of the film per px of the texture. left, top: px, even, may be negative."""

    scale: float
    left: int
    top: int


def backdrop(rng: np.random.Generator) -> Picture:
    """A still behind the actors, out of focus: planar YUV."""
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
    return _yuv(cv2.resize(lit, SIZE, interpolation=cv2.INTER_LINEAR))


def insert(frames: int, rng: np.random.Generator) -> Iterator[Picture]:
    """A shot without a face: footage, to and fro as long as needed."""
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

    keys: ascending by frame, the first at 0, the last at or after the last frame. opening: (frames,) of the mouth,
    0 to 1. light: gain on the actor's luminance.
    """
    luma, chroma = _premultiplied(actor, light)
    width, height = SIZE
    shown_w, shown_h = (round(side * framing.scale) for side in actor.size)
    x0, y0 = max(0, framing.left), max(0, framing.top)
    x1, y1 = min(width, framing.left + shown_w) & ~1, min(height, framing.top + shown_h) & ~1
    offset = (x0 - framing.left, y0 - framing.top)
    maps: dict[int, tuple[Map, Map]] = {}
    for number, opened in enumerate(opening):
        after = next(i for i in range(1, len(keys)) if keys[i].frame >= number)
        before, following = keys[after - 1], keys[after]
        for index in (after - 1, after):
            if index not in maps:
                maps[index] = _key_maps(actor, keys[index], framing.scale)
        maps.pop(after - 2, None)
        share = (number - before.frame) / max(1, following.frame - before.frame)
        closed = cv2.addWeighted(maps[after - 1][0], 1 - share, maps[after][0], share, 0)
        wide = cv2.addWeighted(maps[after - 1][1], 1 - share, maps[after][1], share, 0)
        mapped = cv2.addWeighted(closed, 1 - float(opened), wide, float(opened), 0)
        picture = behind.copy()
        _paste(picture, luma, chroma, mapped, (x0, y0, x1, y1), offset)
        yield picture


def _key_maps(actor: Actor, key: Key, scale: float) -> tuple[Map, Map]:
    open_mouth = key.displacement_cm + jaw_displacement() * SPEAKING_CM
    return (
        actor.posed(key.pose, key.displacement_cm, scale, STEP_PX),
        actor.posed(key.pose, open_mouth, scale, STEP_PX),
    )


def _paste(
    picture: Picture,
    luma: Picture,
    chroma: Picture,
    mapped: Map,
    box: tuple[int, int, int, int],
    offset: tuple[int, int],
) -> None:
    """Put the posed actor into a picture, in place. luma: Y, alpha; chroma: U, V, alpha; both premultiplied."""
    x0, y0, x1, y1 = box
    full = _sampled(mapped, (x1 - x0, y1 - y0), 1.0, offset)
    front = cv2.remap(luma, full, None, cv2.INTER_LINEAR)
    y, u, v = _planes(picture)
    _over(y[y0:y1, x0:x1], front[:, :, 0], front[:, :, 1])
    half = _sampled(mapped, ((x1 - x0) // 2, (y1 - y0) // 2), 2.0, offset) * np.float32(0.5) - np.float32(
        0.25
    )
    front = cv2.remap(chroma, half, None, cv2.INTER_LINEAR)
    for plane, place in enumerate((u, v)):
        _over(place[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2], front[:, :, plane], front[:, :, 2])


def _sampled(mapped: Map, size: tuple[int, int], pixel: float, offset: tuple[int, int]) -> Map:
    """The coarse map at every `pixel` px of a region that starts at `offset`."""
    k = pixel / STEP_PX
    shift = [(o + (pixel - 1) / 2) / STEP_PX for o in offset]
    matrix = np.array([[k, 0, shift[0]], [0, k, shift[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(mapped, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _over(place: Picture, front: Picture, alpha: Picture) -> None:
    kept = cv2.multiply(place, cv2.bitwise_not(alpha), scale=1 / 255)
    cv2.add(kept, front, dst=kept)
    place[...] = kept


def _premultiplied(actor: Actor, light: float) -> tuple[Picture, Picture]:
    """Y and alpha at full size, (h, w, 2); U, V and alpha at half size, (h / 2, w / 2, 3)."""
    width, height = (side & ~1 for side in actor.size)
    y, u, v = _planes(_yuv(actor.texture[:height, :width]))
    alpha = actor.alpha[:height, :width]
    lit = np.clip(y * np.float32(light), 0, 235).astype(np.uint8)
    half = cv2.resize(alpha, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    luma = cv2.merge([cv2.multiply(lit, alpha, scale=1 / 255), alpha])
    chroma = cv2.merge([cv2.multiply(plane, half, scale=1 / 255) for plane in (u, v)] + [half])
    return np.asarray(luma, dtype=np.uint8), np.asarray(chroma, dtype=np.uint8)


def _planes(picture: Picture) -> tuple[Picture, Picture, Picture]:
    """Views of Y, U and V of a planar YUV 4:2:0 picture."""
    rows, width = picture.shape
    height = rows * 2 // 3
    u, v = picture[height:].reshape(2, height // 2, width // 2)
    return picture[:height], u, v


def _yuv(rgb: npt.NDArray[np.generic]) -> Picture:
    """Planar YUV 4:2:0 of an RGB picture with even sides."""
    return np.ascontiguousarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)


def _enlarged(small: Picture) -> Picture:
    """A planar YUV picture at the film's size."""
    width, height = SIZE
    picture = np.empty((height * 3 // 2, width), np.uint8)
    for source, target in zip(_planes(small), _planes(picture), strict=True):
        cv2.resize(source, target.shape[::-1], dst=target, interpolation=cv2.INTER_LINEAR)
    return picture
