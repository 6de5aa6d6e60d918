"""Gives a portrait another skin, age and hair, and its clothes another colour.

actors.py puts the picture on a head that moves; clothes.py paints other clothes.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.sample_films.expressions import LIDS
from emodal_data.sample_films.masks import soft_mask
from emodal_data.sample_films.materials import Picture
from emodal_data.sample_films.meshes import Floats
from emodal_data.sample_films.portraits import FACE_WIDTH_PX, Portrait

#: Outline of the face mesh, in order, from the forehead clockwise as seen.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
#: Skin from pale to dark, and hair from black to gray, in OpenCV's 8-bit Lab.
SKINS_LAB = np.array(
    [(180, 140, 142), (168, 142, 146), (150, 143, 150), (120, 143, 151), (88, 140, 145)], float
)
HAIR_LAB = np.array(
    [(30, 129, 129), (48, 131, 135), (72, 134, 141), (84, 142, 148), (122, 134, 152), (135, 128, 129)], float
)
#: Share of the actors with gray hair.
GRAY = 0.25
#: Depth of the fine lines of the face, in that of the photo, of the youngest and of the oldest.
LINES = (0.3, 1.6)
#: Brightening by a smaller power shows the noise of dark hair.
LEAST_POWER = 0.6
#: Share of the eyes that keeps its colour whatever the skin.
WHITES = 0.7
#: Corners and lids of each eye.
EYES = tuple(
    (*corners, *np.ravel(LIDS[side]).tolist())
    for corners, side in (((33, 133), slice(7)), ((362, 263), slice(7, 14)))
)


def recoloured(rgb: Picture, portrait: Portrait, rng: np.random.Generator) -> Picture:
    """Another skin, age, hair and colour of clothes.

    Skin and hair take a natural tone whatever their colour in the photo. The old have deeper lines, and gray hair.
    """
    tone, age, shade, bright_cloth, turn = rng.uniform(size=5)
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32)
    oval = face_mask(portrait)
    skin_colour = np.array([np.median(lab[:, :, c][oval > 0.9]) for c in range(3)])
    chroma2 = (lab[:, :, 1] - skin_colour[1]) ** 2 + (lab[:, :, 2] - skin_colour[2]) ** 2
    bright = np.clip((lab[:, :, 0] - 0.35 * skin_colour[0]) / 30.0, 0.0, 1.0)
    skin = np.maximum(np.exp(-chroma2 / (2 * 11.0**2)) * bright, oval)
    chin = portrait.points[152, 1]
    rows = np.arange(rgb.shape[0], dtype=np.float32)[:, None]
    above = np.clip((chin + 0.1 * FACE_WIDTH_PX - rows) / (0.15 * FACE_WIDTH_PX), 0.0, 1.0)
    near = np.clip((chin + 0.9 * FACE_WIDTH_PX - rows) / (0.3 * FACE_WIDTH_PX), 0.0, 1.0)
    skin = cv2.GaussianBlur((skin * near).astype(np.float32), (0, 0), 3.0)
    hair, clothes = (1 - skin) * above, (1 - skin) * (1 - above)
    own_hair = float(np.median(lab[:, :, 0][(hair > 0.8) & (portrait.alpha > 200)]))

    left, top, width, height = cv2.boundingRect((oval > 0).astype(np.uint8))
    face = slice(top, top + height), slice(left, left + width), 0
    fine = lab[face] - cv2.bilateralFilter(lab[face], 0, 30.0, 3.0)
    lab[face] += fine * skin[face[:2]] * np.float32(LINES[0] + (LINES[1] - LINES[0]) * age - 1)
    # Eyes keep their whites.
    skin *= 1 - WHITES * eye_weight(portrait.points[:, :2], rgb.shape[:2])
    skin_lab = _between(SKINS_LAB, tone)
    lit = _toned(lab[:, :, 0], float(skin_colour[0]), skin_lab[0])
    lab[:, :, 0] += (lit - lab[:, :, 0]) * skin
    lab[:, :, 1:] += (skin_lab[1:] - skin_colour[1:]) * skin[:, :, None]

    hair_lab = HAIR_LAB[-1] if age > 1 - GRAY else _between(HAIR_LAB[:-1], shade)
    dyed = np.empty_like(lab)
    dyed[:, :, 0] = _toned(lab[:, :, 0], own_hair, hair_lab[0])
    depth = np.clip(dyed[:, :, :1] / hair_lab[0], 0.3, 1.2)
    dyed[:, :, 1:] = 128 + (hair_lab[1:] - 128) * depth + 0.2 * (lab[:, :, 1:] - 128)
    lab += (dyed - lab) * hair[:, :, None]

    angle = 2 * math.pi * turn
    a, b = 0.6 * (lab[:, :, 1] - 128), 0.6 * (lab[:, :, 2] - 128)
    turned = [a * math.cos(angle) - b * math.sin(angle), a * math.sin(angle) + b * math.cos(angle)]
    worn = np.stack([lab[:, :, 0] * (0.7 + 0.6 * bright_cloth), 128 + turned[0], 128 + turned[1]], axis=2)
    lab += (worn - lab) * clothes[:, :, None]
    return np.asarray(cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB), dtype=np.uint8)


def _toned(lightness: npt.NDArray[np.float32], own: float, wanted: float) -> npt.NDArray[np.float32]:
    """Lightness with the median `wanted` instead of `own`.

    Darker by a gain, which keeps highlights soft; brighter by a power, which keeps them below white.
    """
    if wanted < own:
        return lightness * np.float32(wanted / own)
    power = max(math.log(wanted / 255) / math.log(own / 255), LEAST_POWER)
    return np.asarray(255 * np.clip(lightness / 255, 0, 1) ** np.float32(power), dtype=np.float32)


def _between(colours: Floats, at: float) -> Floats:
    """(3,) the colour at a share of the way from the first colour to the last."""
    place = at * (len(colours) - 1)
    return np.array([np.interp(place, np.arange(len(colours)), channel) for channel in colours.T])


def eye_weight(points: Floats, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """(h, w) 1 in the middle of both eyes, 0 outside. points: (468 or more, 2) px. size: (h, w)."""
    mask = np.zeros(size, np.uint8)
    for eye in EYES:
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points[list(eye)]).astype(np.int32)), (255,))
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), FACE_WIDTH_PX / 80) / 255, dtype=np.float32)


def face_mask(portrait: Portrait) -> npt.NDArray[np.float32]:
    """(h, w) 1 well inside the face, falling to 0 at its outline."""
    reach = round(FACE_WIDTH_PX / 12)
    outline = portrait.points[list(FACE_OVAL), :2]
    return soft_mask(portrait.alpha.shape, outline, soft_px=reach / 2, shrink_px=reach)
