"""Baselines: linear classifiers on fixed features of one modality, and two ways to fuse them.

Each chooses its penalty on the validation samples of the networks, and is then fitted on those samples too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from emodal_model.data.contract import IMAGE_SIZE
from emodal_model.data.image_frames import frames_in, has_colours
from emodal_model.data.samples import Samples
from emodal_model.evaluation.scores import softmax

#: Values of C to choose from; a smaller one is a stronger penalty.
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
#: Share of the variance that the principal components keep.
VARIANCE = 0.95

#: Directions of gradients, and side of a cell in pixels.
_BINS, _CELL = 9, 16

Features = Callable[[Samples], np.ndarray]
Estimator = Callable[[float], Any]


@dataclass(frozen=True)
class Linear:
    """A linear classifier on features of the samples; its outputs are log probabilities or margins.

    needs: the modality of the features, "audio", "image" or "both".
    """

    needs: str
    features: Features
    estimator: Estimator

    def logits(self, train: Samples, validation: Samples, test: Samples) -> np.ndarray:
        """(n test, classes) logits, with the penalty that is best on `validation`; the final fit uses both sets."""
        x, y = self.features(train), train.labels
        penalty = PENALTIES[1]
        if len(validation):
            x_held = self.features(validation)
            scores = [
                np.mean(self.estimator(c).fit(x, y).predict(x_held) == validation.labels) for c in PENALTIES
            ]
            penalty = PENALTIES[int(np.argmax(scores))]
            x, y = np.concatenate([x, x_held]), np.concatenate([y, validation.labels])
        return _all_classes(self.estimator(penalty).fit(x, y), self.features(test), len(train.classes))


def audio_features(samples: Samples) -> np.ndarray:
    """(n, 68) features; the estimators standardise them."""
    return np.asarray(samples.audio_features, np.float64)


def image_features(samples: Samples) -> np.ndarray:
    """(n, 1764 + 256): histograms of oriented gradients, and a 16x16 thumbnail; the mean over several frames.

    Images in colour have the gradients of their gray, and a thumbnail of three colours: (n, 1764 + 768).
    """

    def features(image: np.ndarray) -> np.ndarray:
        if frames_in(image.shape) > 1:
            return np.asarray(np.mean([features(frame) for frame in image if frame.any()], axis=0))
        small = cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA)
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if has_colours(image.shape) else image
        return np.concatenate([oriented_gradients(np.asarray(gray)), small.ravel()])

    return np.asarray([features(image) for image in samples.images], np.float64)


def oriented_gradients(image: np.ndarray) -> np.ndarray:
    """(1764,) HOG of a 128x128 image: 9 unsigned directions, cells of 16 px, blocks of 2x2 cells, L2-normalised.

    Dalal and Triggs, CVPR 2005, without interpolation between bins.
    """
    dy, dx = np.gradient(image.astype(np.float32))
    direction = np.floor(np.arctan2(dy, dx) / np.pi * _BINS).astype(int) % _BINS
    cells = IMAGE_SIZE // _CELL
    cell_of = np.arange(IMAGE_SIZE) // _CELL
    bins = (cell_of[:, None] * cells + cell_of[None, :]) * _BINS + direction
    histogram = np.bincount(bins.ravel(), np.hypot(dx, dy).ravel(), cells * cells * _BINS).reshape(
        cells, cells, -1
    )
    blocks = np.concatenate(
        [histogram[i : cells - 1 + i, j : cells - 1 + j] for i in (0, 1) for j in (0, 1)], axis=2
    )
    return np.asarray((blocks / np.sqrt((blocks**2).sum(axis=2, keepdims=True) + 1.0)).ravel())


def both_features(samples: Samples) -> np.ndarray:
    """Early fusion: the features of both modalities, audio last."""
    return np.concatenate([image_features(samples), audio_features(samples)], axis=1)


def linear_svm(c: float) -> Any:
    """Linear support vector machine on standardised features."""
    return make_pipeline(
        StandardScaler(), LinearSVC(C=c, tol=1e-3, max_iter=10_000, class_weight="balanced", random_state=0)
    )


def pca_logistic(c: float) -> Any:
    """Logistic regression on the principal components with 95 % of the variance of standardised features."""
    return make_pipeline(
        StandardScaler(),
        PCA(VARIANCE, svd_solver="full"),
        LogisticRegression(C=c, class_weight="balanced", max_iter=2000),
    )


#: The poster's prior work (image features + linear SVM), and simple baselines that are strong on small datasets.
LINEAR: Final[Mapping[str, Linear]] = {
    "audio_svm": Linear("audio", audio_features, linear_svm),
    "image_svm": Linear("image", image_features, linear_svm),
    "audio_logistic": Linear("audio", audio_features, pca_logistic),
    "image_logistic": Linear("image", image_features, pca_logistic),
    "early_fusion": Linear("both", both_features, pca_logistic),
}


def baseline_probabilities(train: Samples, validation: Samples, test: Samples) -> dict[str, np.ndarray]:
    """(n test, classes) probabilities of every baseline by name, with the late fusion of the two logistic regressions.

    train: labelled samples. A class without training samples gets probability 0. A test sample without the modality of
    a baseline gets NaN; a baseline without training samples of two classes is left out.
    """
    if len(test) == 0:
        return {name: np.empty((0, len(test.classes))) for name in (*LINEAR, "late_fusion")}
    logits: dict[str, np.ndarray] = {}
    for name, baseline in LINEAR.items():
        fit, held = (samples.take(samples.having(baseline.needs)) for samples in (train, validation))
        if len(np.unique(fit.labels)) < 2:
            continue
        rows = test.having(baseline.needs)
        logits[name] = np.full((len(test), len(test.classes)), np.nan)
        if rows.any():
            logits[name][rows] = baseline.logits(fit, held, test.take(rows))
    if "audio_logistic" in logits and "image_logistic" in logits:
        # Late fusion: the product of the two predictions, or the one prediction that there is.
        audio, image = logits["audio_logistic"], logits["image_logistic"]
        both = np.where(np.isnan(audio), image, np.where(np.isnan(image), audio, audio + image))
        logits["late_fusion"] = both
    return {name: softmax(each) for name, each in logits.items()}


def _all_classes(fitted: Any, x: np.ndarray, classes: int) -> np.ndarray:
    """Logits for all classes, also those without training samples; margins of two classes become two columns."""
    margins = np.asarray(fitted.decision_function(x), np.float64)
    if margins.ndim == 1:
        margins = np.stack([-margins / 2, margins / 2], axis=1)
    logits = np.full((len(x), classes), -1e9)
    logits[:, fitted.classes_] = margins
    return logits
