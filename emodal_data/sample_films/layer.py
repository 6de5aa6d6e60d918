"""Draws an actor over a picture: textures in premultiplied planes, and the inverse maps that place them.

It works on planar YUV 4:2:0 for speed, because a film has thousands of frames. camera.py decides what is drawn when.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.sample_films.actors import Actor
from emodal_data.sample_films.encoder import SIZE
from emodal_data.sample_films.materials import Picture
from emodal_data.sample_films.meshes import STEP_PX, Grid, Map


@dataclass(frozen=True)
class Framing:
    """Place of the actor. scale: px of the film per px of the texture. left, top: px, even, may be negative."""

    scale: float
    left: int
    top: int


class Layer:
    """An actor's texture, ready to be drawn over pictures.

    head: the part of the rendered picture in which something moves.
    """

    def __init__(self, actor: Actor, framing: Framing, light: float) -> None:
        width, height = (side & ~1 for side in actor.size)
        y, u, v = planes(yuv(actor.texture[:height, :width]))
        alpha = np.ascontiguousarray(actor.alpha[:height, :width])
        half = cv2.resize(alpha, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        lit = np.clip(y * np.float32(light), 0, 235).astype(np.uint8)
        self._luma = cv2.multiply(lit, alpha, scale=1 / 255)
        self._alpha = alpha
        # Four channels, one of them unused, because OpenCV samples 1 or 4 channels twice as fast as 2 or 3.
        self._chroma = cv2.merge([cv2.multiply(p, half, scale=1 / 255) for p in (u, v)] + [half, half])
        self._framing = framing
        self._whole = Grid.over((0.0, 0.0, *actor.size), framing.scale)
        self.head = Grid.over(actor.moving_box, framing.scale)

    def lay_body(self, picture: Picture, behind: Picture) -> None:
        """Draw the whole actor, facing the camera, in front of `behind` into `picture`."""
        grid = self._whole
        columns, rows = np.arange(grid.columns), np.arange(grid.rows)
        xs = (grid.left + columns * STEP_PX + STEP_PX // 2) / grid.scale
        ys = (grid.top + rows * STEP_PX + STEP_PX // 2) / grid.scale
        self._lay(picture, behind, grid, np.dstack(np.meshgrid(xs, ys)).astype(np.float32))

    def lay_head(self, picture: Picture, behind: Picture, mapped: Map) -> None:
        """Draw the head, posed by an inverse map on the grid `head`, in front of `behind` into `picture`."""
        self._lay(picture, behind, self.head, mapped)

    def _lay(self, picture: Picture, behind: Picture, grid: Grid, mapped: Map) -> None:
        left, top = self._framing.left + grid.left, self._framing.top + grid.top
        width, height = grid.columns * STEP_PX, grid.rows * STEP_PX
        x0, y0, x1, y1 = max(0, left), max(0, top), min(SIZE[0], left + width), min(SIZE[1], top + height)
        shown, target = planes(picture), planes(behind)

        full = cv2.resize(mapped, (width, height), interpolation=cv2.INTER_LINEAR)
        full = full[y0 - top : y1 - top, x0 - left : x1 - left]
        box = slice(y0, y1), slice(x0, x1)
        _over(shown[0][box], target[0][box], _remap(self._luma, full), _remap(self._alpha, full))

        # A chroma sample lies in the middle of four pixels.
        half = cv2.resize(mapped * np.float32(0.5) - np.float32(0.25), (width // 2, height // 2))
        half = half[(y0 - top) // 2 : (y1 - top) // 2, (x0 - left) // 2 : (x1 - left) // 2]
        box = slice(y0 // 2, y1 // 2), slice(x0 // 2, x1 // 2)
        u, v, alpha, _ = cv2.split(_remap(self._chroma, half))
        _over(shown[1][box], target[1][box], u, alpha)
        _over(shown[2][box], target[2][box], v, alpha)


def planes(picture: Picture) -> tuple[Picture, Picture, Picture]:
    """Views of Y, U and V of a planar YUV 4:2:0 picture."""
    rows, width = picture.shape
    height = rows * 2 // 3
    u, v = picture[height:].reshape(2, height // 2, width // 2)
    return picture[:height], u, v


def yuv(rgb: npt.NDArray[np.generic]) -> Picture:
    """Planar YUV 4:2:0 of an RGB picture with even sides."""
    return np.ascontiguousarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)


def _remap(texture: npt.NDArray[np.generic], places: npt.NDArray[np.generic]) -> Picture:
    return np.asarray(cv2.remap(texture, places, None, cv2.INTER_LINEAR), dtype=np.uint8)


def _over(shown: Picture, behind: Picture, front: Picture, alpha: Picture) -> None:
    shown[...] = cv2.add(cv2.multiply(behind, cv2.bitwise_not(alpha), scale=1 / 255), front)
