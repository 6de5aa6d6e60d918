"""The forward pass: arrays in, the network's outputs as arrays out."""

from typing import Any, cast

import numpy as np

from emodal_model.core.backend import tf
from emodal_model.data.contract import FEATURES, FRAMES, IMAGE_SIZE
from emodal_model.data.disk_images import DiskImages
from emodal_model.data.sequences import Sequences


def outputs_of(
    network: Any,
    images: np.ndarray | DiskImages,
    audio_features: np.ndarray | Sequences,
    batch_size: int = 256,
) -> dict[str, np.ndarray]:
    """Every output of the network for every sample, in order: (n, ...) float32 for each output name."""
    if len(images) == 0:  # convolutions do not accept an empty batch
        sound = (1, 1, FEATURES) if FRAMES in network.input else (1, FEATURES)
        dummy = np.zeros((1, IMAGE_SIZE, IMAGE_SIZE), np.uint8), np.zeros(sound, np.float32)
        return {name: value[:0] for name, value in outputs_of(network, *dummy).items()}
    parts = []
    for start in range(0, len(images), batch_size):
        rows = slice(start, start + batch_size)
        inputs = inputs_of(network, images[rows], audio_features[rows])
        parts.append({name: np.asarray(value) for name, value in answer(network, inputs).items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def answer(network: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs of a network for one batch; inputs and outputs by name."""
    if FRAMES not in network.input:
        return cast(dict[str, Any], network(inputs, training=False))
    # Compiled once for each network: without it, Python runs the recurrent layer frame by frame.
    if not hasattr(network, "compiled_call"):
        frames = tf.TensorSpec((None, None, FEATURES), tf.float32)
        network.compiled_call = tf.function(
            lambda given: network(given, training=False), input_signature=[{FRAMES: frames}]
        )
    return cast(dict[str, Any], network.compiled_call(inputs))


def inputs_of(network: Any, images: Any, audio: Any) -> dict[str, Any]:
    """The inputs that this network has, by name. audio: its features, or its frames."""
    given = {"images": images, "audio_features": audio, FRAMES: audio}
    return {name: given[name] for name in network.input}
