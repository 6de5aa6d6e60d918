"""Exports a trained network to LiteRT, ONNX or Keras, and checks each file in its own runtime.

A .json file of the same name has the metadata: labels, features, settings.
"""

import json
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from emodal_model.core.backend import keras, tf, without_stderr
from emodal_model.core.errors import ModelInputError, ModelWorkError
from emodal_model.core.files import atomic_path, write_text
from emodal_model.data.contract import FEATURES, FRAMES
from emodal_model.inference.predictor import Predictor, load, save
from emodal_model.network.forward import answer

#: Largest allowed difference between the probabilities of an export and those of the network.
TOLERANCE = 1e-4

Arrays = Mapping[str, np.ndarray]
#: From inputs by name to outputs by name, for one sample.
Call = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class Format:
    """A format: how a network is written in it, and how the file is opened in its runtime."""

    suffix: str
    write: Callable[[Predictor, Path], None]
    open: Callable[[Path], Call]


def export(predictor: Predictor, folder: Path, to: str) -> tuple[Path, float]:
    """Write the network into a folder in one of FORMATS.

    Returns the file and the largest difference of its probabilities from the network's. The inputs are those of the
    network: images (n, 128, 128) uint8, or (n, frames, 128, 128) with blank images after the last frame, for the view
    rgb with a last axis of three colours; audio_features (n, 68) float32; short_term_features (n, frames, 68) float32
    with zeros after the end of a clip; n is 1 in LiteRT.
    The outputs are those of Predictor.outputs.
    Raises ModelInputError if a package is missing, ModelWorkError if the file cannot be written or its probabilities
    differ.
    """
    form = FORMATS[to]
    path = folder / f"{predictor.name}{form.suffix}"
    with atomic_path(path) as temporary:
        form.write(predictor, temporary)
        difference = _largest_difference(form.open(temporary), predictor)
        if not difference <= TOLERANCE:  # also true of NaN
            raise ModelWorkError(
                f"{path}: the exported network differs by {difference:.2g}; nothing was written"
            )
        write_text(path.with_suffix(".json"), described(predictor))
    return path, difference


def described(predictor: Predictor) -> str:
    """The metadata that a program needs to call the network, as JSON."""
    return json.dumps({"network": predictor.name, **predictor.about}, indent=1, sort_keys=True) + "\n"


def _largest_difference(call: Call, predictor: Predictor) -> float:
    """The largest difference of a probability on random inputs, in the runtime of the file; codes are not compared."""
    rng = np.random.default_rng(0)
    differences: list[np.ndarray] = []
    for _ in range(8):
        every = {
            "images": rng.integers(0, 256, (1, *predictor.image_shape), np.uint8),
            "audio_features": rng.standard_normal((1, FEATURES)).astype(np.float32),
            FRAMES: rng.standard_normal((1, rng.integers(1, 200), FEATURES)).astype(np.float32),
        }
        given = {name: every[name] for name in predictor.network.input}
        original = answer(predictor.network, given)
        exported = call(given)
        for name in original:
            if "_code" not in name:
                # Values of targets have their own units: their difference is a share of them.
                scale = np.maximum(np.abs(np.asarray(original[name])), 1.0)
                differences.append((exported[name] - np.asarray(original[name])) / scale)
    differences = [difference.ravel() for difference in differences]
    return float(np.abs(np.concatenate(differences)).max())


def _write_keras(predictor: Predictor, path: Path) -> None:
    save(predictor.network, predictor.about, path)


def _open_keras(path: Path) -> Call:
    network = load(path).network
    return lambda given: {name: np.asarray(value) for name, value in answer(network, dict(given)).items()}


def _write_litert(predictor: Predictor, path: Path) -> None:
    network = predictor.network
    if not predictor.uses_frames:
        network.export(path, format="litert", verbose=False)
        return
    # LiteRT does not find the variables inside the loop over frames: their values are exported as constants.
    values = [(variable, np.asarray(variable)) for variable in network.variables]

    def call(**frames: Any) -> Any:
        constants = [(variable, tf.constant(value)) for variable, value in values]
        with keras.StatelessScope(state_mapping=constants):
            return network(frames, training=False)

    given = tf.TensorSpec((1, None, FEATURES), tf.float32, name=FRAMES)
    traced = tf.function(call, autograph=False).get_concrete_function(**{FRAMES: given})
    with without_stderr():  # the converter logs its passes
        path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module()).convert())


def _open_litert(path: Path) -> Call:
    from ai_edge_litert.interpreter import Interpreter

    with without_stderr():  # LiteRT logs each loaded model
        interpreter = Interpreter(model_path=str(path))
        interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner()
    return lambda given: runner(**given)


def _write_onnx(predictor: Predictor, path: Path) -> None:
    try:
        import onnx
        import tf2onnx  # noqa: F401  (Keras imports it later; its absence is reported here)
    except ImportError as exc:
        raise ModelInputError("exporting to ONNX needs three packages: pip install 'emodal[onnx]'") from exc
    for name in ("tf2onnx", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    network = predictor.network
    shapes = {name: [size or 1 for size in i.shape] for name, i in network.input.items()}
    network({name: np.zeros(shape, network.input[name].dtype) for name, shape in shapes.items()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras uses a name that NumPy 2 removed
        network.export(path, format="onnx", verbose=False)
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"emodal": described(predictor)})
    onnx.save(model, path)


def _open_onnx(path: Path) -> Call:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda given: dict(zip(names, session.run(names, dict(given)), strict=True))


FORMATS: Final[Mapping[str, Format]] = {
    "keras": Format(".keras", _write_keras, _open_keras),
    "litert": Format(".tflite", _write_litert, _open_litert),
    "onnx": Format(".onnx", _write_onnx, _open_onnx),
}
