"""Which unlabelled spans would teach a network most: where it is unsure, that it does not know, of rare classes.

Spans are ranked one after the other: each is new relative to the labelled clips and to the spans ranked before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emodal_model.data.samples import read_samples
from emodal_model.inference.predictor import Predictor

#: The most that the expected rarity of a span can multiply its score.
MOST_RARITY = 3.0


@dataclass(frozen=True)
class Lesson:
    """A span in the ranking. place: its number among the candidates. score: uncertainty x novelty x rarity.

    uncertainty: entropy of the answer, 1 if every class is equally probable. novelty: distance to the nearest clip that
    is labelled or ranked before, 0 for a copy of it, 0.5 at the usual distance of candidates. rarity: 1 for the
    commonest class of the training, expected over the answer. likely: the two most probable classes with their shares.
    """

    place: int
    score: float
    uncertainty: float
    novelty: float
    rarity: float
    likely: tuple[tuple[str, float], tuple[str, float]]

    @property
    def why(self) -> str:
        """The reason for people, such as "sad 41 % or angry 38 %; unlike labelled clips (0.71); rare (1.6)"."""
        (first, one), (second, other) = self.likely
        parts = [f"{first} {100 * one:.0f} % or {second} {100 * other:.0f} %"]
        parts.append(f"{'unlike' if self.novelty > 0.5 else 'like'} known clips ({self.novelty:.2f})")
        if self.rarity > 1.2:
            parts.append(f"a rare class ({self.rarity:.1f})")
        return "; ".join(parts)


def rank_lessons(
    probabilities: np.ndarray,
    codes: np.ndarray,
    known_codes: np.ndarray,
    training_clips: Mapping[str, int],
    groups: Sequence[str],
    per_group: int,
) -> list[Lesson]:
    """The candidates that would teach most, best first, at most per_group of each group.

    probabilities: (n, classes). codes: (n, k), features of the network. known_codes: (m, k), of labelled clips.
    training_clips: how many clips of each class were trained on, in the order of the classes. groups: (n,) names, such
    as the film of each candidate. per_group: the most of one group.
    """
    classes = list(training_clips)
    uncertainty = -(probabilities * np.log(np.maximum(probabilities, 1e-12))).sum(axis=1) / np.log(
        len(classes)
    )
    counts = np.array([training_clips[name] for name in classes], float) + 1
    rarity = probabilities @ np.minimum((counts.max() / counts) ** 0.5, MOST_RARITY)
    scale = np.maximum(codes.std(axis=0), 1e-9)
    scaled, known = codes / scale, known_codes / scale
    nearest = np.full(len(codes), np.inf)
    for start in range(0, len(known), 256):  # the distances of all pairs may not fit into memory
        nearest = np.minimum(nearest, _distances(scaled, known[start : start + 256]).min(axis=1))
    usual = _usual_distance(scaled)
    of_group = np.asarray(groups, object)
    left = dict.fromkeys(groups, per_group)
    lessons: list[Lesson] = []
    waiting = np.ones(len(codes), bool)
    while waiting.any():
        novelty = 1 - usual / (nearest + usual)
        scores = np.where(waiting, uncertainty * novelty * rarity, -1.0)
        place = int(scores.argmax())
        waiting[place] = False
        left[groups[place]] -= 1
        if left[groups[place]] == 0:
            waiting &= of_group != groups[place]
        order = np.argsort(-probabilities[place], kind="stable")[:2]
        first, second = ((classes[code], float(probabilities[place, code])) for code in order)
        score, unsure, new, rare = (float(a[place]) for a in (scores, uncertainty, novelty, rarity))
        lessons.append(Lesson(place, score, unsure, new, rare, (first, second)))
        nearest = np.minimum(nearest, _distances(scaled, scaled[[place]])[:, 0])
    return lessons


def labelled_codes(network: Predictor, dataset: Path) -> np.ndarray:
    """(m, k) features of the labelled training clips of a dataset; see Predictor.predict_with_codes.

    Raises ModelInputError if the dataset cannot be read.
    """
    samples = read_samples(
        dataset,
        "train",
        with_frames=network.uses_frames,
        image_frames=network.image_frames,
        picture=network.picture,
    )
    if network.uses_frames:
        samples = samples.by_frames()
    known = samples.take(samples.originals & (samples.labels >= 0) & samples.having(network.main_head))
    return network.predict_with_codes(known.images, known.audio_features)[1]


def _distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n, m) Euclidean distances of (n, k) and (m, k)."""
    return np.asarray(np.linalg.norm(one[:, None, :] - other[None, :, :], axis=2))


def _usual_distance(scaled: np.ndarray) -> float:
    """Median distance of neighbours among at most 512 candidates."""
    some = scaled[np.unique(np.linspace(0, len(scaled) - 1, 512).astype(int))] if len(scaled) else scaled
    if len(some) < 2:
        return 1.0
    distances = _distances(some, some)
    np.fill_diagonal(distances, np.inf)
    return max(float(np.median(distances.min(axis=1))), 1e-9)
