"""Paints everyday clothes over those of a portrait: a sweater with a high collar, plain or striped.

Shoulders, collar and arms have the proportions of the face, so they fit every portrait.
"""

import cv2
import numpy as np

from emodal_data.sample_films.masks import soft_mask
from emodal_data.sample_films.materials import Picture
from emodal_data.sample_films.meshes import Floats

#: Colours of cloth, RGB.
CLOTHS = (
    (62, 74, 98), (120, 44, 48), (64, 84, 66), (172, 156, 128), (70, 66, 72),
    (146, 104, 62), (96, 110, 122), (190, 184, 174), (84, 58, 88), (38, 40, 46),
)  # fmt: skip
#: Outline of the right half, x to the right of the chin and y below it, in widths of the face.
SHOULDER = (
    (0.0, 0.1), (0.34, 0.02), (0.37, 0.24), (0.6, 0.36), (0.93, 0.46),
    (1.13, 0.61), (1.24, 0.9), (1.33, 1.5), (1.4, 2.8),
)  # fmt: skip
#: How far below the chin, and half the width of what is kept there of the photo: hair, then jaw and neck.
HEAD = ((-0.36, 9.0), (-0.34, 0.56), (-0.05, 0.33))
#: The collar ends here.
COLLAR = ((0.0, 0.36), (0.25, 0.33), (0.37, 0.24))
#: Share of the cloths with stripes, and their height in widths of the face.
STRIPED, STRIPE = 0.3, 0.16


def dressed(
    rgb: Picture, alpha: Picture, chin: Floats, width_px: float, rng: np.random.Generator
) -> tuple[Picture, Picture]:
    """The portrait in other clothes: (h, w, 3) and (h, w). chin: (2,) px. width_px: of the face."""
    height, width = alpha.shape
    right = np.array(SHOULDER) * rng.uniform((0.97, 0.99), (1.1, 1.03))
    outline = np.concatenate([right, right[::-1] * [-1.0, 1.0]]) * width_px + chin
    shape = soft_mask(alpha.shape, outline, soft_px=2.0)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    across, below = (x - chin[0]) / width_px, (y - chin[1]) / width_px

    cloth = np.full((height, width, 3), CLOTHS[int(rng.integers(len(CLOTHS)))], np.float32)
    if rng.random() < STRIPED:
        other = np.array(CLOTHS[int(rng.integers(len(CLOTHS)))], np.float32)
        bent = below - 0.12 * across**2
        cloth[(bent > 0.55) & (np.floor(bent / STRIPE) % 2 == 0)] = other
    # Light from above on the left, soft folds, and threads.
    light = 1.0 - 0.16 * across - 0.45 * np.clip(np.abs(across) - 0.7, 0, None) - 0.08 * below
    folds = cv2.resize(
        rng.normal(0.0, 1.0, (9, 13)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    threads = cv2.GaussianBlur(rng.normal(0.0, 1.0, (height, width)).astype(np.float32), (0, 0), 0.8)
    light += 0.05 * folds + 0.06 * threads
    edge = np.abs(below - np.interp(np.abs(across), *np.array(COLLAR).T)) < 0.012
    light[edge & (np.abs(across) < COLLAR[-1][0])] *= 0.7
    under_chin = np.clip((0.26 - below) / 0.3, 0.0, 1.0)
    light *= 1 - 0.45 * under_chin
    cloth = np.clip(cloth * light[:, :, None], 0, 255)

    new_rgb = rgb + (cloth - rgb) * shape[:, :, None]
    # Of the old clothes nothing is left beside the new ones; hair and head stay.
    head = (below < 0.2) & (np.abs(across) < np.interp(below, *np.array(HEAD).T))
    head = cv2.GaussianBlur(head.astype(np.float32), (0, 0), 3.0)
    new_alpha = np.maximum(alpha * head, 255 * shape)
    return np.asarray(new_rgb, np.uint8), np.asarray(new_alpha, np.uint8)
