"""The picture of a decoded frame, of which only what is asked for becomes RGB: all of it, a part, or a smaller view.

Parts have the bytes of the whole picture. Views differ from it, shrunk by area, by rounding: 0.1 levels on average.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

RGB = NDArray[np.uint8]

#: Frame, width, height and interpolation to RGB of that size.
Convert = Callable[[VideoFrame, int, int, Interpolation], RGB]
#: Frame, x, y, width and height to that part of it.
Cut = Callable[[VideoFrame, int, int, int, int], VideoFrame]

#: Parts begin and end at multiples of this, which is a multiple of every subsampling of chroma; so much is converted
#: beside them, because at an edge chroma is not that of the frame.
_GRID_PX = 8
#: A larger share of the frame is converted as a whole.
_LARGEST_PART = 0.5


class DecodedPicture:
    """An upright progressive frame of square pixels. shape: (h, w, 3) of its RGB."""

    def __init__(self, frame: VideoFrame, width: int, height: int, convert: Convert, cut: Cut) -> None:
        """width, height: of its RGB; smaller than the frame, it is shrunk."""
        self.shape = height, width, 3
        self._frame, self._convert, self._cut = frame, convert, cut
        self._is_shrunk = (width, height) != (frame.width, frame.height)
        self._parts: list[tuple[int, int, RGB]] = []

    @cached_property
    def whole(self) -> RGB:
        """(h, w, 3) uint8."""
        height, width, _ = self.shape
        how = Interpolation.BICUBIC if self._is_shrunk else Interpolation.BILINEAR
        return self._convert(self._frame, width, height, how)

    def __getitem__(self, part: tuple[slice, slice]) -> RGB:
        """The same as whole[part]: rows and columns, without steps."""
        (top, bottom, _), (left, right, _) = (
            one.indices(length) for one, length in zip(part, self.shape, strict=False)
        )
        for y, x, rgb in self._parts:
            if y <= top and x <= left and bottom <= y + rgb.shape[0] and right <= x + rgb.shape[1]:
                return rgb[top - y : bottom - y, left - x : right - x]
        y0, y1 = _grown(top, bottom, self.shape[0])
        x0, x1 = _grown(left, right, self.shape[1])
        if self._is_shrunk or (y1 - y0) * (x1 - x0) > _LARGEST_PART * self.shape[0] * self.shape[1]:
            self._parts = [(0, 0, self.whole)]
            return self.whole[part]
        width, height = x1 - x0, y1 - y0
        piece = self._cut(self._frame, x0, y0, width, height)
        rgb = self._convert(piece, width, height, Interpolation.BILINEAR)
        # At an edge that is not the frame's, chroma lacks its neighbours.
        inner_y, inner_x = (_GRID_PX if low else 0 for low in (y0, x0))
        rgb = rgb[
            inner_y : None if y1 == self.shape[0] else -_GRID_PX,
            inner_x : None if x1 == self.shape[1] else -_GRID_PX,
        ]
        self._parts.append((y0 + inner_y, x0 + inner_x, rgb))
        return self[part]

    def shrunk(self, width: int, height: int) -> RGB:
        """The whole picture shrunk by area, (height, width, 3)."""
        return self._convert(self._frame, width, height, Interpolation.AREA)


def _grown(low: int, high: int, length: int) -> tuple[int, int]:
    """A stretch with what is converted beside it, on the grid, within the length."""
    low = low // _GRID_PX * _GRID_PX - _GRID_PX
    high = -(-high // _GRID_PX) * _GRID_PX + _GRID_PX
    return max(0, low), min(high, length)
