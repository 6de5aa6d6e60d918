"""The stages of a training: the samples, losses and epochs of each.

Usually there is one stage. If most clips are unlabelled, EMODal first trains its branches on the common loss alone
("common"), then its softmax heads ("heads"), and then the whole network ("all").
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from emodal_model.core.config import ModelConfig

StageName = Literal["common", "heads", "all"]

#: Epochs by default, and the steps after which more of them are not worth their time.
MOST_EPOCHS, FEWEST_EPOCHS, ENOUGH_STEPS = 60, 10, 4000


@dataclass(frozen=True)
class Stage:
    """A stage. rows: indices of the samples of one epoch. config: the settings of this stage. epochs: at most."""

    name: StageName
    rows: np.ndarray
    config: ModelConfig
    epochs: int

    @property
    def steps(self) -> int:
        """Optimizer steps of one epoch."""
        return steps_of(self.rows, self.config)


def stages_of(network: str, labels: np.ndarray, originals: np.ndarray, config: ModelConfig) -> list[Stage]:
    """The stages that train a network on samples with these labels (-1: none), in order.

    originals: (n,) bool, not augmented; they decide whether unlabelled clips are the majority.
    """
    rows = rows_of_a_pass(labels)
    enough = -(-ENOUGH_STEPS // steps_of(rows, config))
    last = Stage("all", rows, config, config.epochs or min(max(enough, FEWEST_EPOCHS), MOST_EPOCHS))
    labelled = labels >= 0
    warms_up = (
        network == "emodal"
        and min(config.common_weight, config.warm_up_epochs) > 0
        and int((originals & ~labelled).sum()) > int((originals & labelled).sum())
    )
    if not warms_up:
        return [last]
    common = {
        "common_weight": 1.0,
        "classify_weight": 0.0,
        "audio_weight": 0.0,
        "image_weight": 0.0,
        # The H-score of a small batch is biased low, and its gradient is noise.
        "batch_size": 4 * config.batch_size,
        "learning_rate": 2 * config.learning_rate,
    }
    heads = {"common_weight": 0.0, "learning_rate": 5 * config.learning_rate}
    on_labels = np.flatnonzero(labelled)
    few = -(-config.min_steps // steps_of(on_labels, config))
    return [
        Stage("common", np.arange(len(labels)), config.model_copy(update=common), config.warm_up_epochs),
        Stage("heads", on_labels, config.model_copy(update=heads), few),
        last,
    ]


def steps_of(rows: np.ndarray, config: ModelConfig) -> int:
    """Optimizer steps of one epoch of these samples."""
    return -(-len(rows) // config.batch_size)


def rows_of_a_pass(labels: np.ndarray) -> np.ndarray:
    """Indices of the samples of one epoch: all of them, with labelled samples repeated to at least a quarter.

    Otherwise, among thousands of unlabelled clips, a batch would have two or three labels and a noisy gradient.
    """
    labelled, unlabelled = np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0)
    times = max(1, -(-len(unlabelled) // (3 * max(len(labelled), 1))))
    return np.concatenate([np.tile(labelled, times), unlabelled])


def learning_rate(stage: Stage, epoch: int) -> float:
    """Half a cosine from the stage's learning rate in epoch 1 to a tenth of it in the last."""
    done = (epoch - 1) / max(stage.epochs - 1, 1)
    return stage.config.learning_rate * (0.1 + 0.9 * 0.5 * (1.0 + float(np.cos(np.pi * done))))
