"""Who of the faces in a span speaks: they compete by how well their mouths fit the voice (mouth_and_voice.py).

Nothing is read and no threshold is applied here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from emodal_data.clips.mouth_and_voice import evidence, fit
from emodal_data.clips.track_record import Portraits, record_tracks
from emodal_data.core.region import Region
from emodal_data.core.span import Span
from emodal_data.face import FaceTrack

OnScreen = Literal["yes", "no", "unsure"]

#: A span with less speech than this share has no voice that anybody could speak with.
_MIN_VOICE: Final = 0.1
#: Somebody on screen speaks from the first probability on, nobody up to the second.
_YES, _NO = 0.6, 0.3
#: A track seen in fewer frames is not scored.
_MIN_FRAMES: Final = 8


@dataclass(frozen=True)
class SpeakingMeasures:
    """What the voice says about one face of a span.

    speaking_score: probability that this face speaks; runner_up_score: the largest of the other faces'.
    voice_activity: share of speech in the span. on_screen: whether any face speaks. track_s: length of the face's
    track. voice_lag_s: by how much the sound follows the mouth at the best agreement. mouth_movement: deviation of the
    mouth's opening about its mean over half a second, in distances between the eyes. mouth_sync: correlation of the
    changes of opening and loudness.
    """

    speaking_score: float
    runner_up_score: float
    voice_activity: float
    on_screen: OnScreen
    track_s: float
    voice_lag_s: float | None
    mouth_movement: float
    mouth_sync: float


@dataclass(frozen=True, eq=False)
class SeenFaces:
    """The faces of a shot. frame_px: width and height of the film's frames. portraits: of each track."""

    tracks: Sequence[FaceTrack]
    frame_px: tuple[float, float]
    portraits: Mapping[FaceTrack, Portraits] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Speakers:
    """The faces of a span and their measures, in the same order. frame_px: width and height of the film's frames.

    record: what is stored of them for people (track_record.py).
    """

    tracks: tuple[FaceTrack, ...]
    measures: tuple[SpeakingMeasures, ...]
    frame_px: tuple[float, float]
    record: dict[str, Any] | None = None

    def best(self, region: Region | None) -> FaceTrack | None:
        """The face with the highest score, of those whose track lies in the region; None without any.

        Without a voice the widest face is taken.
        """
        found = [
            (measures.speaking_score, track.width_px, number)
            for number, (track, measures) in enumerate(zip(self.tracks, self.measures, strict=True))
            if region is None or _is_within(track, region, self.frame_px)
        ]
        return self.tracks[max(found)[2]] if found else None

    def number_of(self, x_px: float, y_px: float, t_s: float) -> int | None:
        """The number of the face whose centre at a time is nearest to a point within its box; None without one."""
        near = []
        for number, track in enumerate(self.tracks):
            x0, y0, x1, y1 = track.boxes[track.nearest(t_s)]
            if x0 <= x_px <= x1 and y0 <= y_px <= y1:
                late_s = abs(track.times_s[track.nearest(t_s)] - t_s)
                near.append((late_s, abs((x0 + x1) / 2 - x_px) + abs((y0 + y1) / 2 - y_px), number))
        return min(near)[2] if near else None


def score_tracks(
    seen: SeenFaces, wave: npt.NDArray[np.float32], shot: Span, span: Span, speech: Sequence[Span]
) -> Speakers:
    """The measures of each face.

    wave: (n,) float32 at 16 kHz, the sound of the shot. shot, span: on the film's clock; the shot may begin before the
    span and end after it. speech: the stretches with a voice, seconds from the start of the shot. Tracks that are too
    short to say anything, or outside the span, are left out.
    """
    tracks = [track for track in seen.tracks if _frames_within(track, span) >= _MIN_FRAMES]
    voice = _share_of_voice(span, shot, speech)
    fits = [fit(track, wave, shot.start_s, speech) for track in tracks]
    nats = np.array([evidence(one, track.length_s) for one, track in zip(fits, tracks, strict=True)])
    weights = np.exp(nats) if voice >= _MIN_VOICE else np.zeros(len(tracks))
    scores = (weights / (1.0 + weights.sum())).tolist()  # 1: nobody of them speaks
    on_screen: OnScreen = "unsure"
    if max(scores, default=0.0) >= _YES:
        on_screen = "yes"
    elif sum(scores) <= _NO:
        on_screen = "no"
    measures = tuple(
        SpeakingMeasures(
            speaking_score=score,
            runner_up_score=max(scores[:number] + scores[number + 1 :], default=0.0),
            voice_activity=voice,
            on_screen=on_screen,
            track_s=track.length_s,
            voice_lag_s=one.best_lag_s,
            mouth_movement=one.movement,
            mouth_sync=one.sync_now,
        )
        for number, (score, track, one) in enumerate(zip(scores, tracks, fits, strict=True))
    )
    portraits = [seen.portraits.get(track, {}) for track in tracks]
    record = record_tracks(tuple(tracks), scores, portraits, wave, shot)
    return Speakers(tuple(tracks), measures, seen.frame_px, record)


def _frames_within(track: FaceTrack, span: Span) -> int:
    return sum(span.start_s <= t_s <= span.end_s for t_s in track.times_s)


def _share_of_voice(span: Span, shot: Span, speech: Sequence[Span]) -> float:
    """Share of speech in the part of a span that lies in the shot. speech: from the start of the shot."""
    start_s, end_s = max(span.start_s, shot.start_s), min(span.end_s, shot.end_s)
    heard_s = sum(
        max(0.0, min(end_s, shot.start_s + part.end_s) - max(start_s, shot.start_s + part.start_s))
        for part in speech
    )
    return min(1.0, heard_s / (end_s - start_s)) if end_s > start_s else 0.0


def _is_within(track: FaceTrack, region: Region, size_px: tuple[float, float]) -> bool:
    """Whether the face is in the region in the middle of its track."""
    x0, y0, x1, y1 = track.boxes[len(track.boxes) // 2]
    return region.contains((x0 + x1) / 2, (y0 + y1) / 2, *size_px)
