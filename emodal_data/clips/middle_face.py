"""The face of a span: that of its middle frame or, when asked to look around, of the nearest frame with a clear one."""

import functools
import math
from collections.abc import Iterator

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.face import FaceBackend, FacePicture, create_backend, find_face
from emodal_data.media import Film, Frame

#: Frames are taken from the decoder no larger than this: the detector sees 256 px, the face picture 128 px.
FACE_STAGE_SIDE_PX = 1280

#: How finely the surroundings of the middle frame are searched for a clear face.
_SEARCH_STEP_S = 0.1


@functools.cache
def loaded_backend(config: FaceConfig) -> FaceBackend:
    """The face models, loaded once in a process's life. Raises InputError, saying what to install or put where."""
    return create_backend(config.backend, config.weights, config.detector)


def middle_face(
    film: Film, start_s: float, end_s: float, backend: FaceBackend, face: FaceConfig
) -> tuple[Frame, FacePicture | Dropped]:
    """The frame that stands for a span, and its face, or why it has none. The gate's thresholds choose, never refuse.

    Raises Dropped as Film.frame_at does.
    """
    middle_s = (start_s + end_s) / 2
    seen = _look(film, middle_s, backend, face)
    if not _is_clear(seen[1], face):
        for t_s in _nearby_s(middle_s, start_s, end_s, face.frame_search_s):
            other = _look(film, t_s, backend, face)
            if _is_clear(other[1], face):
                return other
    return seen


def _look(
    film: Film, t_s: float, backend: FaceBackend, face: FaceConfig
) -> tuple[Frame, FacePicture | Dropped]:
    frame = film.frame_at(t_s, max_side_px=FACE_STAGE_SIDE_PX)
    try:
        return frame, find_face(frame.rgb, backend, face, scale=frame.scale)
    except Dropped as drop:
        return frame, drop


def _is_clear(picture: FacePicture | Dropped, face: FaceConfig) -> bool:
    return not isinstance(picture, Dropped) and face_gate(picture.measures, face) is None


def _nearby_s(middle_s: float, start_s: float, end_s: float, search_s: float) -> Iterator[float]:
    """Times around the middle, nearest first, within the search and the span."""
    for n in range(1, math.floor(search_s / _SEARCH_STEP_S + 1e-9) + 1):
        for t_s in (middle_s - n * _SEARCH_STEP_S, middle_s + n * _SEARCH_STEP_S):
            if start_s <= t_s < end_s:
                yield t_s
