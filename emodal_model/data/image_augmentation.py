"""Augmentation of training images: mirrored, shifted, rotated, zoomed and relit at random in every epoch.

The random numbers depend only on the seed of the epoch and the position in it, so a repeated epoch has the same images.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from emodal_model.data.image_frames import frames_in, has_colours

#: Faces are aligned: twice these amounts would hide movements of a few pixels of the brows or the mouth.
SHIFT_PX, TURN_DEG, ZOOM = 2.0, 4.0, 0.04
#: The largest factor of contrast about mid-gray, up or down, and the largest change of brightness, in gray levels.
CONTRAST, BRIGHTNESS = 1.25, 25.0


@dataclass(frozen=True)
class Augmentations:
    """The augmentation of each image of an epoch, one row each.

    matrices: (n, 2, 3) affine maps from pixels of the augmented image to pixels of the original. lights: (n, 2), factor
    and offset of the gray levels.
    """

    matrices: np.ndarray
    lights: np.ndarray


def draw_augmentations(rows: int, size: int, seed: tuple[int, ...]) -> Augmentations:
    """Random augmentations of `rows` images of size x size pixels. seed: of the epoch."""
    # The order of the samples in the epoch is drawn from the seed itself.
    rng = np.random.default_rng((*seed, 1))
    mirror = rng.choice([-1.0, 1.0], rows)
    turn = np.deg2rad(rng.uniform(-TURN_DEG, TURN_DEG, rows))
    zoom = rng.uniform(1 - ZOOM, 1 + ZOOM, rows)
    cosine, sine = zoom * np.cos(turn), zoom * np.sin(turn)
    linear = np.stack([cosine * mirror, -sine, sine * mirror, cosine], axis=1).reshape(-1, 2, 2)
    centre = np.full(2, (size - 1) / 2)
    shift = rng.uniform(-SHIFT_PX, SHIFT_PX, (rows, 2)) + centre - linear @ centre
    gain = CONTRAST ** rng.uniform(-1, 1, rows)
    light = 127.5 * (1 - gain) + rng.uniform(-BRIGHTNESS, BRIGHTNESS, rows)
    return Augmentations(np.concatenate([linear, shift[:, :, None]], axis=2), np.stack([gain, light], axis=1))


def augmented(images: np.ndarray, augmentations: Augmentations, places: np.ndarray) -> np.ndarray:
    """Augmented copies of images, of the same shape.

    images: (n, size, size) uint8, or (n, frames, size, size): all frames of a sample alike, and blank ones stay blank;
    both may have a last axis of three colours, which are changed alike. places: (n,) the row of `augmentations` of each
    sample.
    """
    changed = np.zeros_like(images)
    frames, is_colour = frames_in(images.shape[1:]), has_colours(images.shape)
    places = np.repeat(places, frames)
    one = images.shape[-3 if is_colour else -2 :]
    every = (pictures.reshape(-1, *one) for pictures in (changed, images))
    for out, image, place in zip(*every, places, strict=True):
        if frames > 1 and not image.any():
            continue
        # Reflected at the border: a black edge would reveal the shift.
        moved = cv2.warpAffine(
            image,
            augmentations.matrices[place],
            image.shape[1::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        gain, light = augmentations.lights[place]
        cv2.addWeighted(moved, gain, moved, 0.0, light, dst=out)
    return changed
