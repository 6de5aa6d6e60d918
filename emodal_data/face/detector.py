"""Detects faces with BlazeFace in a small view of the frame, and in a larger one only if no large face is found.

The model's parameters are those of MediaPipe's face_detection back-camera graph. It is fully convolutional: its input
has the shape of the picture, and not that of a square with black bars.
"""

from functools import lru_cache

import cv2
import numpy as np

from emodal_data.face.models import Model, sigmoid
from emodal_data.face.types import AnyPicture, Box, Detection, Picture, Points, as_rgb

MODEL = "face_detection_back.tflite"
MIN_SCORE = 0.5
MAX_OVERLAP = 0.3
#: A detection with a lower score is uncertain: it may be background or an upside-down face, so the search goes on.
SURE_SCORE = 0.75
#: Longer side of the first view of a picture, in pixels. The model was trained with views of this side.
VIEW_PX = 256
#: Closer looks as (at least, below, piece) in shares of the frame's longer side: if the width of the largest sure face
#: (0 if there is none) is within the two, the frame is viewed at the scale at which a piece fills VIEW_PX. The first is
#: for faces below 96 px of 1280, the second for a better box of faces below 48 px, and not for frames without a face.
CLOSER_LOOKS = ((0.0, 0.075, 0.45), (0.001, 0.0375, 1 / 3))
#: Where the largest sure face is not below 48 px, and all places of at least this score fit into one piece with half a
#: box beside each, only that piece is viewed: a fifth of the frame.
SUSPECTED_SCORE = 0.2
#: Steps of the model's two grids, in pixels of the view, and boxes a cell. The view has whole cells of the larger one.
_GRIDS = ((16, 2), (32, 6))
_CELL_PX = 32
#: Shapes of views whose model is kept, some 10 MB each: three for each of two sizes of frame.
_SHAPES_KEPT = 6


class Detector:
    """Finds faces of any size in a picture."""

    def __init__(self) -> None:
        self._model = lru_cache(_SHAPES_KEPT)(lambda *size_px: Model(MODEL, size_px))
        # Most frames are 16:9. Loaded now, a missing or damaged file is reported before a film is read.
        self._model(160, VIEW_PX)

    def __call__(self, rgb: AnyPicture) -> list[Detection]:
        """All faces, largest first. rgb: (h, w, 3) uint8."""
        height, width = rgb.shape[:2]
        longer = max(height, width)
        suspected = self._look(rgb, longer)
        found = _faces(suspected)
        for least, below, piece in CLOSER_LOOKS:
            largest_px = _widths(found[found[:, 16] >= SURE_SCORE]).max(initial=0.0)
            if not least * longer <= largest_px < below * longer:
                continue
            piece_px = max(VIEW_PX // 2, round(piece * longer))
            is_near = largest_px >= CLOSER_LOOKS[-1][1] * longer
            part = _piece_of(suspected, rgb.shape, piece_px) if is_near else None
            closer = _faces(self._look(rgb if part is None else rgb[part], piece_px))
            if part is not None:
                closer[:, :16] += np.tile([part[1].start, part[0].start], 8)
            # A large box in a close view is part of a larger object, which a wider view has already judged.
            closer = closer[_widths(closer) < piece_px / 2]
            found = _merge(np.concatenate([_not_seen_better(found, closer, below * longer), closer]))
        if not len(found) or found[:, 16].max() < SURE_SCORE:
            # An upside-down face gets a low score and wrong keypoints; in the turned frame its score is high.
            turned = _faces(self._look(rgb, longer, is_turned=True))
            found = _replace_weaker(found, _half_turn(turned[turned[:, 16] >= SURE_SCORE], width, height))
        found = found[np.lexsort((found[:, 0], -_widths(found)))]
        return _detections(found)

    def small_faces(self, rgb: AnyPicture) -> list[Detection]:
        """All small faces, also those beside a large one, where the search above stops. rgb: (h, w, 3) uint8."""
        longer = max(rgb.shape[:2])
        rows = _faces(self._look(rgb, max(VIEW_PX // 2, round(CLOSER_LOOKS[-1][2] * longer))))
        return _detections(rows[_widths(rows) < CLOSER_LOOKS[0][1] * longer])

    def _look(self, rgb: AnyPicture, piece_px: int, is_turned: bool = False) -> Points:
        """(n, 17) rows x0, y0, x1, y1, six keypoints, score of all suspected places, several a face.

        Pixels are those of `rgb`, of which piece_px fill VIEW_PX; is_turned: of `rgb` turned by 180 degrees.
        """
        height, width = rgb.shape[:2]
        scale = VIEW_PX / piece_px
        small = max(1, round(width * scale)), max(1, round(height * scale))
        across, down = (-(-length // _CELL_PX) * _CELL_PX for length in small)
        pad_x, pad_y = (across - small[0]) // 2, (down - small[1]) // 2
        view = np.full((down, across, 3), -1.0, dtype=np.float32)
        resized = _resized(rgb, *small)
        if is_turned:
            resized = np.asarray(cv2.rotate(resized, cv2.ROTATE_180), np.uint8)
        view[pad_y : pad_y + small[1], pad_x : pad_x + small[0]] = resized / np.float32(127.5) - np.float32(1)
        regressors, logits = self._model(down, across)(view)
        scores = sigmoid(logits[0, :, 0])
        likely = scores > SUSPECTED_SCORE
        raw, anchors = regressors[0, likely].astype(np.float64), _anchors(down, across)[likely]
        rows = np.empty((len(raw), 17))
        centre = raw[:, 0:2] + anchors
        rows[:, 0:2], rows[:, 2:4] = centre - raw[:, 2:4] / 2, centre + raw[:, 2:4] / 2
        rows[:, 4:16] = raw[:, 4:16] + np.tile(anchors, 6)
        rows[:, 0:16:2] = (rows[:, 0:16:2] - pad_x) * (width / small[0])
        rows[:, 1:16:2] = (rows[:, 1:16:2] - pad_y) * (height / small[1])
        rows[:, 16] = scores[likely]
        return rows


def _detections(rows: Points) -> list[Detection]:
    return [Detection(_box(row), float(row[16]), row[4:8].reshape(2, 2), row[8:10]) for row in rows]


def _resized(rgb: AnyPicture, width: int, height: int) -> Picture:
    is_smaller = width < rgb.shape[1]
    if is_smaller and not isinstance(rgb, np.ndarray):
        return rgb.shrunk(width, height)
    how = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(as_rgb(rgb), (width, height), interpolation=how), np.uint8)


@lru_cache(_SHAPES_KEPT)
def _anchors(height_px: int, width_px: int) -> Points:
    """(n, 2) centres x, y of the model's boxes in a view, grid by grid."""
    grids = []
    for step_px, repeats in _GRIDS:
        y, x = np.mgrid[: height_px // step_px, : width_px // step_px]
        grids.append(np.repeat((np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * step_px, repeats, axis=0))
    return np.concatenate(grids)


def _faces(rows: Points) -> Points:
    """One row a face of the places that score more than MIN_SCORE."""
    return _merge(rows[rows[:, 16] > MIN_SCORE])


def _piece_of(suspected: Points, shape: tuple[int, ...], piece_px: int) -> tuple[slice, slice] | None:
    """Rows and columns of a piece of the frame, of its shape, with half a box beside each suspected place.

    None if no piece has them all. Boxes that a closer look could not find or that lie outside do not count.
    """
    sides = np.array(shape[1::-1])
    middles = (suspected[:, 0:2] + suspected[:, 2:4]) / 2
    is_outside = (middles < 0).any(axis=1) | (middles > sides).any(axis=1)
    rows = suspected[~is_outside & (_widths(suspected) < piece_px / 2)]
    if not len(rows):
        return None
    margin = (rows[:, 2:4] - rows[:, 0:2]) / 2
    low = np.clip((rows[:, 0:2] - margin).min(axis=0), 0, sides)
    high = np.clip((rows[:, 2:4] + margin).max(axis=0), 0, sides)
    size = np.minimum(np.rint(sides * (piece_px / sides.max())).astype(int), sides)
    if (high - low > size).any():
        return None
    x, y = np.clip(np.rint((low + high - size) / 2).astype(int), 0, sides - size)
    return slice(int(y), int(y + size[1])), slice(int(x), int(x + size[0]))


def _not_seen_better(found: Points, closer: Points, small_px: float) -> Points:
    """The faces found so far, without small ones that a closer look found too."""
    better = [
        _widths(row[np.newaxis])[0] < small_px and (_overlap(row, closer) > MAX_OVERLAP).any()
        for row in found
    ]
    return np.asarray(found[~np.array(better, dtype=bool)])


def _merge(rows: Points) -> Points:
    """One row a face: overlapping rows are averaged, weighted by score; the row keeps the best score."""
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0], -rows[:, 16]))]
    faces = []
    while len(rows):
        same = _overlap(rows[0], rows) > MAX_OVERLAP
        same[0] = True
        weights = rows[same, 16]
        face = rows[0].copy()
        face[:16] = weights @ rows[same, :16] / weights.sum()
        faces.append(face)
        rows = rows[~same]
    return np.array(faces).reshape(-1, 17)


def _half_turn(rows: Points, width: int, height: int) -> Points:
    """Rows found in a frame turned by 180 degrees, in pixels of the original frame."""
    turned = rows.copy()
    turned[:, 0:16:2], turned[:, 1:16:2] = width - rows[:, 0:16:2], height - rows[:, 1:16:2]
    turned[:, 0:4] = turned[:, [2, 3, 0, 1]]
    return turned


def _replace_weaker(rows: Points, others: Points) -> Points:
    """The rows, each replaced by one of the others that overlaps it and has a higher score."""
    for other in others:
        same = _overlap(other, rows) > MAX_OVERLAP
        if rows[same, 16].max(initial=0.0) < other[16]:
            rows = np.concatenate([rows[~same], other[np.newaxis]])
    return rows


def _overlap(row: Points, rows: Points) -> Points:
    """Intersection over union of one box with each of (n, 17) rows."""
    size = np.minimum(row[2:4], rows[:, 2:4]) - np.maximum(row[0:2], rows[:, 0:2])
    shared = np.clip(size, 0, None).prod(axis=1)
    total = (row[2:4] - row[0:2]).prod() + (rows[:, 2:4] - rows[:, 0:2]).prod(axis=1) - shared
    return np.asarray(shared / np.maximum(total, 1e-9))


def _widths(rows: Points) -> Points:
    return np.asarray(rows[:, 2] - rows[:, 0])


def _box(row: Points) -> Box:
    return float(row[0]), float(row[1]), float(row[2]), float(row[3])
