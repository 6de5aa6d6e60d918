"""Synthetic pairs of image and sound with known Bayes accuracy: 52.1 % audio, 63.7 % image, 66.0 % both.

The class shifts a vector that both modalities share; each modality adds a weak cue and noise of its own. A network with
much lower accuracy is badly trained; a network with higher accuracy was trained on its test set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import softmax

from emodal_model.data.contract import FEATURES, IMAGE_SIZE, LABELS, UNLABELLED
from emodal_model.data.samples import Samples

#: Accuracy of the Bayes classifier, the poster's own Table 1.
BAYES_ACCURACY: Final[Mapping[str, float]] = {"audio": 0.521, "image": 0.637, "emodal": 0.660}

_SHARED, _IMAGE_NOISE, _AUDIO_NOISE, _IMAGE_CUE, _AUDIO_CUE = 0.9, 0.4, 1.25, 0.339, 0.305
#: Corners of a tetrahedron with edges of length 2: (4 classes, 3).
_SIMPLEX = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(2.0)


@dataclass(frozen=True)
class Hidden:
    """The variables behind the samples. labels: (n,) int64. image, audio: (n, 6), 3 shared and 3 of their own."""

    labels: np.ndarray
    image: np.ndarray
    audio: np.ndarray


def draw_hidden(n: int, seed: int, separation: float = 1.0) -> Hidden:
    """n samples of the model: class c uniform, u = 0.9 S_c + N; each modality has u + noise and its own cue.

    separation: distance of the classes, relative to that of the Bayes accuracies above.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(len(LABELS), size=n)
    corner = separation * _SIMPLEX[labels]
    shared = _SHARED * corner + rng.standard_normal((n, 3))
    image = [
        shared + _IMAGE_NOISE * rng.standard_normal((n, 3)),
        _IMAGE_CUE * corner + rng.standard_normal((n, 3)),
    ]
    audio = [
        shared + _AUDIO_NOISE * rng.standard_normal((n, 3)),
        _AUDIO_CUE * corner + rng.standard_normal((n, 3)),
    ]
    return Hidden(labels, np.concatenate(image, axis=1), np.concatenate(audio, axis=1))


def draw_samples(n: int, seed: int, labelled: int | None = None, separation: float = 1.0) -> Samples:
    """n samples as images and 68 features. The first `labelled` of them have labels; all, if None.

    The six numbers of an image are the brightness of six patches; those of a sound are mixed into 68 features. Both
    maps are invertible up to the rounding of pixels to 8 bits, so the Bayes accuracies stay the same. separation: as
    draw_hidden.
    """
    hidden = draw_hidden(n, seed, separation)
    labels = np.where(np.arange(n) < (n if labelled is None else labelled), hidden.labels, UNLABELLED)
    return Samples(
        images=_images(hidden.image),
        audio_features=(hidden.audio @ _mixing()).astype(np.float32),
        labels=labels,
        clip_ids=np.asarray([f"{seed}-{i}" for i in range(n)]),
        films=np.asarray([f"film {i % 20}" for i in range(n)]),
        speakers=np.full(n, ""),
        originals=np.ones(n, bool),
        has_image=np.ones(n, bool),
        has_audio=np.ones(n, bool),
        classes=LABELS,
        targets=np.empty((n, 0), np.float32),
        target_names=(),
    )


def bayes_posteriors(hidden: Hidden, modality: str, separation: float = 1.0) -> np.ndarray:
    """(n, 4) exact class probabilities given "audio", "image" or "both". separation: as draw_hidden."""
    mean = {"image": (_SHARED, _IMAGE_CUE), "audio": (_SHARED, _AUDIO_CUE)}
    noise = {"image": _IMAGE_NOISE, "audio": _AUDIO_NOISE}
    seen = ["image", "audio"] if modality == "both" else [modality]
    # For each axis: the observed numbers, their mean for a corner at +1, and their covariance (that of u is shared).
    means = separation * np.array([m for name in seen for m in mean[name]])
    covariance = np.eye(2 * len(seen))
    for i, a in enumerate(seen):
        for j, b in enumerate(seen):
            covariance[2 * i, 2 * j] = 1.0 + (noise[a] ** 2 if a == b else 0.0)
    axes = np.stack([getattr(hidden, name).reshape(-1, 2, 3) for name in seen], axis=1)
    axes = axes.reshape(len(hidden.labels), 2 * len(seen), 3)
    weights = np.linalg.solve(covariance, means)
    # Log likelihood of a corner, without the terms that are equal for all classes: the corners have equal length.
    logits = np.einsum("nmk,m,ck->nc", axes, weights, _SIMPLEX)
    return np.asarray(softmax(logits, axis=1))


def _mixing() -> np.ndarray:
    """(6, 68) with orthonormal rows, the same in every call."""
    basis, _ = np.linalg.qr(np.random.default_rng(68).standard_normal((FEATURES, 6)))
    return np.asarray(basis.T)


def _images(values: np.ndarray) -> np.ndarray:
    """(n, 128, 128) uint8: a grid of 2 x 3 uniform patches, 16 gray levels for each unit around 128."""
    levels = np.clip(np.rint(128 + 16 * values), 0, 255).astype(np.uint8).reshape(-1, 2, 3)
    rows = np.arange(IMAGE_SIZE) * 2 // IMAGE_SIZE
    columns = np.arange(IMAGE_SIZE) * 3 // IMAGE_SIZE
    # Contiguous, as from read_samples: otherwise it takes ten times as long to gather a batch.
    return np.ascontiguousarray(levels[:, rows[:, None], columns[None, :]])
