"""EMODal and the networks beside it: reading a dataset, training, evaluation, prediction.

Importing this package is cheap; TensorFlow is imported by the first call that needs it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emodal_model.inference.predictor import Predictor

__all__ = ["load"]


def load(path: str | Path) -> "Predictor":
    """A trained network from a model folder or a .keras file; ask it with .predict(images, audio_features).

    Raises emodal_model.errors.ModelInputError if there is no such model.
    """
    from emodal_model.inference.predictor import load as load_predictor

    return load_predictor(path)
