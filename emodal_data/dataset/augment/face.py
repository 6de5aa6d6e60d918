"""Augmentation of the face image and of the other views: the changes, their ranges, and how they are made.

The numbers of a change are pixels of the 128x128 image; other pictures are changed in proportion to their size.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.core.sizes import FACE_SIDE_PX
from emodal_data.dataset.augment.stable_random import StableRandom

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class FaceChange:
    """One set of changes, in the order they are made; the defaults change nothing."""

    is_mirrored: bool = False
    rotate_deg: float = 0.0
    scale: float = 1.0
    shift_px: tuple[int, int] = (0, 0)
    contrast: float = 1.0
    brightness: int = 0
    blur_px: float = 0.0
    noise: float = 0.0
    erased_px: tuple[int, int, int, int] | None = None
    """x, y, width, height."""

    def at_size(self, height: int, width: int) -> "FaceChange":
        """The same change of a picture of another size; the erased part keeps its place in shares of the sides."""
        across, down = width / FACE_SIDE_PX, height / FACE_SIDE_PX
        mean = (across * down) ** 0.5
        erased = None
        if self.erased_px:
            x, y, wide, high = self.erased_px
            erased = round(x * across), round(y * down), round(wide * across), round(high * down)
        shift = round(self.shift_px[0] * mean), round(self.shift_px[1] * mean)
        return replace(self, shift_px=shift, blur_px=self.blur_px * mean, erased_px=erased)

    def describe(self) -> str:
        """The changes as "mirror;rotate=-3.2deg", empty if there are none."""
        parts = []
        if self.is_mirrored:
            parts.append("mirror")
        if self.rotate_deg:
            parts.append(f"rotate={self.rotate_deg:+g}deg")
        if self.scale != 1:
            parts.append(f"scale={self.scale:g}")
        if self.shift_px != (0, 0):
            parts.append("shift={:+d},{:+d}px".format(*self.shift_px))
        if self.contrast != 1:
            parts.append(f"contrast={self.contrast:g}")
        if self.brightness:
            parts.append(f"brightness={self.brightness:+d}")
        if self.blur_px:
            parts.append(f"blur={self.blur_px:g}px")
        if self.noise:
            parts.append(f"pixelnoise={self.noise:g}")
        if self.erased_px:
            parts.append("erase={},{},{},{}px".format(*self.erased_px))
        return ";".join(parts)


def draw_face_change(draws: StableRandom) -> FaceChange:
    """A small random change; never none at all."""
    change = FaceChange(
        is_mirrored=draws.chance(50),
        rotate_deg=draws.number(-8, 8, 0.1) if draws.chance(50) else 0.0,
        scale=draws.number(0.92, 1.08, 0.01) if draws.chance(50) else 1.0,
        shift_px=(draws.index(9) - 4, draws.index(9) - 4) if draws.chance(50) else (0, 0),
        contrast=draws.number(0.8, 1.25, 0.01) if draws.chance(50) else 1.0,
        brightness=draws.index(51) - 25 if draws.chance(50) else 0,
        blur_px=draws.number(0.4, 1.2, 0.1) if draws.chance(20) else 0.0,
        noise=draws.number(2, 8, 0.5) if draws.chance(30) else 0.0,
        erased_px=_draw_rectangle(draws) if draws.chance(20) else None,
    )
    return FaceChange(is_mirrored=True) if change == FaceChange() else change


def _draw_rectangle(draws: StableRandom) -> tuple[int, int, int, int]:
    """Somewhere inside 128x128, 12 to 36 px a side: a hand or a glass, never half a face."""
    width, height = 12 + draws.index(25), 12 + draws.index(25)
    return draws.index(129 - width), draws.index(129 - height), width, height


def augment_face(image: Image, change: FaceChange, draws: StableRandom) -> Image:
    """The changed image, of the same size; draws gives the noise of the pixels. The input stays as it is.

    image: uint8, (h, w) or (h, w, 3).
    """
    height, width = image.shape[:2]
    if (height, width) != (FACE_SIDE_PX, FACE_SIDE_PX):
        change = change.at_size(height, width)
    if change.is_mirrored:
        image = image[:, ::-1]
    if change.rotate_deg or change.scale != 1 or change.shift_px != (0, 0):
        image = _move(image, change)
    if change.contrast != 1 or change.brightness:
        image = _relight(image, change)
    if change.blur_px:
        image = cv2.GaussianBlur(image, (0, 0), change.blur_px)
    if change.noise:
        noisy = image + change.noise * draws.noise(image.size).reshape(image.shape)
        image = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    if change.erased_px:
        x, y, width, height = change.erased_px
        image = image.copy()
        image[y : y + height, x : x + width] = round(float(image.mean()))
    return np.ascontiguousarray(image)


def _move(image: Image, change: FaceChange) -> Image:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), change.rotate_deg, change.scale)
    matrix[:, 2] += change.shift_px
    # Mirrored at the border: black corners would show a network which images are augmented.
    moved: Image = cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return moved


def _relight(image: Image, change: FaceChange) -> Image:
    """Contrast about the image's own mean, then brightness, in gray levels."""
    mean = float(image.mean())
    levels = (np.arange(256) - mean) * change.contrast + mean + change.brightness
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    relit: Image = table[image]
    return relit
