"""A trained network for other runtimes: one LiteRT file that runs without TensorFlow, checked before it is kept."""

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from emodal_model.errors import ModelWorkError
from emodal_model.input import FEATURES, IMAGE_SIZE
from emodal_model.predictor import Predictor

#: Largest difference in a probability that an export may show.
TOLERANCE = 1e-4


def export_litert(predictor: Predictor, path: Path) -> float:
    """Write the network as a .tflite file; returns the largest difference from the original's probabilities.

    Signature "serving_default": inputs images (1, 128, 128) uint8 and audio_features (1, 68) float32, as far as
    the network has them; outputs as those of Predictor.outputs. Raises ModelWorkError if the file cannot be
    written or does not answer as the network does.
    """
    temporary = path.with_name(f".{path.stem}.tmp.tflite")
    try:
        predictor.network.export(temporary, format="litert", verbose=False)
        difference = _largest_difference(temporary, predictor.network)
        if not difference <= TOLERANCE:  # also when it is not a number
            raise ModelWorkError(
                f"{path}: the exported network differs by {difference:.2g}; nothing was written"
            )
        temporary.replace(path)
    except OSError as exc:
        raise ModelWorkError(f"{path}: cannot be written ({exc.strerror or exc})") from exc
    finally:
        temporary.unlink(missing_ok=True)
    return difference


def _largest_difference(file: Path, network: Any) -> float:
    """Over random inputs, in the runtime that will run the file."""
    runner = Interpreter(model_path=str(file)).get_signature_runner()
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(8):
        every = {
            "images": rng.integers(0, 256, (1, IMAGE_SIZE, IMAGE_SIZE), np.uint8),
            "audio_features": rng.standard_normal((1, FEATURES)).astype(np.float32),
        }
        given = {name: every[name] for name in network.input}
        exported, original = runner(**given), network(given, training=False)
        differences += [
            exported[name] - np.asarray(original[name]) for name in original if "_code" not in name
        ]
    return float(np.abs(differences).max())
