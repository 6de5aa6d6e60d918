"""The places behind the actors: streets, gardens and rooms at the scale of a person, out of focus.

Places are cut from photos and footage of installed packages, or painted here. camera.py puts actors in front.
"""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.sample_films.encoder import SIZE
from emodal_data.sample_films.layer import yuv
from emodal_data.sample_films.materials import Picture, film_frame, photo

#: (h, w, 3) RGB, 0 to 255.
Room = npt.NDArray[np.float32]

#: Painted places are drawn at this width and height.
PAINTED = (640, 360)


def backdrop(rng: np.random.Generator) -> Picture:
    """A part of a random place, out of focus: planar YUV."""
    source = _place(int(rng.integers(len(PLACES))))
    height, width = source.shape[:2]
    crop_h = round(min(height, width * 9 / 16) * rng.uniform(0.6, 1.0))
    crop_w = round(crop_h * 16 / 9)
    top, left = int(rng.integers(height - crop_h + 1)), int(rng.integers(max(1, width - crop_w + 1)))
    small = cv2.resize(
        source[top : top + crop_h, left : left + crop_w], (320, 180), interpolation=cv2.INTER_AREA
    )
    soft = cv2.GaussianBlur(small, (0, 0), float(rng.uniform(1.5, 4.0)))
    lit = np.clip(soft * rng.uniform(0.55, 1.0), 0, 255).astype(np.uint8)
    return yuv(cv2.resize(lit, SIZE, interpolation=cv2.INTER_LINEAR))


def _wall(bright: tuple[int, int, int]) -> Picture:
    """A wall of bricks, in courses, of a colour."""
    bricks = cv2.rotate(photo("scikit-image", "brick.png"), cv2.ROTATE_90_CLOCKWISE)
    return np.asarray(bricks.astype(np.float32) / 255 * np.array(bright, np.float32), np.uint8)


def _garden() -> Picture:
    """Leaves in the shade."""
    return photo("scikit-learn", "flower.jpg")[:130, :230]


def _living_room() -> Picture:
    """A wall with a window to a park, a picture, and a lamp with a warm glow."""
    room = _painted_wall((186, 160, 128))
    _framed(room, photo("scikit-learn", "china.jpg"), (60, 40, 230, 260), (240, 236, 228), bars=True)
    _framed(room, photo("scikit-image", "rocket.jpg"), (350, 70, 450, 140), (70, 50, 36))
    glow = np.zeros((PAINTED[1], PAINTED[0], 1), np.float32)
    cv2.circle(glow, (545, 170), 75, 1.0, -1)
    room += cv2.GaussianBlur(glow, (0, 0), 45)[:, :, None] * np.array((95, 70, 30), np.float32)
    cv2.fillConvexPoly(room, np.array([(515, 190), (535, 130), (560, 130), (580, 190)]), (255, 226, 160))
    cv2.rectangle(room, (545, 190), (550, 360), (60, 48, 40), -1)
    return _picture(room)


def _study() -> Picture:
    """Shelves of books beside a door."""
    room = _painted_wall((120, 132, 138))
    drawn = np.random.default_rng(0)
    cv2.rectangle(room, (20, 10), (410, 360), (66, 46, 32), -1)
    for top in range(20, 360, 68):
        cv2.rectangle(room, (28, top), (402, top + 58), (30, 22, 18), -1)
        left = 30
        while left < 390:
            width, height = int(drawn.integers(7, 16)), int(drawn.integers(38, 56))
            colour = drawn.uniform(0.4, 1.0) * np.array(BOOKS[int(drawn.integers(len(BOOKS)))])
            cv2.rectangle(room, (left, top + 58 - height), (left + width - 1, top + 58), colour.tolist(), -1)
            left += width if drawn.random() < 0.9 else 30
    _framed(room, photo("scikit-image", "rocket.jpg")[:200], (450, 70, 540, 150), (200, 190, 170))
    cv2.rectangle(room, (575, 40), (640, 360), (96, 74, 56), -1)
    return _picture(room)


#: Colours of the backs of books.
BOOKS = (
    (150, 40, 36),
    (38, 70, 110),
    (60, 96, 60),
    (190, 170, 120),
    (110, 70, 44),
    (205, 200, 190),
    (80, 60, 90),
)
PLACES: tuple[Callable[[], Picture], ...] = (
    _living_room,
    _study,
    _garden,
    lambda: _wall((225, 140, 110)),
    lambda: photo("scikit-learn", "china.jpg"),
    lambda: photo("scikit-image", "motorcycle_left.png"),
    lambda: photo("scikit-image", "rocket.jpg")[200:],
    lambda: film_frame("bikes.mp4", 100),
    lambda: film_frame("bikes.mp4", 180),
)


@cache
def _place(number: int) -> Picture:
    return PLACES[number]()


def _painted_wall(colour: tuple[int, int, int]) -> Room:
    """(h, w, 3) a wall that is brighter on the left, above a skirting board."""
    wall = np.ones((PAINTED[1], PAINTED[0], 3), np.float32) * np.array(colour, np.float32)
    wall *= np.linspace(1.1, 0.75, PAINTED[0], dtype=np.float32)[None, :, None]
    return wall


def _framed(
    room: Room,
    view: Picture,
    box: tuple[int, int, int, int],
    frame: tuple[int, int, int],
    bars: bool = False,
) -> None:
    """A picture, or a window with bars, in a frame."""
    x0, y0, x1, y1 = box
    cv2.rectangle(room, (x0 - 8, y0 - 8), (x1 + 8, y1 + 8), frame, -1)
    room[y0:y1, x0:x1] = cv2.resize(view, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    if bars:
        room[y0:y1, (x0 + x1) // 2 - 3 : (x0 + x1) // 2 + 3] = frame
        room[(y0 + y1) // 2 - 3 : (y0 + y1) // 2 + 3, x0:x1] = frame


def _picture(room: Room) -> Picture:
    return np.clip(room, 0, 255).astype(np.uint8)
