"""The forward pass: arrays in, the network's outputs as arrays out."""

from typing import Any, Literal, cast

import numpy as np

from emodal_model.core.backend import tf
from emodal_model.data.contract import FEATURES, FRAMES
from emodal_model.data.disk_images import DiskImages
from emodal_model.data.image_frames import frames_in, pad_frames
from emodal_model.data.samples import Samples
from emodal_model.data.sequences import Sequences
from emodal_model.network.build import MAIN_HEAD


def outputs_of(
    network: Any,
    images: np.ndarray | DiskImages,
    audio_features: np.ndarray | Sequences,
    batch_size: int = 256,
) -> dict[str, np.ndarray]:
    """Every output of the network for every sample, in order: (n, ...) float32 for each output name."""
    if len(images) == 0:  # convolutions do not accept an empty batch
        sound = (1, 1, FEATURES) if FRAMES in network.input else (1, FEATURES)
        dummy = np.zeros((1, *images.shape[1:]), np.uint8), np.zeros(sound, np.float32)
        return {name: value[:0] for name, value in outputs_of(network, *dummy).items()}
    parts = []
    for start in range(0, len(images), batch_size):
        rows = slice(start, start + batch_size)
        inputs = inputs_of(network, images[rows], audio_features[rows])
        parts.append({name: np.asarray(value) for name, value in answer(network, inputs).items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def image_frames_of(network: Any) -> int:
    """The number of images of each sample that a network takes."""
    images = network.input.get("images")
    return frames_in(images.shape[1:]) if images is not None else 1


def usable_by(name: str, samples: Samples) -> np.ndarray:
    """(n,) bool: the samples that a network can answer for. EMODal needs one modality, the others need theirs."""
    if name == "emodal":
        return np.asarray(samples.has_audio | samples.has_image)
    return samples.having(MAIN_HEAD[name])


def answers_of(
    name: str, outputs: dict[str, np.ndarray], samples: Samples, kind: Literal["", "_values"] = ""
) -> np.ndarray:
    """(n, classes) of the head that answers for each sample, NaN for a sample without the inputs of the network.

    EMODal answers with the head on both modalities, or with the one on the modality that a sample has.
    outputs: of the network for the samples, logits or probabilities. kind: "_values" for the targets.
    """
    head = MAIN_HEAD[name]
    if head + kind not in outputs:  # a network without classes
        return np.empty((len(samples), 0), np.float32)
    if samples.having(head).all():
        return outputs[head + kind]
    answers = np.full_like(outputs[head + kind], np.nan)
    for each in ("audio", "image", "both") if head == "both" else (head,):
        answers[samples.having(each)] = outputs[each + kind][samples.having(each)]
    return answers


def answer(network: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs of a network for one batch; inputs and outputs by name."""
    if FRAMES not in network.input:
        return cast(dict[str, Any], network(inputs, training=False))
    # Compiled once for each network: without it, Python runs the recurrent layer frame by frame.
    if not hasattr(network, "compiled_call"):
        frames = tf.TensorSpec((None, None, FEATURES), tf.float32)
        network.compiled_call = tf.function(
            lambda given: network(given, training=False),
            input_signature=[{FRAMES: frames}],
            autograph=False,
        )
    return cast(dict[str, Any], network.compiled_call(inputs))


def inputs_of(network: Any, images: Any, audio: Any) -> dict[str, Any]:
    """The inputs that this network has, by name. audio: its features, or its frames."""
    if (count := image_frames_of(network)) > 1 and images.shape[1:] != network.input["images"].shape[1:]:
        images = pad_frames(images, count)
    given = {"images": images, "audio_features": audio, FRAMES: audio}
    return {name: given[name] for name in network.input}
