"""The training loop of one network: samples in, trained network out. No files but the checkpoint.

Every draw (shuffling, dropout) is seeded by (seed, epoch), so an epoch done again gives the same weights.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import numpy as np

from emodal_model.backend import choose_precision, keras, repeatable, tf
from emodal_model.checkpoint import Checkpoint, CheckpointFile
from emodal_model.config import ModelConfig
from emodal_model.errors import ModelWorkError
from emodal_model.input import FEATURES, IMAGE_SIZE, LABELS, Samples, batches
from emodal_model.losses import total_loss
from emodal_model.network import MAIN_HEAD, NetworkName, build_network, normalisation_of
from emodal_model.scores import best_temperature, cross_entropy, softmax


@dataclass(frozen=True)
class EpochReport:
    """One epoch of one network. Losses in nats; None where there is no validation side."""

    network: str
    epoch: int
    epochs: int
    train_loss: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    is_best: bool


@dataclass(frozen=True)
class Fitted:
    """A trained network (logits), with the weights of its best epoch, and how it got there."""

    network: Any
    history: list[EpochReport] = field(default_factory=list)
    best_epoch: int = 0
    seconds: float = 0.0


def fit(
    name: NetworkName,
    train: Samples,
    validation: Samples,
    config: ModelConfig,
    checkpoint: CheckpointFile | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> Fitted:
    """Train one network until its validation cross-entropy has not improved for config.patience epochs.

    train: labelled and unlabelled samples; validation: labelled originals of other groups, or none, and then
    every epoch is done and the last weights kept. Raises ModelWorkError if the loss is no longer finite.
    """
    started_s = time.monotonic()
    repeatable(config.seed)
    head = MAIN_HEAD[name]
    scales = normalisation_of(train)
    network = build_network(name, config, scales, choose_precision(config.precision))
    optimizer = keras.optimizers.Adam(config.learning_rate)
    optimizer.build(network.trainable_variables)
    class_weights = tf.constant(balanced_weights(train.labels))

    step = make_step(network, optimizer, class_weights, config)

    rows = rows_of_a_pass(train.labels)
    state = checkpoint.read() if checkpoint else None
    history = [EpochReport(**report) for report in state.history] if state else []
    best_weights = state.best_weights if state else network.get_weights()
    if state:
        network.set_weights(state.weights)
        for variable, value in zip(optimizer.variables, state.optimizer, strict=True):
            variable.assign(value)
    best_epoch = max((report.epoch for report in history if report.is_best), default=0)
    best_loss = history[best_epoch - 1].validation_loss if best_epoch else None

    # On a hundred clips an epoch is two steps: a lucky validation score then says nothing about training.
    steps = -(-len(rows) // config.batch_size)
    first_judged = min(-(-config.min_steps // steps), config.epochs)
    for epoch in range(len(history) + 1, config.epochs + 1):
        if len(validation) and best_epoch and epoch - 1 - best_epoch >= config.patience:
            break
        _seed_dropout(network, config.seed, epoch)
        optimizer.learning_rate = learning_rate(config, epoch)
        losses = [
            step(train.images[rows[chosen]], train.audio_features[rows[chosen]], train.labels[rows[chosen]])
            for chosen in batches(len(rows), config.batch_size, (config.seed, epoch))
        ]
        train_loss = float(np.mean(losses))
        if not np.isfinite(train_loss):
            raise ModelWorkError(
                f"{name}: the loss is not finite in epoch {epoch}; lower model.learning_rate"
            )

        loss = accuracy = None
        if len(validation):
            logits = outputs_of(network, validation.images, validation.audio_features)[head]
            # After calibration, as the network will be used: on unseen speakers it gets overconfident
            # long before it gets worse, and the raw cross-entropy would stop it then.
            temperature = best_temperature(logits, validation.labels)
            loss = cross_entropy(softmax(logits / temperature), validation.labels)
            accuracy = float((logits.argmax(axis=1) == validation.labels).mean())
        is_best = loss is None or (epoch >= first_judged and (best_loss is None or loss < best_loss))
        if is_best:
            best_epoch, best_loss, best_weights = epoch, loss, network.get_weights()
        report = EpochReport(
            name, epoch, config.epochs, train_loss, loss, accuracy, learning_rate(config, epoch), is_best
        )
        history.append(report)
        if checkpoint and checkpoint.is_due():
            moments = [variable.numpy() for variable in optimizer.variables]
            reports = [asdict(report) for report in history]
            checkpoint.write(Checkpoint(network.get_weights(), moments, best_weights, reports))
        if on_epoch:
            on_epoch(report)

    # Kept in float32: it answers the same on machines without bfloat16, and exports anywhere.
    kept = build_network(name, config, scales)
    kept.set_weights(best_weights)
    return Fitted(kept, history, best_epoch, time.monotonic() - started_s)


def make_step(network: Any, optimizer: Any, class_weights: Any, config: ModelConfig) -> Callable[..., Any]:
    """One step of gradient descent as a compiled function of (images, audio_features, labels); returns the loss.

    A batch may have any size. optimizer: already built for the network's variables.
    """

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[
            tf.TensorSpec((None, IMAGE_SIZE, IMAGE_SIZE), tf.uint8),
            tf.TensorSpec((None, FEATURES), tf.float32),
            tf.TensorSpec((None,), tf.int64),
        ]
    )
    def step(images: Any, audio: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs = network(_inputs(network, images, audio), training=True)
            loss = total_loss(outputs, labels, class_weights, config) + tf.add_n(network.losses)
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    return cast(Callable[..., Any], step)


def learning_rate(config: ModelConfig, epoch: int) -> float:
    """Half a cosine from config.learning_rate in epoch 1 to a tenth of it in the last."""
    done = (epoch - 1) / max(config.epochs - 1, 1)
    return config.learning_rate * (0.1 + 0.9 * 0.5 * (1.0 + float(np.cos(np.pi * done))))


def outputs_of(
    network: Any, images: np.ndarray, audio_features: np.ndarray, batch_size: int = 256
) -> dict[str, np.ndarray]:
    """Every output of the network for every sample, in order: (n, ...) float32 per output name."""
    if len(images) == 0:  # convolutions refuse an empty batch
        dummy = np.zeros((1, IMAGE_SIZE, IMAGE_SIZE), np.uint8), np.zeros((1, FEATURES), np.float32)
        return {name: value[:0] for name, value in outputs_of(network, *dummy).items()}
    parts = []
    for start in range(0, len(images), batch_size):
        rows = slice(start, start + batch_size)
        inputs = _inputs(network, images[rows], audio_features[rows])
        parts.append({name: np.asarray(value) for name, value in network(inputs, training=False).items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _inputs(network: Any, images: Any, audio: Any) -> dict[str, Any]:
    """What this network asks for, by input name."""
    given = {"images": images, "audio_features": audio}
    return {name: given[name] for name in network.input}


def rows_of_a_pass(labels: np.ndarray) -> np.ndarray:
    """Indices of the samples of one pass: all of them, labelled ones repeated to a quarter of it at least.

    Among thousands of unlabelled clips a batch would hold two or three labels, and their gradient be noise.
    """
    labelled, unlabelled = np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0)
    times = max(1, -(-len(unlabelled) // (3 * max(len(labelled), 1))))
    return np.concatenate([np.tile(labelled, times), unlabelled])


def balanced_weights(labels: np.ndarray) -> np.ndarray:
    """(classes,) float32: rare classes count more, so that each class has the same sum; absent ones 0."""
    counts = np.bincount(labels[labels >= 0], minlength=len(LABELS))
    present = counts > 0
    return np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 0.0).astype(np.float32)


def _seed_dropout(network: Any, seed: int, epoch: int) -> None:
    """Dropout draws of this epoch depend on (seed, epoch, layer), not on how many draws came before."""
    for number, layer in enumerate(network.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            state = np.random.SeedSequence((seed, epoch, number)).generate_state(2)
            generator.state.assign(state.astype("uint32"))
