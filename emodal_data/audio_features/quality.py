"""Measures the quality of a clip's sound; emodal_data/clips/gates.py compares it with the thresholds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emodal_data.audio_features.waveform import as_float
from emodal_data.core.sizes import RATE_HZ

# A sample from this level on counts as clipped. Resampling turns the plateaus of clipped sound into ripples about full
# scale, half of them below it: a limit of 0.98 finds nine in ten clipped samples, a limit of 1 only half of them.
_CLIPPED_FROM = 0.98


@dataclass(frozen=True)
class AudioMeasures:
    """Measures of a clip's sound. Full scale is 1; NaN and infinities are left out."""

    seconds: float
    peak: float
    rms: float
    """About the mean: a constant offset is not sound, and the features remove it as well."""
    clipped_fraction: float
    """Share of samples within 2 % of full scale, or beyond it."""
    is_constant: bool
    is_finite: bool


def measure_audio(signal: npt.ArrayLike, rate_hz: int = RATE_HZ) -> AudioMeasures:
    """Measure one clip.

    signal: (n,) int16, or float in [-1, 1]. Raises InputError for another shape or type.
    """
    wave = as_float(signal)
    seconds = len(wave) / rate_hz
    finite = wave[np.isfinite(wave)]
    if len(finite) == 0:
        return AudioMeasures(seconds, 0.0, 0.0, 0.0, is_constant=True, is_finite=len(wave) == 0)
    loudness = np.abs(finite)
    return AudioMeasures(
        seconds=seconds,
        peak=float(loudness.max()),
        rms=float(finite.std()),
        clipped_fraction=float(np.count_nonzero(loudness >= _CLIPPED_FROM) / len(finite)),
        is_constant=bool((finite == finite[0]).all()),
        is_finite=len(finite) == len(wave),
    )
