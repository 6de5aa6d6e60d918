"""Finds the cuts between the shots of a film with PySceneDetect's adaptive detector on small pictures.

Frames come from our own guarded reader, so the detector never opens a file.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from emodal_data.core.errors import Dropped
from emodal_data.core.span import Span
from emodal_data.media import Film

#: The shortest shot; a shorter change of picture is a flash, not two cuts.
MIN_SHOT_S = 0.4
#: The detector compares a frame with two on either side, so it must see more than the stretch in question.
_MARGIN_S = 0.5
#: A span that reaches no farther than this into another shot was meant to end at the cut.
_EDGE_S = 0.1
_MICROSECOND = Fraction(1, 1_000_000)


def find_shots(film: Film) -> list[Span]:
    """The shots of a whole film, one after the other without gaps; none if no frame can be decoded.

    A shot ends where the next begins; the last one ends when its last frame leaves the screen.
    Reads every frame. Raises Dropped(FILM_UNREADABLE, FILM_TOO_LARGE, NO_VIDEO, DECODER_TIMED_OUT).
    """
    times_s: list[float] = []
    cuts_s = list(_cuts(film, 0.0, math.inf, times_s))
    if not times_s:
        return []
    frame_s = (times_s[-1] - times_s[0]) / (len(times_s) - 1) if len(times_s) > 1 else 0.0
    borders = [times_s[0], *cuts_s, times_s[-1] + frame_s]
    return [Span(start_s, end_s) for start_s, end_s in pairwise(borders)]


def cuts_between(film: Film, start_s: float, end_s: float) -> list[float]:
    """Times within (start_s, end_s) at which a new shot begins, ascending.

    Reads the frames of the stretch and half a second on either side. Raises as find_shots.
    """
    around = _cuts(film, max(0.0, start_s - _MARGIN_S), end_s + _MARGIN_S, [])
    return [cut_s for cut_s in around if start_s < cut_s < end_s]


def frame_times(film: Film, start_s: float, end_s: float) -> list[float]:
    """The time stamps of the frames that start in [start_s, end_s), ascending. Raises as find_shots."""
    grain_s = float(_MICROSECOND)  # a cut is rounded to it
    return [t_s for t_s, _ in film.scan(start_s - grain_s, end_s - grain_s)]


def crossed_cut_s(film: Film, start_s: float, end_s: float) -> float | None:
    """The cut within a span that is farthest from its ends; None if the span lies in one shot.

    Cuts within a tenth of a second of an end do not count, because the annotator meant to cut there. A stretch that
    cannot be decoded has no cuts.
    """
    try:
        cuts_s = cuts_between(film, start_s + _EDGE_S, end_s - _EDGE_S)
    except Dropped:
        return None
    return max(cuts_s, key=lambda cut_s: min(cut_s - start_s, end_s - cut_s), default=None)


def _cuts(film: Film, start_s: float, end_s: float, seen_s: list[float]) -> Iterator[float]:
    """Times of cuts; the times of all frames are added to seen_s."""
    from scenedetect import AdaptiveDetector
    from scenedetect.common import FrameTimecode, Timecode

    # The detector measures shots in seconds and needs a frame rate only for printing.
    detector = AdaptiveDetector(min_scene_len=MIN_SHOT_S)
    rate = Fraction(film.info.fps or 25).limit_denominator(1001)
    for t_s, bgr in film.scan(start_s, end_s):
        seen_s.append(t_s)
        timecode = FrameTimecode(Timecode(round(t_s / _MICROSECOND), _MICROSECOND), fps=rate)
        for cut in detector.process_frame(timecode, bgr):
            yield float(cut.seconds)
