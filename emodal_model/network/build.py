"""The poster's networks: image branch, audio branch, and the softmax heads on them.

Every network maps named inputs (images, audio_features) to a dictionary of logits and codes. EMODal and the two
networks of one modality have the same branches. The recurrent network, the poster's prior work, uses short-term frames
(short_term_features) instead. Normalisation is part of the network, as plain layers.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from emodal_model.core.backend import keras
from emodal_model.core.config import ModelConfig
from emodal_model.data.contract import FEATURES, FRAMES, IMAGE_SIZE
from emodal_model.data.disk_images import DiskImages
from emodal_model.data.image_frames import frames_in, has_colours, image_shape
from emodal_model.data.samples import Samples
from emodal_model.data.sequences import Sequences
from emodal_model.network.decorrelation import CLIP, Decorrelation, decorrelation_of

#: Makes the initializer of the next kernel.
NextKernel = Callable[[], Any]
NetworkName = Literal["emodal", "audio", "audio_recurrent", "image"]

#: The head whose validation loss stops training, and whose output is the network's answer.
MAIN_HEAD: Final[Mapping[str, str]] = {
    "emodal": "both",
    "audio": "audio",
    "audio_recurrent": "audio",
    "image": "image",
}


@dataclass(frozen=True)
class Normalisation:
    """Means and standard deviations of the training samples: of the pixels, and of each of the 68 audio features.

    decorrelation: fitted on the standardised features; None for frames. target_mean, target_std: of each target.
    """

    pixel_mean: float
    pixel_std: float
    audio_mean: list[float]
    audio_std: list[float]
    decorrelation: Decorrelation | None = None
    target_mean: list[float] = field(default_factory=list)
    target_std: list[float] = field(default_factory=list)


def normalisation_of(samples: Samples) -> Normalisation:
    """The normalisation of some samples. A constant feature gets standard deviation 1, a missing modality too.

    Samples without an image, or without sound, do not count in the normalisation of it.
    """
    pixels = _present(samples.images, samples.has_image)
    pixels = (
        pixels[:: max(1, len(pixels) * samples.image_frames // 2048)]
        if len(pixels)
        else np.zeros(1, np.uint8)
    )
    if (
        samples.image_frames > 1 and pixels.ndim > 1
    ):  # without the blank images after the last frame of a sample
        pixels = pixels[pixels.reshape(*pixels.shape[:2], -1).any(axis=2)]
    sounds = _present(samples.audio_features, samples.has_audio)
    if len(sounds) == 0:
        sounds = np.zeros((1, FEATURES))
    if isinstance(sounds, Sequences):
        audio_mean, audio_std = sounds.mean_and_std()
    else:
        audio_mean = sounds.mean(axis=0, dtype=np.float64)
        audio_std = sounds.std(axis=0, dtype=np.float64)
    audio_std = np.where(audio_std > 1e-9, audio_std, 1.0)
    decorrelation = None
    if not isinstance(sounds, Sequences):
        decorrelation = decorrelation_of((sounds - audio_mean) / audio_std)
    return Normalisation(
        pixel_mean=float(pixels.mean(dtype=np.float64)),
        pixel_std=max(float(pixels.std(dtype=np.float64)), 1.0),
        audio_mean=audio_mean.tolist(),
        audio_std=audio_std.tolist(),
        decorrelation=decorrelation,
        **target_scales(samples.targets),
    )


def target_scales(targets: np.ndarray) -> dict[str, list[float]]:
    """Mean and standard deviation of each target, (n, t) with NaN where unknown; 0 and 1 if it never is known."""
    known = [column[~np.isnan(column)].astype(np.float64) for column in targets.T]
    stds = [float(column.std()) if len(column) else 0.0 for column in known]
    return {
        "target_mean": [float(column.mean()) if len(column) else 0.0 for column in known],
        "target_std": [std if std > 1e-9 else 1.0 for std in stds],
    }


def _present(column: Any, has: np.ndarray) -> Any:
    """The rows of a modality that are not missing."""
    if has.all():
        return column
    return column.take(has) if isinstance(column, Sequences | DiskImages) else column[has]


def build_network(
    name: NetworkName,
    config: ModelConfig,
    scales: Normalisation,
    classes: int,
    dtype: str = "float32",
    images: tuple[int, ...] = image_shape(),
) -> Any:
    """The Keras model of a network. Inputs by name; outputs: the logits of its heads, "both", "audio", "image".

    Without classes, there are no logits. With targets, the outputs "both_values", ... are their values, (n, targets),
    in their own units.
    EMODal also has the codes "audio_code" and "image_code", (n, config.features), for the common loss.
    classes: width of the heads, or 0. dtype: Keras policy of the hidden layers; logits and codes are always float32.
    images: the shape of the images of a sample, see image_frames.image_shape. Of several frames, blank ones do not
    count; the code of the image is the mean of the codes of its frames.
    """
    inputs: dict[str, Any] = {}
    codes: dict[str, Any] = {}
    next_kernel = _kernels(config.seed)
    if name == "audio_recurrent":
        inputs[FRAMES] = keras.Input((None, FEATURES), name=FRAMES)
        codes["audio"] = _recurrent_branch(inputs[FRAMES], config, scales, next_kernel)
    elif name != "image":
        inputs["audio_features"] = keras.Input((FEATURES,), name="audio_features")
        codes["audio"] = _audio_branch(inputs["audio_features"], config, scales, dtype, next_kernel)
    if name in ("emodal", "image"):
        inputs["images"] = keras.Input(images, name="images", dtype="uint8")
        codes["image"] = _image_branch(inputs["images"], config, scales, dtype, next_kernel)
    heads = dict(codes)
    if name == "emodal":
        heads["both"] = keras.layers.Concatenate(name="both_codes", dtype="float32")(list(codes.values()))
    outputs = {
        head: keras.layers.Dense(
            classes,
            kernel_initializer=next_kernel(),
            kernel_regularizer=keras.regularizers.L2(config.head_l2),
            name=f"{head}_logits",
            dtype="float32",
        )(code)
        for head, code in (heads.items() if classes else ())
    }
    for head, code in heads.items() if scales.target_mean else ():
        values = keras.layers.Dense(
            len(scales.target_mean),
            kernel_initializer=next_kernel(),
            kernel_regularizer=keras.regularizers.L2(config.head_l2),
            name=f"{head}_regression",
            dtype="float32",
        )(code)
        outputs[f"{head}_values"] = keras.layers.Rescaling(
            scales.target_std, offset=scales.target_mean, name=f"{head}_values", dtype="float32"
        )(values)
    if name == "emodal":
        outputs |= {f"{modality}_code": code for modality, code in codes.items()}
    network = keras.Model(inputs, outputs, name=name)
    if "audio_features" in inputs and scales.decorrelation:
        whitening = [scales.decorrelation.matrix, scales.decorrelation.offset]
        network.get_layer("audio_decorrelated").set_weights(whitening)
    return network


def head_layers(network: Any) -> list[Any]:
    """The layers of the heads, without the branches."""
    return [layer for layer in network.layers if layer.name.endswith(("_logits", "_regression"))]


def _kernels(seed: int) -> NextKernel:
    """Initializers of a network's kernels, by the seed alone.

    Keras would take their seeds from the generator of the whole process, and Prefect's threads draw from it too.
    """
    seeds = random.Random(seed)
    return lambda: keras.initializers.GlorotUniform(seed=seeds.randint(1, 10**9))


def _audio_branch(
    audio: Any, config: ModelConfig, scales: Normalisation, dtype: str, next_kernel: NextKernel
) -> Any:
    """Dense 128, 64, 10 on the 68 features."""
    x = _decorrelated(_standardised(audio, scales), scales, next_kernel)
    decay = keras.regularizers.L2(config.audio_l2)
    for width in (128, 64):
        x = keras.layers.Dense(
            width,
            activation="relu",
            kernel_initializer=next_kernel(),
            kernel_regularizer=decay,
            name=f"audio_dense_{width}",
            dtype=dtype,
        )(x)
    x = keras.layers.Dropout(config.dropout, seed=config.seed, name="audio_dropout", dtype=dtype)(x)
    return _code(config, next_kernel, "audio_code")(x)


def _code(config: ModelConfig, next_kernel: NextKernel, name: str) -> Any:
    return keras.layers.Dense(config.features, kernel_initializer=next_kernel(), name=name, dtype="float32")


def _recurrent_branch(
    frames: Any, config: ModelConfig, scales: Normalisation, next_kernel: NextKernel
) -> Any:
    """A bidirectional recurrent layer (GRU) over the frames; the mean of its states; dense 10.

    In float32: over hundreds of steps the rounding errors of bfloat16 add up.
    """
    is_frame = keras.ops.any(keras.ops.not_equal(frames, 0.0), axis=-1)
    one_way, other_way = (
        keras.layers.GRU(
            config.recurrent_units,
            return_sequences=True,
            go_backwards=name.endswith("backwards"),
            kernel_initializer=next_kernel(),
            recurrent_initializer=keras.initializers.Orthogonal(seed=next_kernel().seed),
            kernel_regularizer=keras.regularizers.L2(config.recurrent_l2),
            name=name,
            dtype="float32",
        )
        for name in ("audio_recurrent", "audio_recurrent_backwards")
    )
    # A new speaker or microphone has outliers in some features; clipped, they do not dominate the others.
    clipped = keras.ops.clip(_standardised(frames, scales), -CLIP, CLIP)
    both_ways = keras.layers.Bidirectional(
        one_way, backward_layer=other_way, name="audio_both_ways", dtype="float32"
    )
    states = both_ways(clipped, mask=is_frame)
    x = keras.layers.GlobalAveragePooling1D(name="audio_mean", dtype="float32")(states, mask=is_frame)
    x = keras.layers.Dropout(config.dropout, seed=config.seed, name="audio_dropout", dtype="float32")(x)
    return _code(config, next_kernel, "audio_code")(x)


def _standardised(audio: Any, scales: Normalisation) -> Any:
    """The 68 numbers of a clip, or of each frame, standardised."""
    # Rescaling with a list for each feature: unlike Normalization, it is exported to ONNX as constants.
    mean, std = np.asarray(scales.audio_mean), np.asarray(scales.audio_std)
    return keras.layers.Rescaling(
        list(1.0 / std), offset=list(-mean / std), name="audio_standardised", dtype="float32"
    )(audio)


def _decorrelated(x: Any, scales: Normalisation, next_kernel: NextKernel) -> Any:
    """Yeo-Johnson transform and ZCA whitening of standardised features, as Decorrelation computes them, in layers."""
    fitted = scales.decorrelation
    assert fitted is not None, "frames have a branch of their own"

    def scaled(value: Any, by: np.ndarray, name: str, offset: np.ndarray | float = 0.0) -> Any:
        offsets = np.broadcast_to(offset, by.shape).tolist()
        return keras.layers.Rescaling(by.tolist(), offset=offsets, name=name, dtype="float32")(value)

    up, down = fitted.powers, 2.0 - fitted.powers
    above = scaled(keras.ops.log(1.0 + keras.ops.relu(x)), up, "audio_above")
    below = scaled(keras.ops.log(1.0 + keras.ops.relu(-x)), down, "audio_below")
    offset = (1.0 / down - 1.0 / up - fitted.mean) / fitted.std
    above = scaled(keras.ops.exp(above), 1.0 / (up * fitted.std), "audio_above_grown", offset)
    below = scaled(keras.ops.exp(below), 1.0 / (down * fitted.std), "audio_below_grown")
    whitening = keras.layers.Dense(
        FEATURES,
        kernel_initializer=next_kernel(),
        trainable=False,
        name="audio_decorrelated",
        dtype="float32",
    )
    # A new speaker or microphone has outliers in some features; clipped, they do not dominate the others.
    return keras.ops.clip(whitening(keras.ops.clip(above - below, -CLIP, CLIP)), -CLIP, CLIP)


def _image_branch(
    images: Any, config: ModelConfig, scales: Normalisation, dtype: str, next_kernel: NextKernel
) -> Any:
    """Three 3x3 convolutions, each with max pooling; flatten; dense; dropout; dense 10. Of several frames, the mean."""
    gain = 1.0 / scales.pixel_std
    frames = frames_in(images.shape[1:])
    planes = (IMAGE_SIZE, IMAGE_SIZE, 3 if has_colours(images.shape) else 1)
    if frames == 1:
        x = keras.layers.Reshape(planes, name="image_plane", dtype="float32")(images)
    else:  # each frame is a picture of its own, up to the mean of the codes
        pixels = keras.ops.cast(images, "float32")
        x = keras.ops.reshape(pixels, (-1, *planes))
    x = keras.layers.Rescaling(gain, -scales.pixel_mean * gain, name="image_standardised", dtype=dtype)(x)
    for number, filters in enumerate(config.filters, start=1):
        x = keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            kernel_initializer=next_kernel(),
            name=f"image_conv_{number}",
            dtype=dtype,
        )(x)
        x = keras.layers.MaxPooling2D(2, name=f"image_pool_{number}", dtype=dtype)(x)
        # After the pooling: the result is the same, and a quarter as many values are rectified.
        x = keras.layers.ReLU(name=f"image_relu_{number}", dtype=dtype)(x)
    x = keras.layers.Flatten(name="image_flat", dtype=dtype)(x)
    decay = keras.regularizers.L2(config.image_l2)
    x = keras.layers.Dense(
        config.image_dense,
        activation="relu",
        kernel_initializer=next_kernel(),
        kernel_regularizer=decay,
        name="image_dense",
        dtype=dtype,
    )(x)
    x = keras.layers.Dropout(config.dropout, seed=config.seed, name="image_dropout", dtype=dtype)(x)
    code = _code(config, next_kernel, "image_code")(x)
    if frames == 1:
        return code
    is_frame = keras.ops.sign(
        keras.ops.max(keras.ops.reshape(pixels, (-1, frames, math.prod(planes))), axis=2)
    )
    is_frame = is_frame[:, :, None]
    codes = keras.ops.reshape(code, (-1, frames, config.features)) * is_frame
    return keras.ops.sum(codes, axis=1) / keras.ops.maximum(keras.ops.sum(is_frame, axis=1), 1.0)


def with_probabilities(members: Sequence[tuple[Any, dict[str, float]]]) -> Any:
    """The network to save: logits divided by each head's temperature, their mean over the members, then softmax.

    members: networks of one name, each with its temperatures. The codes are those of the first member, because the
    axes of the members' codes are not the same. Values of targets are means over the members.
    """
    first, heads = members[0]
    inputs, answers = first.input, [first.output]
    if len(members) > 1:
        inputs = {name: keras.Input(i.shape[1:], name=name, dtype=i.dtype) for name, i in first.input.items()}
        answers = [
            keras.Model(network.input, network.output, name=f"{first.name}_{number}")(inputs)
            for number, (network, _) in enumerate(members, start=1)
        ]
    outputs = {name: output for name, output in answers[0].items() if name not in heads}
    for name in [name for name in outputs if name.endswith("_values")] if len(members) > 1 else ():
        values = [answer[name] for answer in answers]
        outputs[name] = keras.layers.Average(name=f"{name}_mean", dtype="float32")(values)
    for head in heads:
        logits = [
            keras.layers.Rescaling(1.0 / temperatures[head], name=f"{head}_tempered_{number}")(answer[head])
            for number, (answer, (_, temperatures)) in enumerate(zip(answers, members, strict=True), start=1)
        ]
        mean = (
            keras.layers.Average(name=f"{head}_mean", dtype="float32")(logits)
            if len(logits) > 1
            else logits[0]
        )
        outputs[head] = keras.layers.Softmax(name=f"{head}_probabilities", dtype="float32")(mean)
    return keras.Model(inputs, outputs, name=first.name)
