"""What is stored of the faces of a span for people to look at: curves of voice and mouths, and small portraits."""

from collections.abc import Mapping
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.audio_features.loudness import RANGE_DECADES, loudness
from emodal_data.core.span import Span
from emodal_data.face import FaceTrack
from emodal_data.media.encoders import preview_frame

#: Most points of a curve for each second of the shot.
CURVE_FPS: Final = 8
#: Portraits of a track, evenly over the shot, and the side of each.
PORTRAITS: Final = 8
PORTRAIT_PX: Final = 48
#: What of a face's box is around the landmarks, in sides of the box.
_MARGIN: Final = 0.15
_BLANK: Final = 128

#: The portraits of a track by their place in the shot, 0 to PORTRAITS - 1: (PORTRAIT_PX, PORTRAIT_PX, 3) RGB.
Portraits = Mapping[int, npt.NDArray[np.uint8]]


def place_of(t_s: float, shot: Span) -> int:
    """The place of the portrait that a time belongs to."""
    return min(int(PORTRAITS * (t_s - shot.start_s) / shot.length_s), PORTRAITS - 1)


def portrait(rgb: npt.NDArray[np.uint8], box: tuple[float, float, float, float]) -> npt.NDArray[np.uint8]:
    """The face in a frame. rgb: (h, w, 3). box: left, top, right, bottom in pixels of the frame; may leave it."""
    x0, y0, x1, y1 = box
    side = (x1 - x0) * (1 + 2 * _MARGIN)
    scale = PORTRAIT_PX / max(side, 1.0)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    to_portrait = np.array([[scale, 0, PORTRAIT_PX / 2 - scale * x], [0, scale, PORTRAIT_PX / 2 - scale * y]])
    size, grey = (PORTRAIT_PX, PORTRAIT_PX), (_BLANK,) * 3
    return np.asarray(
        cv2.warpAffine(rgb, to_portrait, size, flags=cv2.INTER_AREA, borderValue=grey), dtype=np.uint8
    )


def record_tracks(
    tracks: tuple[FaceTrack, ...],
    scores: list[float],
    portraits: list[Portraits],
    wave: npt.NDArray[np.float32],
    shot: Span,
) -> dict[str, Any]:
    """The column schema.TRACKS of a clip, with "chosen" left open.

    tracks, scores (of speaking), portraits: of each face. wave: (n,) at 16 kHz, the sound of the shot.
    """
    points = max(2, round(CURVE_FPS * shot.length_s))
    times_s = shot.start_s + (np.arange(points) + 0.5) * shot.length_s / points
    mouths = [
        np.interp(times_s, track.times_s, track.openings, left=np.nan, right=np.nan) for track in tracks
    ]
    sheet = np.full((len(tracks) * PORTRAIT_PX, PORTRAITS * PORTRAIT_PX, 3), _BLANK, np.uint8)
    for number, of_track in enumerate(portraits):
        for place, picture in of_track.items():
            y, x = number * PORTRAIT_PX, place * PORTRAIT_PX
            sheet[y : y + PORTRAIT_PX, x : x + PORTRAIT_PX] = picture
    return {
        "start_s": shot.start_s,
        "end_s": shot.end_s,
        "voice": _voice(wave, times_s - shot.start_s).astype("<f2").tobytes(),
        "mouths": [mouth.astype("<f2").tobytes() for mouth in mouths],
        "scores": scores,
        "portraits": preview_frame(sheet, max(sheet.shape[:2])) if tracks else None,
    }


def read_curve(data: bytes) -> npt.NDArray[np.float64]:
    """A curve of a record, (n,): evenly over the shot; NaN where a face is not seen."""
    return np.frombuffer(data, "<f2").astype(np.float64)


def _voice(wave: npt.NDArray[np.float32], times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Loudness, 0 for silence to 1 for the loud parts of the shot."""
    if not wave.any():
        return np.zeros(len(times_s))
    levels = loudness(wave, times_s.tolist())
    floor = np.percentile(levels, 95) - RANGE_DECADES
    return np.clip((levels - floor) / RANGE_DECADES, 0.0, 1.0)
