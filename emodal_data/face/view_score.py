"""The score of a frontal picture: whether it shows a whole face, or one that is covered or torn.

Two small networks look at the picture alone; the score is their mean. benchmarks/view_score.py trains the wide one on
drawn faces behind hands, hair, microphones, cups, telephones and other heads, torn ones, and whole ones with beards,
make-up, glasses, shadows, open mouths and tongues. The other saw fewer people, kinds and pictures; it errs more often,
but finds more of the covers that neither has seen. docs/benchmarks/2026-11-30-faces.md has their errors.
Landmarks found again in the picture and the difference of its halves tell far less: the mesh draws a likely face over
a hand.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.face.models import Model, Tensor, sigmoid
from emodal_data.face.types import Picture

_FILES = ("view_score.tflite", "view_score_wide.tflite")
#: The share of each network in the score.
_SHARES = (0.4, 0.6)
#: Side of the network's input.
_SIDE_PX = 64
#: Gaussian scales, in pixels of the input, of the local mean and contrast that are taken out: what light does.
_MEAN_PX, _CONTRAST_PX = 8.0, 12.0
#: Contrast in gray levels that keeps noise in flat parts small; and the largest value of the input.
_LEAST_CONTRAST, _LARGEST = 6.0, 3.0
#: Added to the log-odds: with it, the gates stop about 96 % of the broken views of people unknown to the networks.
_OFFSET = 2.3


def view_score(image: Picture) -> float:
    """Whether a frontal picture shows a whole face, 0 to 1; the mean over the picture and its mirror image.

    image: (128, 128) uint8 gray, as frontalize gives it. Low: a hand, hair, a microphone or another head covers the
    face or was mirrored onto it, or the view is torn.
    """
    return float(sigmoid(np.array(log_odds(image, _models()) + _OFFSET, dtype=np.float32)))


def log_odds(image: Picture, models: Sequence[Model]) -> float:
    """The log-odds that a frontal picture is whole: the mean over two networks, the picture and its mirror image."""
    normal = normalised(image)
    both = [np.ascontiguousarray(view) for view in (normal, normal[:, ::-1])]
    odds = [[float(model(view)[0].ravel()[0]) for view in both] for model in models]
    return float(np.average(np.mean(odds, axis=1), weights=_SHARES))


def normalised(image: npt.NDArray[np.uint8]) -> Tensor:
    """The input of the networks, (64, 64, 1): the picture without its low-order light, in local contrasts, -3 to 3."""
    small = cv2.resize(image.astype(np.float32), (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    detail = small - cv2.GaussianBlur(small, (0, 0), _MEAN_PX)
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), _CONTRAST_PX))
    values = np.clip(detail / (contrast + np.float32(_LEAST_CONTRAST)), -_LARGEST, _LARGEST)
    return np.asarray(values[:, :, np.newaxis], dtype=np.float32)


@cache
def _models() -> tuple[Model, ...]:
    return tuple(Model(Path(__file__).with_name(name)) for name in _FILES)
