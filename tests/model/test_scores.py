"""Scores against numbers worked out by hand, and the poster's own."""

import numpy as np
import pytest

from emodal_model.data.contract import LABELS
from emodal_model.evaluation.scores import (
    best_temperature,
    calibration_error,
    confusion_counts,
    cross_entropy,
    paired_p,
    score,
    softmax,
    wilson_interval,
)

#: Counts behind the poster's confusion table: 152, 165, 152 and 146 clips, 406 of 615 right.
POSTER = np.array([[106, 13, 14, 19], [15, 127, 16, 7], [23, 26, 84, 19], [17, 14, 26, 89]])


def predictions(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, predicted = np.indices(confusion.shape).reshape(2, -1)
    truth, predicted = np.repeat(truth, confusion.ravel()), np.repeat(predicted, confusion.ravel())
    return np.eye(4)[predicted], truth


def test_the_posters_table_gives_the_posters_accuracy() -> None:
    scores = score(*predictions(POSTER), LABELS)
    assert scores["n"] == 615
    assert round(100 * scores["accuracy"], 2) == 66.02
    assert [round(100 * x, 1) for x in scores["accuracy_interval"]] == [62.2, 69.6]
    assert round(100 * scores["uar"], 2) == 65.73
    assert round(100 * scores["macro_f1"], 2) == 65.62
    assert scores["confusion"] == POSTER.tolist()


def test_a_class_missing_from_the_truth_gives_none_and_not_nan() -> None:
    scores = score(np.eye(4)[[0, 1, 3]], np.array([0, 1, 1]), LABELS)
    assert scores["recall"] == {"angry": 1.0, "happy": 0.5, "neutral": None, "sad": None}
    assert scores["uar"] is None
    assert scores["macro_f1"] is None
    assert scores["accuracy"] == pytest.approx(2 / 3)


def test_no_sample_at_all_gives_none() -> None:
    scores = score(np.empty((0, 4)), np.empty(0, int), LABELS)
    assert scores["n"] == 0
    assert [scores[k] for k in ("accuracy", "accuracy_interval", "uar", "macro_f1", "ece")] == [None] * 5


def test_confusion_rows_are_truth_and_columns_predictions() -> None:
    assert confusion_counts(np.array([0]), np.array([3]), 4)[0, 3] == 1


def test_wilson_interval_stays_inside_zero_and_one() -> None:
    assert wilson_interval(0, 5)[0] == 0.0
    assert wilson_interval(5, 5)[1] == 1.0


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    confident = np.array([[0.8, 0.2, 0, 0]] * 10)
    assert calibration_error(confident, np.array([0] * 8 + [1] * 2)) == pytest.approx(0.0, abs=1e-12)
    assert calibration_error(confident, np.array([0] * 5 + [1] * 5)) == pytest.approx(0.3)


def test_temperature_undoes_a_scaling_of_the_logits() -> None:
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((4000, 4))
    labels = np.array([rng.choice(4, p=p) for p in softmax(logits)])
    assert best_temperature(3.0 * logits, labels) == pytest.approx(3.0, rel=0.1)


def test_temperature_never_raises_the_cross_entropy_and_stays_prudent_on_few_samples() -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.standard_normal((50, 4)), rng.integers(4, size=50)
    fitted = best_temperature(logits, labels)
    assert cross_entropy(softmax(logits / fitted), labels) <= cross_entropy(softmax(logits), labels)
    assert 0.4 < best_temperature(np.eye(4), np.arange(4)) < 1.0
    assert 1.0 < best_temperature(np.eye(4), np.array([1, 2, 3, 0])) < 4.0
    assert best_temperature(np.empty((0, 4)), np.empty(0, int)) == 1.0


def test_paired_p_is_the_binomial_test_on_the_samples_that_differ() -> None:
    one = np.array([True] * 8 + [False] * 2 + [True] * 30)
    other = np.array([False] * 8 + [True] * 2 + [True] * 30)
    # 8 against 2: two-sided 2 * (C(10,0) + C(10,1) + C(10,2)) / 2^10
    assert paired_p(one, other) == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert paired_p(one, one) == 1.0
