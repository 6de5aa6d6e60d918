"""Loudness of speech at given times, for comparison with a moving mouth."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from emodal_data.core.sizes import RATE_HZ

#: Length of the window. Measured on real talkers: 0.08 and 0.12 s find the right sound equally well, 0.16 s worse.
WINDOW_S = 0.12
#: First difference with this factor: vowels and consonants count, rumble does not.
_PRE_EMPHASIS = 0.95
#: Sound this far below the loud parts of the span (95th percentile) counts as silence, in decades of power.
RANGE_DECADES = 3.0
_EPSILON = 1e-8


def loudness(wave: npt.NDArray[np.float32], times_s: Sequence[float]) -> npt.NDArray[np.float64]:
    """Log10 of the power of the pre-emphasised sound around each time, (n,), with a floor under the loud parts.

    wave: (samples,) at 16 kHz, -1 to 1. times_s: seconds from its start.
    """
    sharp = np.append(wave[:1], wave[1:] - np.float32(_PRE_EMPHASIS) * wave[:-1]).astype(np.float64)
    power = np.concatenate([[0.0], np.cumsum(sharp**2)])
    middle, half = np.asarray(times_s) * RATE_HZ, WINDOW_S / 2 * RATE_HZ
    first, last = (np.clip(np.round(middle + side).astype(int), 0, len(wave)) for side in (-half, half))
    levels = np.log10((power[last] - power[first]) / np.maximum(last - first, 1) + _EPSILON)
    return np.asarray(np.maximum(levels, np.percentile(levels, 95) - RANGE_DECADES))
