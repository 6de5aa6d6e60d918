"""Which of several frames of one face is taken: the clearest one, or the one with the most movement."""

from collections.abc import Sequence

import numpy as np

from emodal_data.face.expression import in_eye_distances
from emodal_data.face.find import FacePicture

#: Landmarks of brows, eyes, nose and lips; those of the jaw follow the hair and the collar.
_INNER = slice(17, 68)
#: Landmarks of a face whose view or landmarks have a lower score may lie anywhere: their distance is no movement.
_MIN_SCORE = 0.5


def clearest(pictures: Sequence[FacePicture]) -> int:
    """The number of the clearest of some pictures: the largest view_score / (1 + blur_px); of equal ones the first."""
    return int(np.argmax([one.measures.view_score / (1 + one.measures.blur_px) for one in pictures]))


def most_expressive(pictures: Sequence[FacePicture]) -> int:
    """The number of the picture whose landmarks are farthest from their median over all pictures.

    The distance is the root mean square over brows, eyes, nose and lips, in distances between the eyes, without the
    pose of the head. It measures how far a face has moved and nothing else: a yawn is farther than a smile. Pictures
    whose scores are low are not taken where others have better ones.
    """
    scores = [min(one.measures.view_score, one.measures.landmark_score) for one in pictures]
    trusted = [number for number, score in enumerate(scores) if score >= _MIN_SCORE]
    numbers = trusted or list(range(len(pictures)))
    points = np.stack([in_eye_distances(pictures[number].face.landmarks68)[_INNER] for number in numbers])
    away = ((points - np.median(points, axis=0)) ** 2).sum(axis=2).mean(axis=1)
    return numbers[int(np.argmax(away))]
