"""Scores of predictions: accuracy, recall, F1, confusion matrix, confidence intervals, calibration.

A score that the test split does not define (the recall of a class without clips) is None, never NaN.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

#: Clips that differ in one direction, at least, for p < 0.05 in McNemar's exact test: 2 * 0.5**6 = 0.031.
SMALLEST_CLIPS = 6


def score(probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Every score of one set of predictions, as JSON values.

    probabilities: (n, classes). labels: (n,) int, all >= 0. classes: their names. Fractions are 0 to 1. confusion:
    counts, rows truth, columns prediction. uar and macro_f1 are None unless every class has a sample.
    """
    confusion = confusion_counts(labels, probabilities.argmax(axis=1), len(classes))
    n, right = int(confusion.sum()), int(np.trace(confusion))
    truth, predicted, hits = confusion.sum(axis=1), confusion.sum(axis=0), np.diag(confusion)
    recall = [int(h) / int(t) if t else None for h, t in zip(hits, truth, strict=True)]
    f1 = [2 * int(h) / int(t + p) if t else None for h, t, p in zip(hits, truth, predicted, strict=True)]
    return {
        "n": n,
        "accuracy": right / n if n else None,
        "accuracy_interval": list(wilson_interval(right, n)) if n else None,
        "uar": mean_or_none(recall),
        "macro_f1": mean_or_none(f1),
        "recall": dict(zip(classes, recall, strict=True)),
        "confusion": confusion.tolist(),
        "cross_entropy": cross_entropy(probabilities, labels) if n else None,
        "ece": calibration_error(probabilities, labels) if n else None,
        "reliability": reliability(probabilities, labels) if n else [],
    }


def confusion_counts(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes) int64 counts, rows truth, columns prediction."""
    if len(truth) == 0:  # scikit-learn refuses empty input
        return np.zeros((classes, classes), np.int64)
    return np.asarray(confusion_matrix(truth, predicted, labels=range(classes)))


def mean_or_none(values: list[float | None]) -> float | None:
    """The mean, or None if any value is None."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """95 % score interval of a proportion of n > 0 independent trials (Wilson 1927). Within [0, 1]."""
    interval = binomtest(right, n).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def paired_p(right_one: np.ndarray, right_other: np.ndarray) -> float:
    """Two-sided p-value of the exact McNemar test: two classifiers err equally often on the same n samples."""
    only_one = int((right_one & ~right_other).sum())
    only_other = int((right_other & ~right_one).sum())
    return float(binomtest(only_one, only_one + only_other).pvalue) if only_one + only_other else 1.0


def smallest_difference(n: int) -> float | None:
    """The smallest difference of two accuracies on the same n clips that can be told from chance at all, a share.

    It is that of two classifiers that differ in one direction only, with p < 0.05 in the exact McNemar test: six clips.
    None if n is smaller.
    """
    return SMALLEST_CLIPS / n if n >= SMALLEST_CLIPS else None


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log probability of the truth, nats."""
    truth = np.asarray(probabilities, np.float64)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(truth, 1e-12)).mean())


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: |confidence - accuracy| over equal-width bins, weighted by their size.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(bin_of, confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, float64."""
    return np.asarray(scipy.special.softmax(np.asarray(logits, np.float64), axis=-1))


def best_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T for which softmax(logits / T) makes the labels most probable; 1 without samples.

    log T has a normal prior of standard deviation 0.5. Without the prior, ten samples that are all right would give
    T = 0; with a few hundred samples the prior has no effect.
    """
    if len(labels) == 0:
        return 1.0

    def penalty(log_t: float) -> float:
        fit = len(labels) * cross_entropy(softmax(logits / np.exp(log_t)), labels)
        return fit + 0.5 * (log_t / 0.5) ** 2

    found = minimize_scalar(penalty, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 10) -> list[dict[str, float]]:
    """The points of a reliability diagram: mean confidence, accuracy and n of each bin that has samples."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "confidence": float(confidence[bin_of == b].mean()),
            "accuracy": float(right[bin_of == b].mean()),
            "n": int((bin_of == b).sum()),
        }
        for b in np.unique(bin_of)
    ]
