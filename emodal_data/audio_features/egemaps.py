"""Computes the 88 eGeMAPS features with the optional package opensmile; they never replace the 68 features.

The licence of opensmile forbids commercial use, also of the numbers, so nothing else depends on it.
"""

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from emodal_data.audio_features.waveform import Floats, as_float
from emodal_data.core.errors import InputError
from emodal_data.core.sizes import RATE_HZ


def egemaps_names() -> tuple[str, ...]:
    """The 88 names of eGeMAPS v02 (Eyben et al. 2016), in openSMILE's spelling."""
    return tuple(_smile().feature_names)


def egemaps_features(signal: npt.ArrayLike, rate_hz: int = RATE_HZ) -> Floats:
    """The 88 eGeMAPS v02 functionals of one clip, (88,) float64; NaN if it is too short for openSMILE.

    signal: (n,) int16, or float in [-1, 1]. The cost is about fifty times that of the 68 features.
    Raises InputError if opensmile is not installed, or for another shape or type.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Segment too short")
        table = _smile().process_signal(as_float(signal), rate_hz)
    values: Floats = np.asarray(table, dtype=np.float64)[0]
    return values


@lru_cache(maxsize=1)
def _smile() -> Any:
    try:
        import opensmile
    except ImportError as exc:
        raise InputError("eGeMAPS needs the package opensmile: pip install 'emodal[opensmile]'") from exc
    return opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals
    )
