"""What is done to the 68 standardised features of a clip before the first layer: skews taken out, directions evened.

Speech features are skewed, and say much the same many times over: a network of few clips learns what is loud in them,
long before the small differences between them that tell emotions apart.
"""

from dataclasses import dataclass

import numpy as np

#: Share of a direction's variance that is taken to be the mean of all: the smallest ones are noise.
SHRINKAGE = 0.2
#: Deviations at which a feature, or a direction, is cut.
CLIP = 3.0
#: Samples that the powers are fitted on, about.
_ENOUGH = 2048
_POWERS = (-1.0, 3.0)
#: Nearer to 0 a power is not computed exactly in float32.
_SMALLEST_POWER = 0.02


@dataclass(frozen=True)
class Decorrelation:
    """Learnt from standardised features of the training side; all of 68 numbers, matrix of 68 by 68.

    powers: of Yeo and Johnson's transform (Biometrika 87, 2000). mean, std: of what it gives. matrix, offset: from
    there to directions that are even and uncorrelated, and turned back to the features' own axes (ZCA).
    """

    powers: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    matrix: np.ndarray
    offset: np.ndarray

    def __call__(self, standardised: np.ndarray) -> np.ndarray:
        """(n, 68) for (n, 68): what the layers of network.py compute, in float64."""
        x = (_without_skew(standardised, self.powers) - self.mean) / self.std
        return np.asarray(np.clip(np.clip(x, -CLIP, CLIP) @ self.matrix + self.offset, -CLIP, CLIP))


def decorrelation_of(standardised: np.ndarray) -> Decorrelation:
    """What (n, 68) standardised features teach. A constant feature stays as it is."""
    from sklearn.preprocessing import PowerTransformer  # a trained network is asked without it

    few = standardised[:: max(1, len(standardised) // _ENOUGH)]
    varies = np.ptp(few, axis=0) > 0
    powers = np.ones(standardised.shape[1])
    if varies.any():
        powers[varies] = PowerTransformer(standardize=False).fit(few[:, varies]).lambdas_
    powers = _away_from_zero(np.clip(np.nan_to_num(powers, nan=1.0), *_POWERS))
    x = _without_skew(standardised, powers)
    mean, std = x.mean(axis=0), x.std(axis=0)
    std = np.where(std > 1e-9, std, 1.0)
    x = np.clip((x - mean) / std, -CLIP, CLIP)
    variances, axes = np.linalg.eigh(np.cov(x.T, ddof=0))
    evened = (1 - SHRINKAGE) * np.maximum(variances, 0.0) + SHRINKAGE * (variances.mean() or 1.0)
    matrix = (axes / np.sqrt(evened)) @ axes.T
    return Decorrelation(powers, mean, std, matrix, -x.mean(axis=0) @ matrix)


def _without_skew(x: np.ndarray, powers: np.ndarray) -> np.ndarray:
    above, below = np.log1p(np.maximum(x, 0.0)), np.log1p(np.maximum(-x, 0.0))
    return np.asarray(np.expm1(powers * above) / powers - np.expm1((2.0 - powers) * below) / (2.0 - powers))


def _away_from_zero(powers: np.ndarray) -> np.ndarray:
    """The powers, those of the negative side (2 - power) too, at least the smallest in size."""
    for zero in (0.0, 2.0):
        off = powers - zero
        sign = np.where(off < 0, -1.0, 1.0)
        powers = np.where(np.abs(off) < _SMALLEST_POWER, zero + sign * _SMALLEST_POWER, powers)
    return powers
