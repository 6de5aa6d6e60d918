"""How else a training picture may look: mirrored, moved, turned, zoomed and relit, drawn anew for every epoch.

The draws of an epoch depend on its seed and on the place in the pass alone, so an epoch done again is the same.
"""

from dataclasses import dataclass

import cv2
import numpy as np

#: Faces come aligned: twice as much would hide the few pixels by which a brow or a corner of the mouth tells.
SHIFT_PX, TURN_DEG, ZOOM = 2.0, 4.0, 0.04
#: Contrast about mid-gray, up or down by this factor at most; and brightness, in gray levels.
CONTRAST, BRIGHTNESS = 1.25, 25.0


@dataclass(frozen=True)
class Variations:
    """What becomes of the pictures of a pass, one row each.

    matrices: (n, 2, 3), from places in the varied picture to places in the given one, in pixels. lights: (n, 2), a
    factor of the gray levels, and what is added to them.
    """

    matrices: np.ndarray
    lights: np.ndarray


def draw_variations(rows: int, size: int, seed: tuple[int, ...]) -> Variations:
    """Draws for `rows` pictures of size x size px. seed: of the epoch; nothing else decides."""
    # The order of a pass is drawn from the seed itself.
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
    return Variations(np.concatenate([linear, shift[:, :, None]], axis=2), np.stack([gain, light], axis=1))


def varied(images: np.ndarray, variations: Variations, places: np.ndarray) -> np.ndarray:
    """The pictures as they look this time, (n, size, size) uint8; those given stay as they are.

    images: (n, size, size) uint8. places: (n,) the row of `variations` for each.
    """
    changed = np.empty_like(images)
    for out, image, place in zip(changed, images, places, strict=True):
        # Mirrored at the border: a black edge would tell how far a picture was moved.
        moved = cv2.warpAffine(
            image,
            variations.matrices[place],
            image.shape[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        gain, light = variations.lights[place]
        cv2.addWeighted(moved, gain, moved, 0.0, light, dst=out)
    return changed
