"""Yeo-Johnson transform and ZCA whitening of the 68 standardised features of a clip, before the first layer.

Speech features are skewed and strongly correlated. On few clips, a network fits the directions of large variance long
before it fits the small differences between features that distinguish emotions.
"""

import functools
from dataclasses import dataclass

import numpy as np

#: Shrinkage of the variances of the principal axes towards their mean: the smallest variances are noise.
SHRINKAGE = 0.2
#: Standard deviations at which a transformed feature, and a whitened one, is clipped.
CLIP = 3.0
#: Number of samples, about, on which the powers are fitted.
_ENOUGH = 2048
#: The range of the powers.
_POWERS = (-1.0, 3.0)
#: A power closer to 0 is not exact in float32.
_SMALLEST_POWER = 0.02


@dataclass(frozen=True)
class Decorrelation:
    """The two steps, fitted on the standardised features of the training samples.

    powers: (68,) of the Yeo-Johnson transform (Biometrika 87, 2000). mean, std: (68,) of its output. matrix: (68, 68)
    and offset: (68,) of the ZCA whitening (decorrelation that stays close to the axes of the features).
    """

    powers: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    matrix: np.ndarray
    offset: np.ndarray

    def __call__(self, standardised: np.ndarray) -> np.ndarray:
        """Transform and whiten (n, 68) features in float64, as the layers of network/build.py do in float32."""
        x = (_yeo_johnson(standardised, self.powers) - self.mean) / self.std
        return np.asarray(np.clip(np.clip(x, -CLIP, CLIP) @ self.matrix + self.offset, -CLIP, CLIP))


def decorrelation_of(standardised: np.ndarray) -> Decorrelation:
    """Fit both steps on (n, 68) standardised features. A constant feature is not changed."""
    few = standardised[:: max(1, len(standardised) // _ENOUGH)]
    varies = np.ptp(few, axis=0) > 0
    powers = np.ones(standardised.shape[1])
    if varies.any():
        powers[varies] = _powers_of(few[:, varies].tobytes(), int(varies.sum()))
    powers = _away_from_zero(np.clip(np.nan_to_num(powers, nan=1.0), *_POWERS))
    x = _yeo_johnson(standardised, powers)
    mean, std = x.mean(axis=0), x.std(axis=0)
    std = np.where(std > 1e-9, std, 1.0)
    x = np.clip((x - mean) / std, -CLIP, CLIP)
    variances, axes = np.linalg.eigh(np.cov(x.T, ddof=0))
    shrunk = (1 - SHRINKAGE) * np.maximum(variances, 0.0) + SHRINKAGE * (variances.mean() or 1.0)
    matrix = (axes / np.sqrt(shrunk)) @ axes.T
    return Decorrelation(powers, mean, std, matrix, -x.mean(axis=0) @ matrix)


@functools.lru_cache(maxsize=4)
def _powers_of(values: bytes, features: int) -> np.ndarray:
    """(features,) powers of the Yeo-Johnson transform; kept, because the networks of a run often share their samples.

    values: of (n, features) float64.
    """
    from sklearn.preprocessing import PowerTransformer  # not needed by predictions

    samples = np.frombuffer(values, np.float64).reshape(-1, features)
    powers: np.ndarray = PowerTransformer(standardize=False).fit(samples).lambdas_
    return powers


def _yeo_johnson(x: np.ndarray, powers: np.ndarray) -> np.ndarray:
    above, below = np.log1p(np.maximum(x, 0.0)), np.log1p(np.maximum(-x, 0.0))
    return np.asarray(np.expm1(powers * above) / powers - np.expm1((2.0 - powers) * below) / (2.0 - powers))


def _away_from_zero(powers: np.ndarray) -> np.ndarray:
    """The powers, with |power| and |2 - power| (the power of negative values) at least _SMALLEST_POWER."""
    for zero in (0.0, 2.0):
        off = powers - zero
        sign = np.where(off < 0, -1.0, 1.0)
        powers = np.where(np.abs(off) < _SMALLEST_POWER, zero + sign * _SMALLEST_POWER, powers)
    return powers
