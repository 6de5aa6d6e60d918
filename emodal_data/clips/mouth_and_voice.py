"""How a moving mouth fits a voice: movement, rhythm, agreement with loudness, and rest in the voice's pauses.

Each says something for or against speech, in nats; speaking.py lets the faces of a span compete.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from emodal_data.audio_features.loudness import loudness
from emodal_data.core.span import Span
from emodal_data.face import FaceTrack

Floats = npt.NDArray[np.float64]

#: Correlation of the changes, of talkers with their own voice and with another's: mean, and its deviation over 3 s.
#: This and the other numbers of real talkers: see docs/benchmarks/2026-11-30-speakers.md.
_OWN_SYNC, _OTHER_SYNC, _SYNC_DEVIATION, _DEVIATION_OF_S = 0.40, 0.03, 0.21, 3.0
#: Movement of the mouth in distances between the eyes: listeners are below, talkers above (0.017 to 0.035).
_STILL_MOUTH: Final = 0.009
#: Movement is counted about the mean over this time: a smile that comes and goes is slower than speech.
_SLOW_S: Final = 0.5
#: Evidence of movement against and for speech: a still mouth does not speak, a moving one may do something else.
_STILL_NATS, _MOVING_NATS = -5.0, 1.0
#: Mouths speak 2 to 7 times a second (Chandrasekaran and others 2009, doi:10.1371/journal.pcbi.1000436), and jaws chew
#: 1 to 2 times. Real talkers are above this rate; what is missing is evidence against speech.
_SLOWEST_SPEECH_HZ, _NATS_A_HERTZ, _CHEWING_NATS = 2.2, 10.0, -3.0
#: Logarithm of how much faster a mouth moves while there is a voice than in its pauses: of talkers, and of mouths that
#: move for another reason, with their deviations; the second over pauses of one second in sum.
_TALKER_REST, _TALKER_REST_DEVIATION, _OTHER_REST_DEVIATION = 1.4, 0.55, 0.35
_MOVES_ON_NATS, _RESTS_NATS = -2.0, 1.0
#: A mouth moves before the voice is heard, and a little after it. Pauses that are shorter in sum say nothing.
_BEFORE_S, _AFTER_S, _MIN_PAUSE_S = 0.1, 0.05, 0.2
#: Deviation of the lag between picture and sound of a film that was mastered with care.
_LAG_DEVIATION_S: Final = 0.02
#: How far the sound is moved against the picture in search of the lag.
_MAX_LAG_S: Final = 0.6


@dataclass(frozen=True)
class Fit:
    """A mouth and a voice.

    movement: deviation of the mouth's opening about its mean over half a second, in distances between the eyes.
    rate_hz: mean rate of that movement. rest: log of the mouth's speed with a voice over that in pauses; None without.
    pause_s: the pauses in sum. lags_s, sync: (n,) correlation of the changes of opening and loudness at each lag.
    """

    movement: float
    rate_hz: float
    rest: float | None
    pause_s: float
    lags_s: Floats
    sync: Floats

    @property
    def sync_now(self) -> float:
        """The correlation without a lag."""
        return float(self.sync[np.abs(self.lags_s).argmin()])

    @property
    def best_lag_s(self) -> float | None:
        """By how much the sound follows the mouth where they agree best; None where they never agree."""
        best = int(self.sync.argmax())
        return float(self.lags_s[best]) if self.sync[best] > 0 else None


def fit(track: FaceTrack, wave: npt.NDArray[np.float32], start_s: float, speech: Sequence[Span]) -> Fit:
    """Compare the mouth of a track with a voice.

    wave: (n,) float32 at 16 kHz, from start_s on the film's clock. speech: the stretches with a voice, seconds from the
    start of the wave.
    """
    times_s = np.array(track.times_s)
    step_s = float(np.median(np.diff(times_s)))
    even_s = np.arange(times_s[0], times_s[-1] + step_s / 2, step_s)
    opening = np.interp(even_s, times_s, track.openings)
    most = round(_MAX_LAG_S / step_s)
    around_s = even_s[0] + step_s * np.arange(-most, len(even_s) + most)
    voice = np.gradient(loudness(wave, around_s - start_s))
    change = np.gradient(opening)
    sync = np.array([_correlation(change, voice[first:][: len(change)]) for first in range(2 * most + 1)])
    lags_s = np.arange(-most, most + 1, dtype=np.float64) * step_s
    spoken, pauses = _voice_and_pauses(even_s - start_s, speech)
    rest = _rest(np.abs(change), spoken, pauses) if pauses.sum() * step_s >= _MIN_PAUSE_S else None
    fast = opening - _mean_around(opening, round(_SLOW_S / step_s / 2))
    return Fit(float(fast.std()), _rate_hz(fast, step_s), rest, float(pauses.sum() * step_s), lags_s, sync)


def evidence(one: Fit, length_s: float) -> float:
    """For speech against silence, in nats: the log ratio of the probabilities of what was measured over length_s."""
    deviation = _SYNC_DEVIATION * math.sqrt(_DEVIATION_OF_S / max(length_s, 0.1))
    away, near = (one.sync - _OTHER_SYNC) / deviation, (one.sync - _OWN_SYNC) / deviation
    likely = np.exp(-((one.lags_s / _LAG_DEVIATION_S) ** 2) / 2)
    synchronous = float(np.log((likely / likely.sum()) @ np.exp((away**2 - near**2) / 2)))
    moving = 4.0 * math.log(max(one.movement, 1e-6) / _STILL_MOUTH)
    chewing = max(_NATS_A_HERTZ * min(one.rate_hz - _SLOWEST_SPEECH_HZ, 0.0), _CHEWING_NATS)
    return synchronous + min(max(moving, _STILL_NATS), _MOVING_NATS) + chewing + _rest_evidence(one)


def _rest_evidence(one: Fit) -> float:
    if one.rest is None:
        return 0.0
    other = _OTHER_REST_DEVIATION / math.sqrt(min(one.pause_s, 1.0))
    talker = math.hypot(_TALKER_REST_DEVIATION, other)
    near, away = (one.rest - _TALKER_REST) / talker, one.rest / other
    nats = (away**2 - near**2) / 2 + math.log(other / talker)
    return min(max(nats, _MOVES_ON_NATS), _RESTS_NATS)


def _voice_and_pauses(
    times_s: Floats, speech: Sequence[Span]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which times lie in speech, and which are away from it."""
    spoken, near = np.zeros(len(times_s), bool), np.zeros(len(times_s), bool)
    for part in speech:
        spoken |= (times_s >= part.start_s) & (times_s < part.end_s)
        near |= (times_s >= part.start_s - _BEFORE_S) & (times_s < part.end_s + _AFTER_S)
    return spoken, ~near


def _rest(speed: Floats, spoken: npt.NDArray[np.bool_], pauses: npt.NDArray[np.bool_]) -> float | None:
    if not spoken.any():
        return None
    return math.log(max(float(speed[spoken].mean()), 1e-6) / max(float(speed[pauses].mean()), 1e-6))


def _rate_hz(fast: Floats, step_s: float) -> float:
    """Mean frequency of a movement, by the deviation of its change (Rice 1944); 0 without movement."""
    smooth = np.convolve(np.pad(fast, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")  # trembling landmarks
    deviation = float(smooth.std())
    return float(np.gradient(smooth, step_s).std()) / deviation / (2 * math.pi) if deviation else 0.0


def _mean_around(values: Floats, half: int) -> Floats:
    window = np.ones(2 * half + 1) / (2 * half + 1)
    return np.convolve(np.pad(values, half, mode="edge"), window, mode="valid")


def _correlation(one: Floats, other: Floats) -> float:
    deviations = float(one.std() * other.std())
    return float(((one - one.mean()) * (other - other.mean())).mean()) / deviations if deviations else 0.0
