"""Draws the mask of an outline, with a soft edge."""

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.sample_films.meshes import Floats


def soft_mask(
    size: tuple[int, ...], outline: Floats, soft_px: float, shrink_px: int = 0
) -> npt.NDArray[np.float32]:
    """(h, w) 1 inside the outline, 0 outside. size: (h, w). outline: (n, 2) px. shrink_px: what is taken off first."""
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], (255,))
    if shrink_px:
        side = 2 * shrink_px + 1
        mask = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), soft_px) / 255, dtype=np.float32)
