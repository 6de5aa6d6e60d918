"""The settings of the networks and their training, and a point of a grid of them."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Weight = Annotated[float, Field(ge=0.0)]


class ModelConfig(BaseModel):
    """Networks, losses and training. Defaults are the poster's where it gives them."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, protected_namespaces=()
    )

    name: Literal["emodal", "audio", "audio_recurrent", "image", "compare", "all"] = "compare"
    """Which network to train; "compare": emodal, audio and image, for the poster's Table 1; "all": the recurrent one
    too, where the dataset has short-term frames, and linear baselines."""
    filters: tuple[int, int, int] = (16, 32, 64)
    """Filters of the three 3x3 convolutions."""
    image_dense: Annotated[int, Field(gt=0)] = 128
    """Width of the dense layer after the convolutions."""
    features: Annotated[int, Field(gt=0)] = 10
    """Width of each modality's feature (the poster: 10)."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Dropout rate."""
    audio_l2: Weight = 1e-2
    """Penalty on the squared weights of the audio branch's wide layers."""
    recurrent_units: Annotated[int, Field(gt=0)] = 32
    """Width of the recurrent layer, each way."""
    recurrent_l2: Weight = 1e-3
    """Penalty on the squared weights from the frames into the recurrent layer."""
    image_l2: Weight = 1e-4
    """Penalty on the squared weights of the image branch's wide layer."""
    head_l2: Weight = 1e-2
    """Penalty on the squared weights of the softmaxes."""
    common_weight: Weight = 0.1
    """Weight of the common loss (minus the H-score) while classes are learnt; 0 leaves it out, the warm-up too."""
    warm_up_epochs: Annotated[int, Field(ge=0)] = 30
    """Most passes of the common loss alone, before classes, where unlabelled clips outnumber labelled ones."""
    classify_weight: Weight = 1.0
    """Weight of the cross-entropy on the combined feature."""
    audio_weight: Weight = 1.0
    """Weight of the cross-entropy on the audio feature alone."""
    image_weight: Weight = 1.0
    """Weight of the cross-entropy on the image feature alone."""
    epochs: Annotated[int, Field(gt=0)] = 60
    """Most passes over the training side."""
    patience: Annotated[int, Field(gt=0)] = 15
    """Epochs without a better (calibrated) validation cross-entropy before training stops."""
    min_steps: Annotated[int, Field(gt=0)] = 100
    """Steps of training before an epoch may be kept as the best."""
    batch_size: Annotated[int, Field(gt=1)] = 64
    """Samples a step."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    """Adam's step size in the first epoch; it falls to a tenth along half a cosine."""
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of the training groups kept for early stopping and calibration."""
    seed: int = 0
    """Seeds initial weights, shuffling and dropout."""
    seeds: Annotated[int, Field(gt=0)] = 1
    """Trainings with as many seeds, from `seed` on; the table then gives mean and deviation over them."""
    members: Annotated[int, Field(gt=0)] | None = None
    """Trainings that answer together, each with its own seed and validation; none: 5 below 1,000 clips, else 1."""
    fold: Annotated[int, Field(ge=0)] | None = None
    """Test on this fold of the training side, and train on the others; none: the dataset's own test side."""
    vary_pictures: bool | None = None
    """Mirror, move, turn, zoom and relight each training picture anew in every epoch; none: below 1,000 clips."""
    memory_mb: Annotated[float, Field(ge=0)] = 4096
    """Decoded pictures beyond this are kept in a file of the model's folder while training, not in memory."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the hidden layers; "auto" takes bfloat16 on a GPU or a CPU that multiplies it."""


@dataclass(frozen=True)
class GridPoint:
    """One point of the grid. settings: the swept ones by name. config: all of them."""

    settings: dict[str, Any]
    config: ModelConfig

    @property
    def title(self) -> str:
        """The swept settings on one line."""
        shown = {
            n: value if isinstance(value, str) else json.dumps(value) for n, value in self.settings.items()
        }
        return " ".join(f"{name}={value}" for name, value in shown.items())
