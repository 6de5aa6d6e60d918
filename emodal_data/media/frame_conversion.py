"""Converts a decoded frame to the picture a viewer sees: upright, cropped, square pixels, deinterlaced, 8-bit RGB.

Scaling happens in the same pass as the conversion, so no picture is larger than requested at any step.
"""

import math
from functools import lru_cache, partial
from typing import Any, cast

import cv2
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media.colours import ContainerColours
from emodal_data.media.cropping import Crop
from emodal_data.media.decoded_picture import RGB, DecodedPicture
from emodal_data.media.filters import Cutter, filtered
from emodal_data.media.tone_mapping import is_hdr, tone_mapped

#: AVColorSpace "unspecified"; players then take BT.709 for HD pictures and BT.601 for smaller ones.
_UNSPECIFIED_COLORSPACE = 2
#: AVColorSpace of matrices that are not converted, by their names (ISO/IEC 23091-2, 8.3).
_UNCONVERTED = {
    8: "YCgCo", 10: "BT.2020 of constant luminance", 11: "Y'D'zD'x", 12: "chromaticity-derived",
    13: "chromaticity-derived of constant luminance", 14: "ICtCp", 15: "IPT-C2", 16: "YCgCo-Re", 17: "YCgCo-Ro",
}  # fmt: skip
#: Signs of a display matrix that turns nothing.
_UPRIGHT = 1, 0, 0, 1
#: A header with a pixel shape beyond this is wrong, and is ignored.
_MAX_PIXEL_SHAPE = 8.0
# Gives the same bytes on every processor, and 255 for white (253 without FULL_CHR_H_INT).
_EXACT = Interpolation.ACCURATE_RND | Interpolation.BITEXACT | Interpolation.FULL_CHR_H_INT
#: Formats of which parts and smaller views are computed without the whole picture.
_IN_PARTS = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "yuv420p10le")
#: Preparing a conversion of one size to another takes 0.1 ms: so many are kept.
_SIZES_KEPT = 32

# swscale treats every gray format as full range, whatever the frame says.
_FULL_FROM_LIMITED = np.clip(np.rint((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)


class FrameConverter:
    """Converts the frames of one film. colours, crop: what its container says about them."""

    def __init__(self, colours: ContainerColours | None = None, crop: Crop | None = None) -> None:
        self._colours = colours or ContainerColours()
        self._crop = crop or Crop()
        self._reformatters = lru_cache(_SIZES_KEPT)(lambda *sizes: VideoReformatter())
        self._cutters = lru_cache(1)(Cutter)

    def convert(self, frame: VideoFrame, pixel_shape: float, max_side_px: int | None) -> tuple[RGB, float]:
        """RGB (h, w, 3) uint8, and the scale; see picture()."""
        picture, scale = self.picture(frame, pixel_shape, max_side_px)
        return (picture.whole if isinstance(picture, DecodedPicture) else picture), scale

    def picture(
        self, frame: VideoFrame, pixel_shape: float, max_side_px: int | None
    ) -> tuple[RGB | DecodedPicture, float]:
        """RGB (h, w, 3) uint8, at once or where it is asked for; and its pixels per pixel of the upright, square-pixel
        film frame.

        pixel_shape: width / height of one stored pixel. max_side_px: the longest side of the result; None: full size.
        Raises Dropped(COLOUR_UNSUPPORTED).
        """
        matrix = display_matrix(frame)
        is_turned, is_interlaced = matrix != _UPRIGHT, frame.interlaced_frame
        if is_interlaced:
            frame = deinterlaced(frame)
        frame = self._crop.of(frame)
        self._colours.complete(frame)
        if (matrix_name := _UNCONVERTED.get(int(frame.colorspace))) and frame.format.name.startswith("yuv"):
            raise Dropped(Reason.COLOUR_UNSUPPORTED, f"its colours are stored as {matrix_name}")
        width, height = square_size(frame.width, frame.height, pixel_shape)
        hdr = is_hdr(frame)
        is_plain = not (is_turned or is_interlaced or hdr) and width == frame.width
        scale = min(1.0, (max_side_px or math.inf) / max(width, height))
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        rgb_of = partial(self._rgb, "rgb48le" if hdr else "gbrp", _guessed_colorspace(frame))
        # Of odd sides, swscale stretches the chroma of the whole frame a little.
        if is_plain and frame.format.name in _IN_PARTS and frame.width % 2 == frame.height % 2 == 0:
            cut = self._cutters(frame.width, frame.height, frame.format.name, frame.time_base)
            return DecodedPicture(frame, width, height, rgb_of, cut), scale
        rgb = rgb_of(frame, width, height, Interpolation.BICUBIC if scale < 1 else Interpolation.BILINEAR)
        if hdr:
            rgb = tone_mapped(rgb, frame)
        if frame.format.name.startswith("gray") and frame.color_range == ColorRange.MPEG:
            rgb = _FULL_FROM_LIMITED[rgb]
        return upright(rgb, matrix), scale

    def _rgb(
        self,
        form: str,
        colorspace: Colorspace | None,
        frame: VideoFrame,
        width: int,
        height: int,
        how: Interpolation,
    ) -> Any:
        made = self._reformatters(frame.width, frame.height, width, height).reformat(
            frame,
            width=width,
            height=height,
            format=form,
            src_colorspace=colorspace,
            dst_color_range=ColorRange.JPEG,
            interpolation=_EXACT | how,
            threads=1,
        )
        return _interleaved(made) if form == "gbrp" else made.to_ndarray()


def _interleaved(gbrp: VideoFrame) -> RGB:
    """RGB (h, w, 3) of a planar frame. swscale writes the same values three times as fast in planes."""
    g, b, r = (
        np.frombuffer(cast(Any, plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
        for plane in gbrp.planes
    )
    return cast(RGB, cv2.merge([r, g, b]))


def square_size(width: int, height: int, pixel_shape: float) -> tuple[int, int]:
    """Width and height in square pixels; the height stays."""
    if not 1 / _MAX_PIXEL_SHAPE <= pixel_shape <= _MAX_PIXEL_SHAPE:
        pixel_shape = 1.0
    return max(1, round(width * pixel_shape)), height


def display_matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    """The signs (a, b, c, d) of the container's display matrix: x' = a x + c y, y' = b x + d y."""
    # frame.side_data makes a reference cycle that would keep every frame alive until Python collects cycles.
    data = cast(Any, SideDataContainer)(frame).get(Type.DISPLAYMATRIX)
    if data is None:
        return _UPRIGHT
    numbers = np.frombuffer(bytes(data), np.int32)[:5].astype(np.float64)
    a, b, c, d = numbers[0], numbers[1], numbers[3], numbers[4]
    limit = 0.7 * max(abs(a), abs(b), abs(c), abs(d), 1.0)  # the nearest quarter turn
    sign_a, sign_b, sign_c, sign_d = (int(np.sign(x)) if abs(x) >= limit else 0 for x in (a, b, c, d))
    if abs(sign_a * sign_d - sign_b * sign_c) != 1:
        return _UPRIGHT
    return sign_a, sign_b, sign_c, sign_d


def upright(rgb: RGB, matrix: tuple[int, int, int, int]) -> RGB:
    """The picture turned and flipped by whole quarter turns."""
    a, b, c, d = matrix
    if a == 0:  # x and y change places first
        rgb, a, d = rgb.transpose(1, 0, 2), c, b
    if a < 0:
        rgb = rgb[:, ::-1]
    if d < 0:
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)


def deinterlaced(frame: VideoFrame) -> VideoFrame:
    """The frame's first field. Missing lines are interpolated along edges, from this frame alone."""
    return filtered(frame, "estdif", "mode=frame:parity=auto:deint=all")


def _guessed_colorspace(frame: VideoFrame) -> Colorspace | None:
    if frame.colorspace != _UNSPECIFIED_COLORSPACE or not frame.format.name.startswith(("yuv", "nv", "p01")):
        return None
    return Colorspace.ITU709 if frame.width >= 1280 or frame.height > 576 else Colorspace.ITU601
