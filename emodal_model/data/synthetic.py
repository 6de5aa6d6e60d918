"""A paired synthetic set whose best possible accuracy is known: 52.1 % audio, 63.7 % image, 66.0 % both.

The class moves a vector that both modalities share; each adds its own weak cue and its own noise. A network
that falls short of these figures is badly trained, one that exceeds them has seen its test set.
"""

from dataclasses import dataclass

import numpy as np

from emodal_model.data.contract import FEATURES, IMAGE_SIZE, LABELS, UNLABELLED
from emodal_model.data.samples import Samples

#: Accuracy of the Bayes classifier, the poster's own Table 1.
BAYES_ACCURACY = {"audio": 0.521, "image": 0.637, "emodal": 0.660}

_SHARED, _IMAGE_NOISE, _AUDIO_NOISE, _IMAGE_CUE, _AUDIO_CUE = 0.9, 0.4, 1.25, 0.339, 0.305
#: Corners of a tetrahedron with edges of length 2: (4 classes, 3).
_SIMPLEX = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(2.0)


@dataclass(frozen=True)
class Hidden:
    """What the modalities carry. labels: (n,) int64. image, audio: (n, 6), 3 shared and 3 of their own."""

    labels: np.ndarray
    image: np.ndarray
    audio: np.ndarray


def draw_hidden(n: int, seed: int) -> Hidden:
    """n samples of the model: c uniform, u = 0.9 S_c + N; each modality sees u + noise, and its own cue."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(len(LABELS), size=n)
    corner = _SIMPLEX[labels]
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


def draw_samples(n: int, seed: int, labelled: int | None = None) -> Samples:
    """n samples as pictures and 68 features; of these the first `labelled` have labels (all, if None).

    The six numbers of a picture are the brightness of six patches; those of a sound are mixed into 68
    features. Both are invertible up to the rounding of pixels to 8 bits, so the Bayes accuracies stay.
    """
    hidden = draw_hidden(n, seed)
    labels = np.where(np.arange(n) < (n if labelled is None else labelled), hidden.labels, UNLABELLED)
    return Samples(
        images=_pictures(hidden.image),
        audio_features=(hidden.audio @ _mixing()).astype(np.float32),
        labels=labels,
        clip_ids=np.asarray([f"{seed}-{i}" for i in range(n)]),
        films=np.asarray([f"film {i % 20}" for i in range(n)]),
        speakers=np.full(n, ""),
        originals=np.ones(n, bool),
    )


def bayes_posteriors(hidden: Hidden, modality: str) -> np.ndarray:
    """(n, 4) class probabilities given what a modality carries: "audio", "image" or "both"; exact."""
    mean = {"image": (_SHARED, _IMAGE_CUE), "audio": (_SHARED, _AUDIO_CUE)}
    noise = {"image": _IMAGE_NOISE, "audio": _AUDIO_NOISE}
    seen = ["image", "audio"] if modality == "both" else [modality]
    # Per axis: what is seen, its mean for a corner at +1, and its covariance (u's own variance is shared).
    means = np.array([m for name in seen for m in mean[name]])
    covariance = np.eye(2 * len(seen))
    for i, a in enumerate(seen):
        for j, b in enumerate(seen):
            covariance[2 * i, 2 * j] = 1.0 + (noise[a] ** 2 if a == b else 0.0)
    axes = np.stack([getattr(hidden, name).reshape(-1, 2, 3) for name in seen], axis=1)
    axes = axes.reshape(len(hidden.labels), 2 * len(seen), 3)
    weights = np.linalg.solve(covariance, means)
    # Log likelihood of a corner, up to terms all classes share: the corners have equal length.
    logits = np.einsum("nmk,m,ck->nc", axes, weights, _SIMPLEX)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _mixing() -> np.ndarray:
    """(6, 68) with orthonormal rows, always the same."""
    basis, _ = np.linalg.qr(np.random.default_rng(68).standard_normal((FEATURES, 6)))
    return np.asarray(basis.T)


def _pictures(values: np.ndarray) -> np.ndarray:
    """(n, 128, 128) uint8: a grid of 2 x 3 flat patches, 16 gray levels a unit around 128."""
    levels = np.clip(np.rint(128 + 16 * values), 0, 255).astype(np.uint8).reshape(-1, 2, 3)
    rows = np.arange(IMAGE_SIZE) * 2 // IMAGE_SIZE
    columns = np.arange(IMAGE_SIZE) * 3 // IMAGE_SIZE
    # One picture after the other in memory, as read_samples lays them: else a batch costs ten times as much to gather.
    return np.ascontiguousarray(levels[:, rows[:, None], columns[None, :]])
