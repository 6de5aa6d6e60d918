"""Scores of numeric targets: the concordance correlation and the root mean squared error, with intervals."""

from collections.abc import Callable
from typing import Any

import numpy as np

#: Resamples of the clips for an interval.
RESAMPLES = 1000


def regression_scores(truth: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    """Scores of predicted values against a target, as JSON values; None where there are too few clips.

    truth, values: (n,), NaN where unknown; clips with both count. ccc: concordance correlation. rmse: in units of the
    target. Their 95 % intervals are percentiles of a bootstrap over clips, always with the same resamples.
    """
    known = ~(np.isnan(truth) | np.isnan(values))
    x, y = truth[known].astype(np.float64), values[known].astype(np.float64)
    return {
        "n": len(x),
        "ccc": concordance(x, y),
        "ccc_interval": _interval(concordance, x, y),
        "rmse": rmse(x, y),
        "rmse_interval": _interval(rmse, x, y),
    }


def concordance(x: np.ndarray, y: np.ndarray) -> float | None:
    """Lin's concordance correlation, -1 to 1: 2 cov(x, y) / (var x + var y + (mean x - mean y)^2).

    Biometrics 45, 1989. None below two clips, or if both are one and the same constant.
    """
    if len(x) < 2:
        return None
    below = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    return float(2 * np.mean((x - x.mean()) * (y - y.mean())) / below) if below > 0 else None


def rmse(x: np.ndarray, y: np.ndarray) -> float | None:
    """Root mean squared error; None without clips."""
    return float(np.sqrt(np.mean((x - y) ** 2))) if len(x) else None


def _interval(
    score: Callable[[np.ndarray, np.ndarray], float | None], x: np.ndarray, y: np.ndarray
) -> list[float] | None:
    if len(x) < 2:
        return None
    rng = np.random.default_rng(0)
    drawn = (rng.integers(len(x), size=len(x)) for _ in range(RESAMPLES))
    scores = [found for rows in drawn if (found := score(x[rows], y[rows])) is not None]
    return [float(edge) for edge in np.percentile(scores, [2.5, 97.5])] if scores else None
