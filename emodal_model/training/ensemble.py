"""Ensembles: how many trainings of one network, and the seed and validation split of each.

Each member holds out some groups for early stopping and calibration; together the members train on every clip.
"""

from dataclasses import dataclass, replace

import numpy as np

from emodal_model.core.config import ModelConfig
from emodal_model.data.samples import Samples
from emodal_model.data.validation import Holdout, hold_out

#: With fewer labelled clips than this an ensemble is the default: there it gains most and costs least.
FEW_CLIPS = 1000
MEMBERS_OF_FEW = 5
#: Distance between the seeds of members, so that they differ from the consecutive seeds of `seeds` trainings.
SEED_STEP = 10_000


@dataclass(frozen=True)
class Member:
    """One training of an ensemble. config: with its own seed. held: its validation groups."""

    config: ModelConfig
    held: Holdout


def members_of(
    samples: Samples, group_by: str, config: ModelConfig, given: np.ndarray | None = None
) -> list[Member]:
    """The members that config.members asks for, the first with config.seed itself.

    samples: all training samples. group_by: as in validation.hold_out. given: (n,) bool, the samples of the dataset's
    validation split; if one of them is labelled, every member validates on them, and holds out nothing else.
    """
    labelled = samples.originals & (samples.labels >= 0)
    given = np.zeros(len(samples), bool) if given is None else given
    clips = int((labelled & ~given).sum())
    is_few = clips < FEW_CLIPS
    count = config.members or (MEMBERS_OF_FEW if is_few else 1)
    varies = is_few if config.vary_pictures is None else config.vary_pictures
    members: list[Member] = []
    for number in range(count):
        settings = {"seed": config.seed + SEED_STEP * number, "vary_pictures": varies}
        own = config.model_copy(update=settings)
        earlier = np.any([member.held.validation for member in members], axis=0) if members else None
        if (labelled & given).any():
            held = Holdout(~given, labelled & given, "split", len(np.unique(samples.films[given])), "")
        else:
            held = hold_out(samples, group_by, config.validation_fraction, own.seed, earlier)
            held = replace(held, fit=held.fit & ~given)
        members.append(Member(own, held))
    return members
