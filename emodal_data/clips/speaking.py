"""Who of the faces in a span speaks: mouths compared with the voice. Nothing is read and no threshold is applied here.

A mouth that speaks moves, and it opens and closes when the voice rises and falls. The loudness itself follows every
sentence alike, so the changes are compared: their correlation is near zero for another person's voice.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from emodal_data.audio_features.loudness import loudness
from emodal_data.clips.track_record import Portraits, record_tracks
from emodal_data.core.region import Region
from emodal_data.core.span import Span
from emodal_data.face import FaceTrack

OnScreen = Literal["yes", "no", "unsure"]

#: Correlation of the changes, of talkers with their own voice and with another's: mean, and its deviation over 3 s.
#: Measured on real talkers, see docs/benchmarks/2026-11-29-speakers.md.
_OWN_SYNC, _OTHER_SYNC, _SYNC_DEVIATION, _DEVIATION_OF_S = 0.40, 0.03, 0.21, 3.0
#: Movement of the mouth in distances between the eyes: listeners are below, talkers above (0.017 to 0.035).
_STILL_MOUTH: Final = 0.009
#: Movement is counted about the mean over this time: a smile that comes and goes is slower than speech.
_SLOW_S: Final = 0.5
#: Evidence of movement against and for speech, in nats: a still mouth does not speak, a moving one may chew.
_STILL_NATS, _MOVING_NATS = -5.0, 1.0
#: A span with less speech than this share has no voice that anybody could speak with.
_MIN_VOICE: Final = 0.1
#: Somebody on screen speaks from the first probability on, nobody up to the second.
_YES, _NO = 0.6, 0.3
#: A track seen in fewer frames is not scored.
_MIN_FRAMES: Final = 8
#: Deviation of the lag between picture and sound of a film that was mastered with care.
_LAG_DEVIATION_S: Final = 0.02
#: How far the sound is moved against the picture in search of the lag.
_MAX_LAG_S: Final = 0.6


@dataclass(frozen=True)
class SpeakingMeasures:
    """What the voice says about one face of a span.

    speaking_score: probability that this face speaks; runner_up_score: the largest of the other faces'.
    voice_activity: share of speech in the shot. on_screen: whether any face speaks. track_s: length of the face's
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
    seen: SeenFaces, wave: npt.NDArray[np.float32], shot: Span, speech: Sequence[Span]
) -> Speakers:
    """The measures of each face.

    wave: (n,) float32 at 16 kHz, the sound of the shot. shot: its place on the film's clock. speech: the stretches with
    a voice, from the start of the shot. Tracks that are too short to say anything are left out.
    """
    tracks = [track for track in seen.tracks if len(track.times_s) >= _MIN_FRAMES]
    voice = min(1.0, sum(part.length_s for part in speech) / shot.length_s) if shot.length_s > 0 else 0.0
    compared = [_compare(track, wave, shot.start_s) for track in tracks]
    nats = np.array([_evidence(one, track.length_s) for one, track in zip(compared, tracks, strict=True)])
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
            mouth_sync=float(one.sync[np.abs(one.lags_s).argmin()]),
        )
        for number, (score, track, one) in enumerate(zip(scores, tracks, compared, strict=True))
    )
    portraits = [seen.portraits.get(track, {}) for track in tracks]
    record = record_tracks(tuple(tracks), scores, portraits, wave, shot)
    return Speakers(tuple(tracks), measures, seen.frame_px, record)


@dataclass(frozen=True)
class _Comparison:
    """A mouth and a voice: see SpeakingMeasures. sync: the correlation at each of lags_s, (n,)."""

    movement: float
    lags_s: npt.NDArray[np.float64]
    sync: npt.NDArray[np.float64]

    @property
    def best_lag_s(self) -> float | None:
        best = int(self.sync.argmax())
        return float(self.lags_s[best]) if self.sync[best] > 0 else None


def _compare(track: FaceTrack, wave: npt.NDArray[np.float32], start_s: float) -> _Comparison:
    times_s = np.array(track.times_s)
    step_s = float(np.median(np.diff(times_s)))
    even_s = np.arange(times_s[0], times_s[-1] + step_s / 2, step_s)
    opening = np.interp(even_s, times_s, track.openings)
    most = round(_MAX_LAG_S / step_s)
    around_s = even_s[0] + step_s * np.arange(-most, len(even_s) + most)
    voice = np.gradient(loudness(wave, around_s - start_s))
    mouth = np.gradient(opening)
    sync = np.array([_correlation(mouth, voice[first:][: len(mouth)]) for first in range(2 * most + 1)])
    lags_s = np.arange(-most, most + 1, dtype=np.float64) * step_s
    return _Comparison(_movement(opening, step_s), lags_s, sync)


def _movement(opening: npt.NDArray[np.float64], step_s: float) -> float:
    half = round(_SLOW_S / step_s / 2)
    window = np.ones(2 * half + 1) / (2 * half + 1)
    slow = np.convolve(np.pad(opening, half, mode="edge"), window, mode="valid")
    return float((opening - slow).std())


def _correlation(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    deviations = float(one.std() * other.std())
    return float(((one - one.mean()) * (other - other.mean())).mean()) / deviations if deviations else 0.0


def _evidence(one: _Comparison, length_s: float) -> float:
    """For speech against silence, in nats: the log ratio of the probabilities of what was measured."""
    deviation = _SYNC_DEVIATION * math.sqrt(_DEVIATION_OF_S / max(length_s, 0.1))
    away, near = (one.sync - _OTHER_SYNC) / deviation, (one.sync - _OWN_SYNC) / deviation
    likely = np.exp(-((one.lags_s / _LAG_DEVIATION_S) ** 2) / 2)
    synchronous = float(np.log((likely / likely.sum()) @ np.exp((away**2 - near**2) / 2)))
    moving = 4.0 * math.log(max(one.movement, 1e-6) / _STILL_MOUTH)
    return synchronous + min(max(moving, _STILL_NATS), _MOVING_NATS)


def _is_within(track: FaceTrack, region: Region, size_px: tuple[float, float]) -> bool:
    """Whether the face is in the region in the middle of its track."""
    x0, y0, x1, y1 = track.boxes[len(track.boxes) // 2]
    return region.contains((x0 + x1) / 2, (y0 + y1) / 2, *size_px)
