"""The model of Dawid and Skene: what the truth of each item probably is, and how each annotator confuses the classes.

Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Applied Statistics 28, 1979.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: Votes with which the annotators' common confusions enter those of each: who voted little is taken for the average.
COMMON_VOTES: Final = 2.0
_MOST_STEPS, _ENOUGH = 200, 1e-6


@dataclass(frozen=True)
class Estimate:
    """posteriors: (items, classes), the probability that a class is the truth of an item; NaN without a vote.

    prior: (classes,). confusions: (annotators, classes, classes), the probability of each vote given each truth.
    """

    posteriors: Floats
    prior: Floats
    confusions: Floats

    @property
    def reliabilities(self) -> Floats:
        """(annotators,) probability that a vote is the truth."""
        diagonals = np.diagonal(self.confusions, axis1=1, axis2=2)
        return np.asarray(diagonals @ self.prior)


def estimate(item: Ints, annotator: Ints, vote: Ints, classes: int) -> Estimate:
    """Fit the model to votes by expectation maximisation, starting from the shares of the votes.

    item, annotator, vote: (n,) places from 0, one for each vote; an annotator may vote more than once on an item.
    """
    items, annotators = int(item.max(initial=-1)) + 1, int(annotator.max(initial=-1)) + 1
    counts = np.bincount(item * classes + vote, minlength=items * classes).reshape(items, classes)
    voted = counts.sum(axis=1) > 0
    posteriors = counts / np.maximum(counts.sum(axis=1), 1)[:, None]
    prior, confusions = _maximise(posteriors, item, annotator, vote, annotators)
    for _ in range(_MOST_STEPS):
        before = posteriors
        posteriors = _expect(prior, confusions, item, annotator, vote, items)
        posteriors[~voted] = 0.0
        prior, confusions = _maximise(posteriors, item, annotator, vote, annotators)
        if np.abs(posteriors - before).max(initial=0.0) < _ENOUGH:
            break
    return Estimate(np.where(voted[:, None], posteriors, np.nan), prior, confusions)


def _maximise(
    posteriors: Floats, item: Ints, annotator: Ints, vote: Ints, annotators: int
) -> tuple[Floats, Floats]:
    """Prior and confusions that make the votes most probable, given the posteriors."""
    classes = posteriors.shape[1]
    cell = annotator * classes + vote
    counts = np.stack(
        [np.bincount(cell, posteriors[item, truth], annotators * classes) for truth in range(classes)]
    )
    counts = counts.reshape(classes, annotators, classes).transpose(1, 0, 2)
    # The common confusions have a trace of every vote, so that no probability is 0.
    common = counts.sum(axis=0) + 1e-3 + np.eye(classes)
    common /= common.sum(axis=1, keepdims=True)
    confusions = counts + COMMON_VOTES * common
    prior = posteriors.sum(axis=0) + 1e-9
    return prior / prior.sum(), confusions / confusions.sum(axis=2, keepdims=True)


def _expect(prior: Floats, confusions: Floats, item: Ints, annotator: Ints, vote: Ints, items: int) -> Floats:
    """Posteriors of the items, given prior and confusions."""
    logs = np.log(confusions)
    likelihood = np.stack(
        [np.bincount(item, logs[annotator, truth, vote], items) for truth in range(len(prior))], axis=1
    )
    joint = np.log(prior) + likelihood
    shares = np.exp(joint - joint.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
