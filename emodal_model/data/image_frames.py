"""Several images of one sample, the frames of a clip: arrays with blank images behind the last.

A frontal face is never blank, so blank images mark the places without a frame.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from emodal_model.data.contract import IMAGE_SIZE


def image_shape(frames: int = 1, is_colour: bool = False) -> tuple[int, ...]:
    """The shape of the images of a sample: (128, 128), with a first axis of frames and a last of three colours."""
    return (*([frames] if frames > 1 else []), IMAGE_SIZE, IMAGE_SIZE, *([3] if is_colour else []))


def frames_in(shape: Sequence[int]) -> int:
    """The number of frames of such a shape."""
    return int(shape[0]) if len(shape) - has_colours(shape) > 2 else 1


def has_colours(shape: Sequence[int]) -> bool:
    """Whether images of such a shape, or arrays of them, are in colour."""
    return shape[-1] == 3


def pad_frames(images: np.ndarray, count: int) -> np.ndarray:
    """Images for a network that takes `count` frames of each sample, (n, count, 128, 128) or in colour.

    images: (n, 128, 128), one frame each, or (n, frames, 128, 128); of too many frames, evenly spread ones.
    """
    given = images[:, None] if images.ndim - has_colours(images.shape) == 3 else images
    frames = given.shape[1]
    if frames > count:
        return given[:, (np.arange(count) * frames) // count]
    return np.pad(given, [(0, 0), (0, count - frames), *[(0, 0)] * (given.ndim - 2)])


def stack_frames(rows: Sequence[np.ndarray], count: int, is_colour: bool = False) -> np.ndarray:
    """(n, count, 128, 128) of n samples with their own numbers of frames: (128, 128) or (frames, 128, 128) each.

    is_colour: all of them have a last axis of three colours.
    """
    one = image_shape(is_colour=is_colour)
    stacked = [pad_frames(np.asarray(row).reshape(1, -1, *one), count) for row in rows]
    return np.concatenate(stacked) if stacked else np.zeros((0, count, *one), np.uint8)


def resized(image: np.ndarray) -> np.ndarray:
    """A view of a face, (side, side) or (side, side, 3) uint8, in the size that networks take."""
    if image.shape[:2] == (IMAGE_SIZE, IMAGE_SIZE):
        return image
    how = cv2.INTER_AREA if min(image.shape[:2]) > IMAGE_SIZE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (IMAGE_SIZE, IMAGE_SIZE), interpolation=how), np.uint8)
