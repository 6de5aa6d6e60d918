"""A network under training, with its compiled optimizer steps; later trainings of the same architecture reuse both.

To trace a step and to optimize its graph costs as much as some hundred steps of a small training. An ensemble, folds,
seeds and most points of a sweep train one architecture many times.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from emodal_model.core.backend import choose_precision, keras, tf
from emodal_model.core.config import ModelConfig
from emodal_model.data.contract import FEATURES, FRAMES, IMAGE_SIZE
from emodal_model.losses import total_loss
from emodal_model.network.build import NetworkName, Normalisation, build_network, head_layers
from emodal_model.network.forward import inputs_of
from emodal_model.training.adam import Adam

#: Settings on which neither a network nor the graph of a step depends.
_NOT_IN_GRAPHS = {
    "name", "input", "targets", "epochs", "patience", "min_steps", "warm_up_epochs", "batch_size", "learning_rate",
    "validation_fraction", "seed", "seeds", "members", "fold", "vary_pictures", "memory_mb",
}  # fmt: skip
#: Idle trainees that are kept, as a run has networks; each holds the weights and the moments of its network.
_MOST_IDLE = 4

_idle: dict[tuple[Any, ...], "Trainee"] = {}
_lock = threading.Lock()


class Trainee:
    """A network in the precision of its training. What differs between trainings is in variables of its graphs."""

    def __init__(
        self,
        name: NetworkName,
        config: ModelConfig,
        scales: Normalisation,
        classes: int,
        images: tuple[int, ...],
    ) -> None:
        self.network = build_network(
            name, config, scales, classes, choose_precision(config.precision), images
        )
        for layer in _scaled(self.network):
            layer.scale, layer.offset = (
                tf.Variable(np.asarray(value, np.float32), trainable=False)
                for value in (layer.scale, layer.offset)
            )
        self._images = images
        self._class_weights = tf.Variable(tf.zeros(classes), trainable=False)
        self._target_std = tf.Variable(tf.ones(len(scales.target_std)), trainable=False)
        self._steps: dict[tuple[Any, ...], tuple[Callable[..., Any], Adam]] = {}

    def begin(self, like: Any, class_weights: np.ndarray, target_std: Sequence[float]) -> None:
        """Take over the weights and the normalisation of another network of this architecture.

        class_weights: (classes,) float32. target_std: of each target.
        """
        self.network.set_weights(like.get_weights())
        for own, other in zip(_scaled(self.network), _scaled(like), strict=True):
            own.scale.assign(np.asarray(other.scale, np.float32))
            own.offset.assign(np.asarray(other.offset, np.float32))
        self._class_weights.assign(class_weights)
        self._target_std.assign(target_std)

    def step(
        self, config: ModelConfig, only_heads: bool = False, is_partial: bool = False
    ) -> tuple[Callable[..., Any], Adam]:
        """The compiled step of a stage with these settings, see make_step, and its optimizer, reset.

        only_heads: the branches are not trained.
        """
        key = _in_graphs(config), only_heads, is_partial
        if key not in self._steps:
            layers = head_layers(self.network) if only_heads else [self.network]
            optimizer = Adam([variable for layer in layers for variable in layer.trainable_variables])
            target_std = self._target_std if self._target_std.shape[0] else None
            step = make_step(
                *(self.network, optimizer, self._class_weights, config, is_partial, target_std, self._images)
            )
            self._steps[key] = step, optimizer
        step, optimizer = self._steps[key]
        for variable in optimizer.state:
            variable.assign(tf.zeros_like(variable))
        return step, optimizer


def take_trainee(
    name: NetworkName, config: ModelConfig, scales: Normalisation, classes: int, images: tuple[int, ...]
) -> tuple[Trainee, Callable[[], None]]:
    """A trainee for a network that build_network makes of these arguments, and what gives it back for later ones."""
    key = name, classes, len(scales.target_std), images, _in_graphs(config)
    with _lock:
        trainee = _idle.pop(key, None)
    trainee = trainee or Trainee(name, config, scales, classes, images)

    def give_back() -> None:
        with _lock:
            _idle[key] = trainee
            while len(_idle) > _MOST_IDLE:
                _idle.pop(next(iter(_idle)))

    return trainee, give_back


def make_step(
    network: Any,
    optimizer: Adam,
    class_weights: Any,
    config: ModelConfig,
    is_partial: bool = False,
    target_std: Any = None,
    image_shape: tuple[int, ...] = (IMAGE_SIZE, IMAGE_SIZE),
) -> Callable[..., Any]:
    """One optimizer step as a compiled function of (images, audio_features, labels) that returns the loss.

    A batch may have any size. optimizer: of the variables to train.
    is_partial: some samples lack a modality; the step then has a fourth argument, present, as in losses.total_loss.
    target_std: (t,) standard deviations of the targets; the step then has a fifth argument, targets.
    image_shape: of the images of a sample.
    """
    sound = (None, None, FEATURES) if FRAMES in network.input else (None, FEATURES)

    signature = [
        tf.TensorSpec((None, *image_shape), tf.uint8),
        tf.TensorSpec(sound, tf.float32),
        tf.TensorSpec((None,), tf.int64),
    ]
    if is_partial:
        signature.append(tf.TensorSpec((None, 2), tf.bool))
    if target_std is not None:
        signature.append(tf.TensorSpec((None, target_std.shape[0]), tf.float32))

    # Nothing in it branches on tensors, and converted code would be left in the folder of temporary files.
    @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator]
    def step(images: Any, audio: Any, labels: Any, present: Any = None, targets: Any = None) -> Any:
        with tf.GradientTape() as tape:
            outputs = network(inputs_of(network, images, audio), training=True)
            losses = total_loss(outputs, labels, class_weights, config, present, targets, target_std)
            loss = losses + tf.add_n(network.losses)
        optimizer.apply(tape.gradient(loss, optimizer.trained))
        return loss

    return cast(Callable[..., Any], step)


def _in_graphs(config: ModelConfig) -> str:
    return config.model_dump_json(exclude=_NOT_IN_GRAPHS)


def _scaled(network: Any) -> list[Any]:
    """The layers that hold a network's normalisation."""
    return [layer for layer in network.layers if isinstance(layer, keras.layers.Rescaling)]
