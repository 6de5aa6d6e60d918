"""Detects faces with BlazeFace, on the whole frame and on tiles of it for small faces.

The model's parameters are those of MediaPipe's face_detection back-camera graph.
"""

import cv2
import numpy as np

from emodal_data.face.models import Model, sigmoid
from emodal_data.face.types import Box, Detection, Picture, Points

MODEL = "face_detection_back.tflite"
MIN_SCORE = 0.5
MAX_OVERLAP = 0.3
#: A detection with a lower score is uncertain: it may be background or an upside-down face, so the search goes on.
SURE_SCORE = 0.75
#: Tile searches as (face width, tile side) in shares of the frame's longer side: if the largest sure face is narrower
#: than the first (96 and 72 px of 1280), search tiles with the second as side. Tiles overlap by the first, so that a
#: small face lies whole in one of them.
CLOSER_LOOKS = ((0.075, 9 / 16), (0.056, 1 / 3))


class Detector:
    """Finds faces of any size in a picture."""

    def __init__(self) -> None:
        self._model = Model(MODEL)
        self._anchors = _anchors(self._model.side_px)

    def __call__(self, rgb: Picture) -> list[Detection]:
        """All faces, largest first. rgb: (h, w, 3) uint8."""
        height, width = rgb.shape[:2]
        longer = max(height, width)
        found = self._look(rgb, 0, 0)
        for small, tile in CLOSER_LOOKS:
            if _widths(found[found[:, 16] >= SURE_SCORE]).max(initial=0.0) >= small * longer:
                break
            side = max(self._model.side_px // 2, round(tile * longer))
            found = self._look_closer(rgb, found, side, small * longer)
        if not len(found) or found[:, 16].max() < SURE_SCORE:
            # An upside-down face gets a low score and wrong keypoints; in the turned frame its score is high.
            turned = self._look(rgb[::-1, ::-1], 0, 0)
            found = _replace_weaker(found, _half_turn(turned[turned[:, 16] >= SURE_SCORE], width, height))
        found = found[np.lexsort((found[:, 0], -_widths(found)))]
        return [Detection(_box(row), float(row[16]), row[4:8].reshape(2, 2), row[8:10]) for row in found]

    def _look_closer(self, rgb: Picture, found: Points, side: int, shared_px: float) -> Points:
        """The faces found so far, with those found in square tiles; adjacent tiles share `shared_px` at least."""
        views = []
        for top in _tile_starts(rgb.shape[0], side, shared_px):
            for left in _tile_starts(rgb.shape[1], side, shared_px):
                tile = self._look(rgb[top : top + side, left : left + side], left, top)
                # A detection that fills a tile is part of a larger object, which a wider view has already judged.
                views.append(tile[_widths(tile) < side / 2])
        closer = _merge(np.concatenate(views))
        seen_better = [
            _widths(row[np.newaxis])[0] < shared_px and (_overlap(row, closer) > MAX_OVERLAP).any()
            for row in found
        ]
        return _merge(np.concatenate([found[~np.array(seen_better, dtype=bool)], closer]))

    def _look(self, rgb: Picture, left: int, top: int) -> Points:
        """(n, 17) rows x0, y0, x1, y1, six keypoints, score; in pixels of the frame that the view was cut from."""
        side = self._model.side_px
        height, width = rgb.shape[:2]
        scale = side / max(height, width)
        small = max(1, round(width * scale)), max(1, round(height * scale))
        shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        pad_x, pad_y = (side - small[0]) // 2, (side - small[1]) // 2
        view = np.full((side, side, 3), -1.0, dtype=np.float32)
        resized = cv2.resize(rgb, small, interpolation=shrink)
        view[pad_y : pad_y + small[1], pad_x : pad_x + small[0]] = resized / np.float32(127.5) - np.float32(1)
        regressors, logits = self._model(view)
        scores = sigmoid(logits[0, :, 0])
        likely = scores > MIN_SCORE
        raw, anchors = regressors[0, likely].astype(np.float64) / side, self._anchors[likely]
        rows = np.empty((len(raw), 17))
        centre = raw[:, 0:2] + anchors
        rows[:, 0:2], rows[:, 2:4] = centre - raw[:, 2:4] / 2, centre + raw[:, 2:4] / 2
        rows[:, 4:16] = raw[:, 4:16] + np.tile(anchors, 6)
        rows[:, :16] *= side
        rows[:, 0:16:2] = (rows[:, 0:16:2] - pad_x) * (width / small[0]) + left
        rows[:, 1:16:2] = (rows[:, 1:16:2] - pad_y) * (height / small[1]) + top
        rows[:, 16] = scores[likely]
        return _merge(rows)


def _anchors(side_px: int) -> Points:
    """(896, 2) anchor centres as shares of the input: two a cell of a 16 px grid, six a cell of a 32 px grid."""
    grids = []
    for stride, repeats in ((16, 2), (32, 6)):
        cells = side_px // stride
        y, x = np.divmod(np.arange(cells * cells), cells)
        grids.append(np.repeat((np.stack([x, y], axis=1) + 0.5) / cells, repeats, axis=0))
    return np.concatenate(grids)


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


def _tile_starts(length: int, side: int, shared_px: float) -> list[int]:
    """Starts of tiles that cover `length` pixels; adjacent tiles share `shared_px` at least."""
    if length <= side:
        return [0]
    count = 1 + int(np.ceil((length - side) / (side - shared_px)))
    return [round(i * (length - side) / (count - 1)) for i in range(count)]
