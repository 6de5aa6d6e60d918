"""A trained network on disk, and how to ask it: one .keras file that holds its scales, labels and settings.

The file is Keras's own zip format plus one member, emodal.json: no pickle, no Lambda, no custom layers.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.backend import keras
from emodal_model.errors import ModelInputError, ModelWorkError
from emodal_model.fitting import outputs_of
from emodal_model.input import FEATURES, IMAGE_SIZE, Samples
from emodal_model.network import MAIN_HEAD

_ABOUT = "emodal.json"


class Predictor:
    """A loaded network. name: "emodal", "audio" or "image". about: what it was trained on and with."""

    def __init__(self, network: Any, about: dict[str, Any]) -> None:
        self.network, self.about = network, about
        self.name: str = network.name
        self.labels: tuple[str, ...] = tuple(about["labels"])

    def predict(self, images: Any = None, audio_features: Any = None) -> np.ndarray:
        """(n, 4) float32 probabilities of angry, happy, neutral, sad.

        images: (n, 128, 128) uint8, audio_features: (n, 68); either may be None, a missing modality: EMODal
        then answers by the softmax on the other one. Raises ModelInputError if nothing is left to answer by.
        """
        images, audio_features = _checked(images, audio_features)
        head = self.head_for(images is not None, audio_features is not None)
        n = len(audio_features) if images is None else len(images)
        if images is None:
            images = np.zeros((n, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
        if audio_features is None:
            audio_features = np.zeros((n, FEATURES), np.float32)
        if n == 0:
            return np.empty((0, len(self.labels)), np.float32)
        return outputs_of(self.network, images, audio_features)[head]

    def head_for(self, has_image: bool, has_audio: bool) -> str:
        """The output to read for the modalities at hand: "both", "audio" or "image"."""
        head = MAIN_HEAD[self.name]
        if head == "both" and not (has_image and has_audio):
            head = "image" if has_image else "audio"
        if (head == "image" and not has_image) or (head == "audio" and not has_audio):
            raise ModelInputError(f"the {self.name} network needs {head} input, and got none")
        return head

    def outputs(self, samples: Samples) -> dict[str, np.ndarray]:
        """Every output for every sample: probabilities per head and, for EMODal, the two codes."""
        return outputs_of(self.network, samples.images, samples.audio_features)


def load(path: str | Path) -> Predictor:
    """A trained network from its .keras file, or from a folder: its emodal.keras, else its only .keras file.

    Raises ModelInputError if there is none, or it is not one of ours.
    """
    file = _model_file(Path(path))
    try:
        with zipfile.ZipFile(file) as archive:
            about = json.loads(archive.read(_ABOUT))
        network = keras.models.load_model(file, compile=False, safe_mode=True)
    except KeyError as exc:
        raise ModelInputError(f"{file}: a Keras model, but not written by emodal train") from exc
    except (OSError, ValueError, TypeError, zipfile.BadZipFile) as exc:
        raise ModelInputError(f"{file}: not a model of emodal train, or damaged") from exc
    return Predictor(network, about)


def save(network: Any, about: dict[str, Any], path: Path) -> None:
    """Write network and about as one .keras file, whole or not at all. Raises ModelWorkError if it cannot."""
    temporary = path.with_name(f".{path.stem}.tmp.keras")
    try:
        network.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(_ABOUT, json.dumps(about, indent=1, sort_keys=True, allow_nan=False))
        temporary.replace(path)
    except OSError as exc:
        raise ModelWorkError(f"{path}: cannot be written ({exc.strerror or exc})") from exc


def model_files(path: Path) -> list[Path]:
    """The .keras files of a model folder, by name, or the one file given."""
    return sorted(path.glob("[!.]*.keras")) if path.is_dir() else [path]


def _model_file(path: Path) -> Path:
    files = model_files(path)
    named = [file for file in files if file.name == "emodal.keras"]
    file = named[0] if named else files[0] if len(files) == 1 else None
    if file is None or not file.is_file():
        raise ModelInputError(f"{path}: no model here (no emodal.keras); run emodal train first")
    return file


def _checked(images: Any, audio_features: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The two inputs as arrays of the right shape and type. Raises ModelInputError."""
    if images is not None:
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE):
            raise ModelInputError(f"images must be (n, 128, 128) uint8, not {images.shape} {images.dtype}")
    if audio_features is not None:
        audio_features = np.asarray(audio_features, np.float32)
        if audio_features.ndim != 2 or audio_features.shape[1] != FEATURES:
            raise ModelInputError(f"audio_features must be (n, {FEATURES}), not {audio_features.shape}")
        if not np.isfinite(audio_features).all():
            raise ModelInputError("audio_features must be finite; drop such clips, or pass None for all")
    if images is None and audio_features is None:
        raise ModelInputError("predict needs images, audio_features, or both")
    if images is not None and audio_features is not None and len(images) != len(audio_features):
        raise ModelInputError(f"{len(images)} images but {len(audio_features)} rows of audio_features")
    return images, audio_features
