"""Several images of one sample, the frames of a clip: arrays with blank images behind the last.

A frontal face is never blank, so blank images mark the places without a frame.
"""

from collections.abc import Sequence

import numpy as np

from emodal_model.data.contract import IMAGE_SIZE


def pad_frames(images: np.ndarray, count: int) -> np.ndarray:
    """Images for a network that takes `count` frames of each sample, (n, count, 128, 128).

    images: (n, 128, 128), one frame each, or (n, frames, 128, 128); of too many frames, evenly spread ones.
    """
    given = images[:, None] if images.ndim == 3 else images
    frames = given.shape[1]
    if frames > count:
        return given[:, (np.arange(count) * frames) // count]
    return np.pad(given, [(0, 0), (0, count - frames), (0, 0), (0, 0)])


def stack_frames(rows: Sequence[np.ndarray], count: int) -> np.ndarray:
    """(n, count, 128, 128) of n samples with their own numbers of frames: (128, 128) or (frames, 128, 128) each."""
    stacked = [pad_frames(np.asarray(row).reshape(1, -1, IMAGE_SIZE, IMAGE_SIZE), count) for row in rows]
    return np.concatenate(stacked) if stacked else np.zeros((0, count, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
