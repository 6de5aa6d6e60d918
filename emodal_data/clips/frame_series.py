"""Several frames of a span that show one face: spread over the shot of its middle, or every n-th; followed by box."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from emodal_data.face.tracks import MIN_OVERLAP, overlap
from emodal_data.face.types import Box
from emodal_data.media import Film, Frame

_CHOICES: Final[Mapping[str, Callable[[Sequence[FacePicture]], int]]] = MappingProxyType(
    {"clearest": clearest, "most_expressive": most_expressive}
)
#: Frames a second of a film that does not say how many it has.
_FPS: Final = 25.0


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
    others_s = spread_s(shot, CANDIDATES) if choose else []
    # Ascending: the film is decoded once, and in one go where the frames are dense. By time stamp: a short span has
    # fewer frames than are asked for.
    frames: dict[float, Frame] = {}
    listed: set[float] = set()
    for t_s in sorted({*listed_s, *others_s}):
        try:
            frame = film.frame_at(t_s, max_side_px=SIDE_PX)
        except Dropped:
            continue
        frames.setdefault(frame.pts_s, frame)
        if t_s in listed_s:
            listed.add(frame.pts_s)
    found = {pts_s: backend.detect(frame.picture) for pts_s, frame in frames.items()}
    if anchor is None and choose:
        anchor = _nearest_face(frames, found, (shot.start_s + shot.end_s) / 2, face)
    if anchor is None:
        return Series((), None)
    boxes = {
        pts_s: [_in_film(one, frames[pts_s]) for one in detections] for pts_s, detections in found.items()
    }
    seen: dict[float, SeenFace] = {}
    for pts_s, number in sorted(follow(boxes, anchor).items()):
        frame, rivals = frames[pts_s], list(found[pts_s])
        mine = rivals.pop(number)
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
    frame_s = 1 / (film.info.fps or _FPS)
    start_s = (shot.start_s + shot.end_s) / 2 if anchor is None else anchor.t_s + frame_s / 2
    return every_nth_s(shot, start_s, face.every_nth * frame_s, face.frames)


def every_nth_s(shot: Span, middle_s: float, step_s: float, count: int) -> list[float]:
    """The times of a shot at steps from a middle one, at most so many, the nearest to it; ascending."""
    first, last = (math.ceil((edge_s - middle_s) / step_s) for edge_s in (shot.start_s, shot.end_s))
    nearest = sorted({0, *range(first, last)}, key=lambda number: (abs(number), number))[:count]
    return [middle_s + number * step_s for number in sorted(nearest)]


def spread_s(shot: Span, count: int) -> list[float]:
    """The middles of so many equal parts of a shot."""
    return [shot.start_s + (number + 0.5) * shot.length_s / count for number in range(count)]


def follow(boxes: Mapping[float, Sequence[Box]], anchor: Anchor) -> dict[float, int]:
    """The number of the anchor's face in each frame that has it, by time.

    boxes: of all faces of each frame, in pixels of the film, by time. From the anchor on, forwards and backwards, the
    face is the one that overlaps its last box most.
    """
    later = sorted(t_s for t_s in boxes if t_s >= anchor.t_s)
    earlier = sorted((t_s for t_s in boxes if t_s < anchor.t_s), reverse=True)
    numbers = {}
    for times_s in (later, earlier):
        last = anchor.box
        for t_s in times_s:
            shares = [overlap(last, box) for box in boxes[t_s]]
            if max(shares, default=0.0) >= MIN_OVERLAP:
                numbers[t_s] = shares.index(max(shares))
                last = boxes[t_s][numbers[t_s]]
    return numbers


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
