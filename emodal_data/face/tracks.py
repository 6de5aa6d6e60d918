"""Joins the faces of successive frames into tracks: one for each person, as long as the face stays in the picture.

Nothing is decoded here; emodal_data/clips/speaker_reading.py reads the frames of a span.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from emodal_data.core.region import Region
from emodal_data.face.mouth import mouth_opening
from emodal_data.face.types import Box, Detection, Face

#: Least overlap (intersection over union) of a face with the last box of its track.
MIN_OVERLAP = 0.3
#: A face that was not seen for longer than this starts a new track.
MAX_GAP_S = 0.5
#: Half the side of the region in which a track's face is looked for, in sides of its box.
_REGION_SIDES = 0.25


@dataclass(eq=False)
class FaceTrack:
    """A face over time. times_s: ascending, on the film's clock; boxes: in pixels of the film; openings: of the mouth,
    in distances between the eyes. The three have the same length.
    """

    times_s: list[float] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    openings: list[float] = field(default_factory=list)

    @property
    def length_s(self) -> float:
        """From the first to the last frame that the face was seen in."""
        return self.times_s[-1] - self.times_s[0]

    @property
    def width_px(self) -> float:
        """Median width of the box."""
        return float(np.median([x1 - x0 for x0, _, x1, _ in self.boxes]))

    def add(self, t_s: float, box: Box, opening: float) -> None:
        """Add the face of a later frame."""
        self.times_s.append(t_s)
        self.boxes.append(box)
        self.openings.append(opening)

    def nearest(self, t_s: float) -> int:
        """The number of the frame nearest to a time."""
        return int(np.abs(np.array(self.times_s) - t_s).argmin())

    def nearest_s(self, t_s: float) -> float:
        """The time itself if the face is seen then, else the nearest time at which it is."""
        seen_s = self.times_s[self.nearest(t_s)]
        return t_s if abs(seen_s - t_s) <= MAX_GAP_S / 4 else seen_s

    def region_at(self, t_s: float) -> Region:
        """The part of the frame in which the centre of the face is at a time."""
        x0, y0, x1, y1 = self.boxes[self.nearest(t_s)]
        x, y, dx, dy = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) * _REGION_SIDES, (y1 - y0) * _REGION_SIDES
        return Region((x - dx, y - dy, x + dx, y + dy), is_in_shares=False)


class Tracker:
    """Adds frames in ascending order to tracks."""

    def __init__(self) -> None:
        self.tracks: list[FaceTrack] = []

    def expected(self, t_s: float, scale: float) -> list[Detection]:
        """The faces of the last frames, as detections of a frame at t_s. scale: pixels of the frame per film pixel."""
        boxes = [track.boxes[-1] for track in self.tracks if t_s - track.times_s[-1] <= MAX_GAP_S]
        return [Detection((x0 * scale, y0 * scale, x1 * scale, y1 * scale), 1.0) for x0, y0, x1, y1 in boxes]

    def add(self, t_s: float, faces: Sequence[Face], scale: float = 1.0) -> None:
        """Add the faces of a frame, each to the track that it overlaps most, or to a new one."""
        measured = [(_mesh_box(face, scale), mouth_opening(face.landmarks68)) for face in faces]
        seen = [(box, opening) for box, opening in measured if math.isfinite(opening)]
        alive = [track for track in self.tracks if t_s - track.times_s[-1] <= MAX_GAP_S]
        taken = best_matches([track.boxes[-1] for track in alive], [box for box, _ in seen])
        for place, (box, opening) in enumerate(seen):
            track = alive[taken[place]] if place in taken else FaceTrack()
            if place not in taken:
                self.tracks.append(track)
            track.add(t_s, box, opening)


def best_matches(expected: Sequence[Box], seen: Sequence[Box]) -> dict[int, int]:
    """Which face each box shows, the largest overlap first: number of the box -> number of the face.

    expected: where each face should be. A face has one box at most; a box that overlaps none enough is left out.
    """
    pairs = sorted(
        (-overlap(place, box), number, of_box)
        for number, place in enumerate(expected)
        for of_box, box in enumerate(seen)
    )
    taken: dict[int, int] = {}
    for negative, number, of_box in pairs:
        if -negative >= MIN_OVERLAP and number not in taken.values() and of_box not in taken:
            taken[of_box] = number
    return taken


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (one, other))
    return width * height / (areas - width * height)


def _mesh_box(face: Face, scale: float) -> Box:
    """The square around the landmarks in film pixels, which follows the face also where no detector ran."""
    points = face.landmarks68 / scale
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    x, y, half = (x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0) / 2
    return float(x - half), float(y - half), float(x + half), float(y + half)
