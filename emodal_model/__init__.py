"""EMODal and the networks it is compared with: reading a dataset, training, evaluation, prediction.

Importing this package is cheap; TensorFlow is imported by the first call that needs it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emodal_model.inference.predictor import Predictor

__all__ = ["load"]


def load(path: str | Path) -> "Predictor":
    """Load a trained network from a model folder or a .keras file; call its .predict(images, audio_features).

    Raises emodal_model.core.errors.ModelInputError if there is no model.
    """
    from emodal_model.inference.predictor import load as load_predictor

    return load_predictor(path)
