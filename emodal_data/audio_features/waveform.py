"""Converts one channel of sound to floats in [-1, 1]; defines which shapes and types of a signal are accepted."""

import numpy as np
import numpy.typing as npt

from emodal_data.core.errors import InputError

Floats = npt.NDArray[np.float64]


def as_float(signal: npt.ArrayLike) -> Floats:
    """The signal as a new float64 array, full scale 1; signal: (n,) int16, or float in [-1, 1].

    Raises InputError for another shape or type.
    """
    samples = np.asarray(signal)
    if samples.ndim != 1:
        raise InputError(f"signal of shape {samples.shape}: give one channel, (n,) samples")
    if samples.dtype == np.int16:
        # Exact. Two steps, because numpy is slower at int16 to scaled floats in one.
        wave = samples.astype(np.float64)
        wave *= 2.0**-15
        return wave
    if samples.dtype.kind == "f":
        return samples.astype(np.float64)
    raise InputError(f"signal of type {samples.dtype}: give int16, or float in [-1, 1]")
