"""The camera: shots as planar YUV 4:2:0 pictures, an actor in front of a backdrop or an insert without anybody.

Works in YUV throughout, because a film has thousands of frames; nothing here knows emotions or annotations.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.sample_films.actors import Actor, Turn
from emodal_data.sample_films.encoder import SIZE
from emodal_data.sample_films.expressions import jaw_displacement
from emodal_data.sample_films.materials import FOOTAGE, STILLS, Picture, footage, still
from emodal_data.sample_films.meshes import Floats, Map

Box = tuple[int, int, int, int]

#: The inverse map is computed at every 3rd pixel and interpolated: a face is smooth.
STEP_PX = 3
#: A wide open mouth while speaking.
SPEAKING_CM = 0.9


@dataclass(frozen=True, eq=False)
class Key:
    """What the actor does at a frame of the shot; between keys everything moves evenly."""

    frame: int
    turn: Turn
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

    keys: two or more, ascending by frame. opening: (frames,) of the mouth, 0 to 1. light: gain on Y.
    """
    layer = _Layer(actor, framing, light)
    still = behind.copy()
    layer.paste_body(still)
    maps: dict[int, tuple[Map, Map]] = {}
    times = [key.frame for key in keys]
    for number, opened in enumerate(opening):
        # Before the first key and after the last, the actor holds still.
        at = float(np.interp(number, times, range(len(keys))))
        low = min(int(at), len(keys) - 2)
        for index in (low, low + 1):
            if index not in maps:
                maps[index] = _key_maps(actor, keys[index], framing.scale)
        maps.pop(low - 1, None)
        share, wide = at - low, float(opened)
        closed, opened_wide = (
            cv2.addWeighted(maps[low][i], 1 - share, maps[low + 1][i], share, 0) for i in (0, 1)
        )
        picture = still.copy()
        # Only the head moves: the rest stays as it was pasted once.
        layer.clear_head(picture, behind)
        layer.paste_head(picture, cv2.addWeighted(closed, 1 - wide, opened_wide, wide, 0))
        yield picture


def _key_maps(actor: Actor, key: Key, scale: float) -> tuple[Map, Map]:
    """Inverse maps with the mouth closed and open."""
    open_mouth = key.displacement_cm + jaw_displacement() * SPEAKING_CM
    return (
        actor.posed(key.turn, key.displacement_cm, scale, STEP_PX),
        actor.posed(key.turn, open_mouth, scale, STEP_PX),
    )


class _Layer:
    """The actor's texture ready to be laid over pictures: luma (Y, alpha) and chroma (U, V, alpha), premultiplied."""

    def __init__(self, actor: Actor, framing: Framing, light: float) -> None:
        self._framing = framing
        self._luma, self._chroma = _premultiplied(actor, light)
        self._whole = self._box((0.0, 0.0, *actor.size))
        self._head = self._box(actor.moving_box)
        x0, y0 = (framing.scale * side for side in actor.moving_box[:2])
        #: From the origin of the inverse maps to the first pixel of the head's box, px of the film.
        self._offset = (self._head[0] - framing.left - x0, self._head[1] - framing.top - y0)

    def paste_body(self, picture: Picture) -> None:
        """Put the whole texture into a picture, in place: what does not move."""
        y, u, v = _cut(picture, self._whole)
        x0, y0 = self._whole[0] - self._framing.left, self._whole[1] - self._framing.top
        inverse = np.array([[1.0, 0.0, x0], [0.0, 1.0, y0]]) / self._framing.scale
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        self._lay(
            y,
            u,
            v,
            lambda texture, size, k: cv2.warpAffine(texture, inverse * [1, 1, 1 / k], size, flags=flags),
        )

    def paste_head(self, picture: Picture, mapped: Map) -> None:
        """Put the posed head into a picture, in place."""
        y, u, v = _cut(picture, self._head)

        def posed(texture: Picture, size: tuple[int, int], k: int) -> Picture:
            places = _sampled(mapped, size, k, self._offset)
            if k > 1:
                places = places / np.float32(k) - np.float32(0.5 - 0.5 / k)
            return np.asarray(cv2.remap(texture, places, None, cv2.INTER_LINEAR))

        self._lay(y, u, v, posed)

    def clear_head(self, picture: Picture, behind: Picture) -> None:
        """Clear the head's box to what is behind the actor, in place."""
        for place, source in zip(_cut(picture, self._head), _cut(behind, self._head), strict=True):
            place[...] = source

    def _lay(
        self, y: Picture, u: Picture, v: Picture, sample: Callable[[Picture, tuple[int, int], int], Picture]
    ) -> None:
        """Lay the sampled texture over planes. sample: texture, (w, h) and px of the film per sample to pixels."""
        front = sample(self._luma, y.shape[::-1], 1)
        _over(y, front[:, :, 0], front[:, :, 1])
        front = sample(self._chroma, u.shape[::-1], 2)
        _over(u, front[:, :, 0], front[:, :, 2])
        _over(v, front[:, :, 1], front[:, :, 2])

    def _box(self, texture_box: tuple[float, float, float, float]) -> Box:
        """A box of the texture in the film's picture, cut at its border."""
        scale, left, top = self._framing.scale, self._framing.left, self._framing.top
        x0, y0, x1, y1 = (round(side * scale) for side in texture_box)
        width, height = SIZE
        return (
            max(0, left + x0) & ~1,
            max(0, top + y0) & ~1,
            min(width, left + x1) & ~1,
            min(height, top + y1) & ~1,
        )


def _cut(picture: Picture, box: Box) -> tuple[Picture, Picture, Picture]:
    """Views of a box of Y, U and V."""
    y, u, v = _planes(picture)
    x0, y0, x1, y1 = box
    half = slice(y0 // 2, y1 // 2), slice(x0 // 2, x1 // 2)
    return y[y0:y1, x0:x1], u[half], v[half]


def _sampled(mapped: Map, size: tuple[int, int], pixel: int, offset: tuple[float, float]) -> Map:
    """The coarse map at every `pixel` px of a region that starts at `offset`."""
    shift = [(start + (pixel - 1) / 2) / STEP_PX for start in offset]
    matrix = np.array([[pixel / STEP_PX, 0, shift[0]], [0, pixel / STEP_PX, shift[1]]])
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
