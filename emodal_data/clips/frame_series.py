"""Several frames of a span that show one face: spread over the shot of its middle, or every n-th; followed by box."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from emodal_data.clips.read_settings import CANDIDATES
from emodal_data.clips.speaker_reading import SIDE_PX
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.span import Span
from emodal_data.face import Detection, FaceBackend, FacePicture
from emodal_data.face.find import picture_face, rank_faces
from emodal_data.face.frame_choice import clearest, most_expressive
from emodal_data.face.tracks import MIN_OVERLAP, best_matches, overlap
from emodal_data.face.types import Box
from emodal_data.media import Film, Frame
from emodal_data.media.shots import frame_times

_CHOICES: Final[Mapping[str, Callable[[Sequence[FacePicture]], int]]] = MappingProxyType(
    {"clearest": clearest, "most_expressive": most_expressive}
)
#: Between the frames of a series the faces are looked for so often, so that one that walks is not lost.
_LOOK_STEP_S: Final = 0.2
#: A face that was seen longer ago than this is expected where it was, and not where it was going.
_COAST_S: Final = 1.0
#: The speed of a face is measured over so much time: a face that another one half hides has a box that trembles.
_STEADY_S: Final = 0.35


@dataclass(frozen=True, eq=False)
class SeenFace:
    """A face and the frame that it was found in."""

    frame: Frame
    picture: FacePicture


@dataclass(frozen=True, eq=False)
class Series:
    """The frames of face.frames that show the face, ascending, and the one that face.frame chose; None: the middle."""

    frames: tuple[SeenFace, ...]
    chosen: SeenFace | None


@dataclass(frozen=True)
class Anchor:
    """Where the face is that is followed. box: in pixels of the film. t_s: time stamp of its frame."""

    box: Box
    t_s: float


def read_series(
    film: Film, shot: Span, anchor: Anchor | None, backend: FaceBackend, face: FaceConfig
) -> Series:
    """The frames of a shot that show the face of the anchor.

    Without an anchor, the face of the frame nearest to the middle of the shot that has any, if face.frame chooses.
    A frame that cannot be decoded, or without the face, is left out. Raises nothing of a single frame.
    """
    listed_s = _listed_s(film, shot, anchor, face)
    choose = _CHOICES.get(face.frame)
    asked_s = {*listed_s, *(spread_s(shot, CANDIDATES) if choose else [])}
    known_s = asked_s if anchor is None else {*asked_s, anchor.t_s}
    # Ascending: the film is decoded once, and in one go where the frames are dense. By time stamp: a short span has
    # fewer frames than are asked for.
    frames: dict[float, Frame] = {}
    found: dict[float, list[Detection]] = {}
    boxes: dict[float, list[Box]] = {}
    listed: set[float] = set()
    for t_s in sorted({*known_s, *between_s(known_s)}):
        try:
            frame = film.frame_at(t_s, max_side_px=SIDE_PX)
        except Dropped:
            continue
        if frame.pts_s not in found:
            found[frame.pts_s] = backend.detect(frame.picture)
            boxes[frame.pts_s] = [_in_film(one, frame) for one in found[frame.pts_s]]
        if t_s in asked_s:
            frames.setdefault(frame.pts_s, frame)
        if t_s in listed_s:
            listed.add(frame.pts_s)
    if anchor is None and choose:
        anchor = _nearest_face(frames, found, (shot.start_s + shot.end_s) / 2, face)
    if anchor is None:
        return Series((), None)
    numbers = follow(boxes, anchor)
    seen: dict[float, SeenFace] = {}
    for pts_s in sorted(numbers.keys() & frames.keys()):
        frame, rivals = frames[pts_s], list(found[pts_s])
        mine = rivals.pop(numbers[pts_s])
        try:
            picture = picture_face(frame.picture, found[pts_s], [mine, *rivals], backend, face, frame.scale)
        except Dropped:  # its landmarks form no face
            continue
        seen[pts_s] = SeenFace(frame, picture)
    every = list(seen.values())
    chosen = every[choose([one.picture for one in every])] if choose and every else None
    return Series(tuple(one for pts_s, one in seen.items() if pts_s in listed), chosen)


def _listed_s(film: Film, shot: Span, anchor: Anchor | None, face: FaceConfig) -> list[float]:
    if face.frames == 1:
        return []
    if not face.every_nth:
        return spread_s(shot, face.frames)
    middle_s = (shot.start_s + shot.end_s) / 2 if anchor is None else anchor.t_s
    try:
        times_s = frame_times(film, shot.start_s, shot.end_s)
    except Dropped:
        times_s = []
    return every_nth_s(times_s, middle_s, face.every_nth, face.frames)


def every_nth_s(times_s: Sequence[float], middle_s: float, step: int, count: int) -> list[float]:
    """Every n-th of the times, counted from the last one up to the middle; at most so many, the nearest; ascending.

    times_s: ascending. The middle itself if none of them is up to it.
    """
    middle = sum(t_s <= middle_s for t_s in times_s) - 1
    if middle < 0:
        return [middle_s]
    numbers = range(middle % step, len(times_s), step)
    nearest = sorted(numbers, key=lambda number: (abs(number - middle), number))[:count]
    return [times_s[number] for number in sorted(nearest)]


def between_s(times_s: Iterable[float]) -> Iterator[float]:
    """Times between these, so that none is farther than _LOOK_STEP_S from the next."""
    for before_s, after_s in pairwise(sorted(times_s)):
        steps = math.ceil((after_s - before_s) / _LOOK_STEP_S)
        yield from (before_s + n * (after_s - before_s) / steps for n in range(1, steps))


def spread_s(shot: Span, count: int) -> list[float]:
    """The middles of so many equal parts of a shot."""
    return [shot.start_s + (number + 0.5) * shot.length_s / count for number in range(count)]


def follow(boxes: Mapping[float, Sequence[Box]], anchor: Anchor) -> dict[float, int]:
    """The number of the anchor's face in each frame that has it, by time.

    boxes: of all faces of each frame, in pixels of the film, by time. Every face is followed from the first frame on: a
    box belongs to the face that it overlaps most, where that was going, or else where it was seen last. So a face that
    passes before the anchor's is not taken for it.
    """
    paths: list[_Path] = []
    mine: _Path | None = None
    for t_s in sorted({*boxes, anchor.t_s}):
        seen = list(boxes.get(t_s, ()))
        shares = [overlap(anchor.box, box) for box in seen] if t_s == anchor.t_s else []
        if t_s == anchor.t_s and max(shares, default=0.0) < MIN_OVERLAP:
            seen.append(anchor.box)
            shares.append(1.0)
        owners = _owners(paths, seen, t_s)
        for number, box in enumerate(seen):
            if number not in owners:
                owners[number] = len(paths)
                paths.append(_Path())
            paths[owners[number]].add(t_s, box, number)
        if shares:
            mine = paths[owners[shares.index(max(shares))]]
    assert mine is not None
    return {t_s: number for t_s, number in mine.numbers.items() if number < len(boxes.get(t_s, ()))}


class _Path:
    """Where a face was seen, and where it is going. numbers: of its boxes among those of the frames, by time."""

    def __init__(self) -> None:
        self.numbers: dict[float, int] = {}
        self._seen: list[tuple[float, Box]] = []

    @property
    def last(self) -> Box:
        """Where it was seen last."""
        return self._seen[-1][1]

    def expected(self, t_s: float) -> Box:
        """Where it is at a later time if it goes on as it did."""
        last_s, (x0, y0, x1, y1) = self._seen[-1]
        steady = [one for one in self._seen if last_s - one[0] >= _STEADY_S]
        since_s, (a0, b0, a1, b1) = steady[-1] if steady else self._seen[0]
        if since_s == last_s or t_s - last_s > _COAST_S:
            return self.last
        share = (t_s - last_s) / (last_s - since_s)
        dx, dy = share * (x0 + x1 - a0 - a1) / 2, share * (y0 + y1 - b0 - b1) / 2
        return x0 + dx, y0 + dy, x1 + dx, y1 + dy

    def add(self, t_s: float, box: Box, number: int) -> None:
        """It was seen there."""
        self.numbers[t_s] = number
        self._seen.append((t_s, box))


def _owners(paths: Sequence[_Path], boxes: Sequence[Box], t_s: float) -> dict[int, int]:
    """The number of the path that each box belongs to, of those that belong to one."""
    owners = best_matches([path.expected(t_s) for path in paths], boxes)
    idle = [number for number in range(len(paths)) if number not in owners.values()]
    left = [number for number in range(len(boxes)) if number not in owners]
    again = best_matches([paths[number].last for number in idle], [boxes[number] for number in left])
    return owners | {left[of_box]: idle[of_path] for of_box, of_path in again.items()}


def _nearest_face(
    frames: Mapping[float, Frame], found: Mapping[float, list[Detection]], middle_s: float, face: FaceConfig
) -> Anchor | None:
    for t_s in sorted(frames, key=lambda t_s: abs(t_s - middle_s)):
        if found[t_s]:
            first = rank_faces(frames[t_s].picture, found[t_s], face, frames[t_s].scale)[0]
            return Anchor(_in_film(first, frames[t_s]), t_s)
    return None


def _in_film(detection: Detection, frame: Frame) -> Box:
    x0, y0, x1, y1 = (float(edge) / frame.scale for edge in detection.box_xyxy)
    return x0, y0, x1, y1
