"""The settings of the networks and of their training, and a point in a grid of settings."""

import ast
import inspect
import itertools
import json
import sys
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

#: A picture of a sample that networks can take.
PictureName = Literal["image", "rgb", "gray"]
Weight = Annotated[float, Field(ge=0.0)]


class ModelConfig(BaseModel):
    """Networks, losses and training. Defaults are those of the poster, if it gives them."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema with the docstring of each setting; pydantic's own way reads the code in every process.

        As Section of emodal_data/core/config.py: neither package knows the other.
        """
        schema = handler(core_schema)
        settings = handler.resolve_ref_schema(schema)["properties"]
        try:
            code = ast.parse(inspect.getsource(sys.modules[__name__])).body
        except OSError:  # there is no source
            return schema
        (body,) = (
            node.body for node in code if isinstance(node, ast.ClassDef) and node.name == "ModelConfig"
        )
        for field, text in itertools.pairwise(body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    settings[name].setdefault("description", inspect.cleandoc(words))
        return schema

    name: Literal["emodal", "audio", "audio_recurrent", "image", "compare", "all"] = "compare"
    """Network to train. "compare": emodal, audio and image, for the poster's Table 1. "all": also linear baselines, and
    the recurrent network if the dataset has short-term frames."""
    input: PictureName = "image"
    """Picture that the networks take: the frontal gray face, or a view of the dataset (face.views), resized to 128x128
    pixels."""
    filters: tuple[int, int, int] = (16, 32, 64)
    """Filters of the three 3x3 convolutions."""
    image_dense: Annotated[int, Field(gt=0)] = 128
    """Width of the dense layer after the convolutions."""
    features: Annotated[int, Field(gt=0)] = 10
    """Width of each modality's feature (the poster: 10)."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Dropout rate."""
    audio_l2: Weight = 1e-2
    """L2 penalty of the dense layers of the audio branch."""
    recurrent_units: Annotated[int, Field(gt=0)] = 32
    """Width of the recurrent layer in each direction."""
    recurrent_l2: Weight = 1e-3
    """L2 penalty of the input weights of the recurrent layer."""
    image_l2: Weight = 1e-4
    """L2 penalty of the dense layer of the image branch."""
    head_l2: Weight = 1e-2
    """L2 penalty of the softmax layers."""
    common_weight: Weight = 0.1
    """Weight of the common loss (minus the H-score) while classes are trained; 0 removes it and the warm-up."""
    warm_up_epochs: Annotated[int, Field(ge=0)] = 30
    """Maximum epochs of the common loss alone, before classes are trained, if most clips are unlabelled."""
    classify_weight: Weight = 1.0
    """Weight of the cross-entropy on the combined feature."""
    audio_weight: Weight = 1.0
    """Weight of the cross-entropy on the audio feature alone."""
    image_weight: Weight = 1.0
    """Weight of the cross-entropy on the image feature alone."""
    targets: tuple[str, ...] = ()
    """Numeric columns of the dataset (labels.targets) that the networks learn too, such as valence."""
    target_weight: Weight = 1.0
    """Weight of the squared error of the standardised targets, against a cross-entropy."""
    epochs: Annotated[int, Field(gt=0)] | None = None
    """Maximum number of epochs; none: 60, or fewer for many samples: 4,000 optimizer steps, but at least 10 epochs."""
    patience: Annotated[int, Field(gt=0)] = 15
    """Epochs without a better calibrated validation cross-entropy after which training stops."""
    min_steps: Annotated[int, Field(gt=0)] = 100
    """Optimizer steps before an epoch may become the best one."""
    batch_size: Annotated[int, Field(gt=1)] = 64
    """Samples in an optimizer step."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    """Learning rate of Adam in the first epoch; it falls to a tenth along half a cosine."""
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of the labelled training clips held out for early stopping and calibration."""
    seed: int = 0
    """Seed of initial weights, shuffling, dropout and image augmentation."""
    seeds: Annotated[int, Field(gt=0)] = 1
    """Number of trainings, with seeds from `seed` on; the table then gives mean and standard deviation."""
    members: Annotated[int, Field(gt=0)] | None = None
    """Size of the ensemble, each member with its own seed and validation clips; none: 5 below 1,000 clips, else 1."""
    fold: Annotated[int, Field(ge=0)] | None = None
    """Fold of the training split to test on, the others are trained on; none: test on the test split."""
    vary_pictures: bool | None = None
    """Augment training images in every epoch (mirror, shift, rotate, zoom, light); none: below 1,000 clips."""
    memory_mb: Annotated[float, Field(ge=0)] = 4096
    """Memory for decoded images, in MB; if they need more, they are in a file of the model folder while training."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the hidden layers; "auto" is bfloat16 on a GPU or a CPU with bfloat16 instructions."""


@dataclass(frozen=True)
class GridPoint:
    """A point in the grid of a sweep. settings: the swept settings by name. config: all settings."""

    settings: dict[str, Any]
    config: ModelConfig

    @property
    def title(self) -> str:
        """The swept settings on one line."""
        shown = {
            n: value if isinstance(value, str) else json.dumps(value) for n, value in self.settings.items()
        }
        return " ".join(f"{name}={value}" for name, value in shown.items())
