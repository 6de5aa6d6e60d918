"""Loading, saving and calling a trained network: one .keras file with its normalisation, labels and settings.

The file is a zip in the format of Keras with one more member, emodal.json: no pickle, no Lambda, no custom layers.
"""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.core.backend import keras
from emodal_model.core.errors import ModelInputError
from emodal_model.core.files import atomic_path
from emodal_model.data.contract import FEATURES, FRAMES
from emodal_model.data.image_frames import has_colours, image_shape, resized, stack_frames
from emodal_model.data.samples import Samples
from emodal_model.data.sequences import Sequences
from emodal_model.inference.metadata import ABOUT, model_file, picture_of, read_about
from emodal_model.network.build import MAIN_HEAD
from emodal_model.network.forward import answers_of, image_frames_of, outputs_of, usable_by


@dataclass(frozen=True)
class Answer:
    """The answer of a network for one sample. probabilities: (classes,) in the order of Predictor.labels.

    used: "both", "image" or "audio"; None, without an answer, if the sample lacks the inputs of the network.
    probabilities are None for a network without classes. targets: (t,) in the order of Predictor.targets; None without
    any.
    """

    probabilities: np.ndarray | None
    used: str | None
    targets: np.ndarray | None = None


class Predictor:
    """A loaded network.

    name: "emodal", "audio", "audio_recurrent" or "image". about: its metadata. uses_frames: its audio input is
    short-term frames, not the 68 features of a clip. image_frames: the number of images of a sample that it takes the
    mean code of. picture: model.input, "image", "rgb" or "gray"; image_shape: of the images of a sample.
    """

    def __init__(self, network: Any, about: dict[str, Any]) -> None:
        self.network, self.about = network, about
        self.name: str = network.name
        self.uses_frames: bool = FRAMES in network.input
        self.image_frames: int = image_frames_of(network)
        self.picture = picture_of(about)
        self.image_shape = image_shape(self.image_frames, self.picture == "rgb")
        self.labels: tuple[str, ...] = tuple(about["labels"])
        self.targets: tuple[str, ...] = tuple(about.get("targets", ()))

    def predict(self, images: Any = None, audio_features: Any = None) -> np.ndarray:
        """(n, classes) float32 probabilities in the order of `labels`; (n, 0) for a network without classes.

        images: (n, 128, 128) uint8; if image_frames is more than 1, also (n, frames, 128, 128), or n arrays of
        (frames, 128, 128). For a network of the view rgb, all have a last axis of three colours, and views of any size
        are resized. audio_features: (n, 68), or n arrays of (frames, 68) if the network uses frames.
        Either may be None, a missing modality: EMODal then answers with the softmax on the other one.
        Raises ModelInputError if the network has no input left.
        """
        outputs, head, n = self._outputs(images, audio_features)
        return outputs.get(head, np.empty((n, 0), np.float32))

    def predict_targets(self, images: Any = None, audio_features: Any = None) -> np.ndarray:
        """(n, targets) float32 in the order of `targets`, for the same inputs as predict."""
        outputs, head, n = self._outputs(images, audio_features)
        return outputs.get(f"{head}_values", np.empty((n, 0), np.float32))

    def _outputs(self, images: Any, audio_features: Any) -> tuple[dict[str, np.ndarray], str, int]:
        """The outputs of the network, the head that answers for the available modalities, and the number of samples."""
        if self.uses_frames and audio_features is not None:
            audio_features = _checked_frames(audio_features)
        if images is not None:
            images = self._of_network_size(images)
        if self.image_frames > 1 and images is not None:
            images = _checked_images(images, self.image_shape)
        images, audio_features = _checked(images, audio_features, self.image_shape)
        head = self.head_for(images is not None, audio_features is not None)
        n = len(audio_features) if images is None else len(images)
        if images is None:
            images = np.zeros((n, *image_shape(is_colour=self.picture == "rgb")), np.uint8)
        if audio_features is None:
            audio_features = np.zeros((n, FEATURES), np.float32)
        return outputs_of(self.network, images, audio_features), head, n

    def _of_network_size(self, images: Any) -> Any:
        """Views, of one frame or of several, resized to the images of the network; other images as they are."""
        if self.picture == "image":
            return images
        rank = len(image_shape(is_colour=self.picture == "rgb"))
        rows = [np.asarray(image) for image in images]
        if any(row.dtype != np.uint8 or row.ndim not in (rank, rank + 1) or 0 in row.shape for row in rows):
            return images  # refused by the checks
        return [
            resized(row) if row.ndim == rank else np.stack([resized(frame) for frame in row]) for row in rows
        ]

    def predict_with_codes(
        self, images: Any = None, audio_features: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As predict, and (n, k) features in which similar samples are near each other.

        They are EMODal's codes, or the log probabilities of a network that has no codes among its outputs.
        Raises ModelInputError also if the network has no classes.
        """
        if not self.labels:
            raise ModelInputError(
                f"the {self.name} network has no classes: it has no probabilities to rank by"
            )
        outputs, head, _ = self._outputs(images, audio_features)
        codes = [outputs[name] for name in sorted(outputs) if name.endswith("_code")]
        return outputs[head], np.concatenate(codes or [np.log(np.maximum(outputs[head], 1e-6))], axis=1)

    def predict_each(
        self, images: Sequence[np.ndarray | None], audio_features: Sequence[np.ndarray | None]
    ) -> list[Answer]:
        """An answer for each sample, in order. A sample may lack its image, its sound, or both.

        images: (128, 128) uint8, (frames, 128, 128) if image_frames is more than 1, or None; views as in predict.
        audio_features: (68,), or (frames, 68) if the network uses frames, or None.
        """
        heads = [
            self._head_or_none(image is not None, audio is not None)
            for image, audio in zip(images, audio_features, strict=True)
        ]
        answers = [Answer(None, None)] * len(heads)
        for head in ("both", "image", "audio"):
            rows = [row for row, used in enumerate(heads) if used == head]
            if rows:
                faces = None if head == "audio" else [np.asarray(images[row]) for row in rows]
                sounds = None if head == "image" else [np.asarray(audio_features[row]) for row in rows]
                outputs, _, _ = self._outputs(faces, sounds)
                for place, row in enumerate(rows):
                    shares = outputs[head][place] if self.labels else None
                    values = outputs[f"{head}_values"][place] if self.targets else None
                    answers[row] = Answer(shares, head, values)
        return answers

    def _head_or_none(self, has_image: bool, has_audio: bool) -> str | None:
        try:
            return self.head_for(has_image, has_audio)
        except ModelInputError:
            return None

    def head_for(self, has_image: bool, has_audio: bool) -> str:
        """The output to read for the available modalities: "both", "audio" or "image"."""
        head = MAIN_HEAD[self.name]
        if head == "both" and not (has_image and has_audio):
            head = "image" if has_image else "audio"
        if (head == "image" and not has_image) or (head == "audio" and not has_audio):
            raise ModelInputError(f"the {self.name} network needs {head} input, and got none")
        return head

    @property
    def main_head(self) -> str:
        """The output that is the answer if no modality is missing."""
        return MAIN_HEAD[self.name]

    def usable(self, samples: Samples) -> np.ndarray:
        """(n,) bool: the samples that the network can answer for."""
        return usable_by(self.name, samples)

    def answers(self, outputs: dict[str, np.ndarray], samples: Samples) -> np.ndarray:
        """(n, classes) probabilities from the head for the modalities of each sample; NaN without an answer."""
        return answers_of(self.name, outputs, samples)

    def values(self, outputs: dict[str, np.ndarray], samples: Samples) -> np.ndarray:
        """(n, targets) values from the head for the modalities of each sample; NaN without an answer."""
        return answers_of(self.name, outputs, samples, "_values")

    def outputs(self, samples: Samples) -> dict[str, np.ndarray]:
        """Every output for every sample: probabilities of each head and, for EMODal, the two codes."""
        if self.uses_frames:
            samples = samples.by_frames()
        return outputs_of(self.network, samples.images, samples.audio_features)


def load(path: str | Path) -> Predictor:
    """Load a trained network from its .keras file, or from a folder: emodal.keras, else its only .keras file.

    Raises ModelInputError if there is none, or if it was not written by emodal.
    """
    file = model_file(Path(path))
    about = read_about(file)
    try:
        network = keras.models.load_model(file, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as exc:
        raise ModelInputError(f"{file}: not a model of emodal train, or damaged") from exc
    _refuse_other_names(file, network, about)
    return Predictor(network, about)


def _refuse_other_names(file: Path, network: Any, about: dict[str, Any]) -> None:
    """Raises ModelInputError unless the metadata names each output of the network with a word that can be printed."""
    if network.name not in MAIN_HEAD or not isinstance(network.output, dict):
        raise ModelInputError(f"{file}: a Keras model, but not a network of emodal train")
    head = MAIN_HEAD[network.name]
    for key, output, fewest in (
        ("labels", head, 0 if about.get("targets") else 1),
        ("targets", f"{head}_values", 0),
    ):
        names = about.get(key, ())
        words = isinstance(names, list | tuple) and all(isinstance(n, str) and n.isprintable() for n in names)
        outputs = network.output[output].shape[-1] if output in network.output else 0
        if not words or len(names) < fewest or len(set(names)) < len(names) or len(names) != outputs:
            raise ModelInputError(
                f"{file}: its {key} do not name the {outputs} outputs of its network: train it again"
            )


def save(network: Any, about: dict[str, Any], path: Path) -> None:
    """Write network and metadata as one .keras file, atomically. Raises ModelWorkError if it cannot be written."""
    with atomic_path(path) as temporary:
        network.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(ABOUT, json.dumps(about, indent=1, sort_keys=True, allow_nan=False))


def _checked_frames(sounds: Any) -> Sequences:
    """Frames of several clips. Raises ModelInputError."""
    rows = [np.asarray(sound, np.float32) for sound in sounds]
    wrong = [row.shape for row in rows if row.ndim != 2 or row.shape[1] != FEATURES or not len(row)]
    if wrong:
        raise ModelInputError(f"each sound must be (frames, {FEATURES}) short-term features, not {wrong[0]}")
    if not all(np.isfinite(row).all() for row in rows):
        raise ModelInputError("short-term features must be finite; drop such clips, or pass None for all")
    return Sequences(rows)


def _checked_images(images: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The frames of several clips, (n, *shape), whose first axis is the frames. Raises ModelInputError."""
    rows = [np.asarray(image) for image in images]
    one = shape[1:]
    wrong = [
        f"{row.shape} {row.dtype}" for row in rows if row.dtype != np.uint8 or row.shape[-len(one) :] != one
    ]
    wrong += [f"{row.shape}" for row in rows if row.ndim not in (len(one), len(shape)) or 0 in row.shape]
    if wrong:
        raise ModelInputError(
            f"each image must be {one} or (frames, {', '.join(map(str, one))}) uint8, not {wrong[0]}"
        )
    return stack_frames(rows, shape[0], has_colours(one))


def _checked(
    images: Any, audio_features: Any, shape: tuple[int, ...]
) -> tuple[np.ndarray | None, np.ndarray | Sequences | None]:
    """The two inputs as arrays of the right shape and type. Raises ModelInputError."""
    if images is not None:
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.shape[1:] != shape:
            raise ModelInputError(
                f"images must be (n, {', '.join(map(str, shape))}) uint8, not {images.shape} {images.dtype}"
            )
    if audio_features is not None and not isinstance(audio_features, Sequences):
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
