"""The training loop of one network: samples in, a trained network out. The checkpoint is the only file.

Weights are averaged over the last epochs, because the average generalises better than the weights of one epoch.
Shuffling, dropout and image augmentation are seeded by (seed, stage, epoch), so a repeated epoch gives the same result.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from emodal_model.core.backend import repeatable
from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelWorkError
from emodal_model.data.contract import IMAGE_SIZE
from emodal_model.data.image_augmentation import augmented, draw_augmentations
from emodal_model.data.samples import Samples, batches
from emodal_model.evaluation.scores import best_temperature, cross_entropy, softmax
from emodal_model.losses import h_score, squared_error
from emodal_model.network.build import NetworkName, build_network, normalisation_of
from emodal_model.network.forward import answers_of, outputs_of
from emodal_model.training.checkpoint import Checkpoint, CheckpointFile
from emodal_model.training.stages import Stage, StageName, learning_rate, stages_of
from emodal_model.training.trainee import take_trainee

#: Largest ratio of the weights of two classes.
MOST_WEIGHT = 20
#: Number of epochs, about, over which the weights are averaged.
AVERAGED_EPOCHS = 5


@dataclass(frozen=True)
class Epoch:
    """One epoch of one network, as metrics.json and the checkpoint hold it; epochs are counted within their stage.

    validation_loss: calibrated cross-entropy in nats, plus the squared error of standardised targets; in the stage
    "common", minus the H-score of validation pairs.
    Both validation values are None without validation samples, the accuracy also without classes.
    """

    network: str
    stage: StageName
    epoch: int
    epochs: int
    train_loss: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    is_best: bool


@dataclass(frozen=True)
class EpochReport(Epoch):
    """An epoch with the training it belongs to.

    member: 1 to members, of an ensemble. seed, fold: of the settings; fold is None if the network is
    tested on the test split. training: 1 to trainings, of all that the run does one after the other.
    """

    member: int
    members: int
    seed: int
    fold: int | None
    training: int
    trainings: int

    @property
    def title(self) -> str:
        """The training for people, such as "audio" or "audio 2 of 5"."""
        return self.network if self.members == 1 else f"{self.network} {self.member} of {self.members}"


@dataclass(frozen=True)
class Fitted:
    """A trained network (logits) with the weights of its best epoch, and its epochs.

    warm_up: the epochs of the stages before the last. history, best_epoch, first_candidate: of the last stage; epochs
    before first_candidate could not be the best.
    """

    network: Any
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    seconds: float = 0.0
    warm_up: list[Epoch] = field(default_factory=list)
    first_candidate: int = 1


def fit(
    name: NetworkName,
    train: Samples,
    validation: Samples,
    config: ModelConfig,
    checkpoint: CheckpointFile | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Fitted:
    """Train one network until its validation loss has not improved for config.patience epochs.

    train: labelled and unlabelled samples. validation: labelled originals of other groups; if there are none, every
    epoch is trained and the last weights are kept. Raises ModelWorkError if the loss is no longer finite.
    """
    started_s = time.monotonic()
    repeatable(config.seed)
    scales = normalisation_of(train)
    classes = len(train.classes)
    images = train.images.shape[1:]
    # In float32: the answers are the same on machines without bfloat16, and every export format can hold it.
    kept = build_network(name, config, scales, classes, images=images)
    trainee, give_back = take_trainee(name, config, scales, classes, images)
    trainee.begin(kept, balanced_weights(train.labels, classes), scales.target_std)
    network = trainee.network
    varies = bool(config.vary_pictures) and "images" in network.input
    present = np.stack([train.has_audio, train.has_image], axis=1)
    has_targets = len(train.target_names) > 0
    is_partial = has_targets or (name == "emodal" and not present.all())
    target_std = np.asarray(scales.target_std, np.float32) if has_targets else None
    state = checkpoint.read() if checkpoint else None
    history = [Epoch(**report) for report in state.history] if state else []
    stages = stages_of(name, train.labels, train.originals, config)
    for number, stage in enumerate(stages):
        done = [report for report in history if report.stage == stage.name]
        if done and history[-1].stage != stage.name:
            continue  # the run resumes in a later stage
        step, optimizer = trainee.step(stage.config, stage.name == "heads", is_partial)
        averaged = best_weights = network.get_weights()
        if state and done:
            averaged, best_weights = state.averaged, state.best_weights
            network.set_weights(state.weights)
            for variable, value in zip(optimizer.state, state.adam, strict=True):
                variable.assign(value)
        best_epoch = max((report.epoch for report in done if report.is_best), default=0)
        # A warm-up without a positive H-score on validation pairs is not kept.
        best_loss = 0.0 if stage.name == "common" else None
        best_loss = done[best_epoch - 1].validation_loss if best_epoch else best_loss
        first_candidate = _first_candidate(stage, config, warmed_up=number > 0)
        validates = len(validation) > 0 and stage.name != "heads"
        for epoch in range(len(done) + 1, stage.epochs + 1):
            if _is_over(stage, epoch - 1, best_epoch if validates else 0):
                break
            seed = (config.seed, number, epoch)
            _seed_dropout(network, seed)
            rate = learning_rate(stage, epoch)
            optimizer.learning_rate.assign(rate)
            images_at = _images_of(stage, train, seed if varies else None)
            losses = [
                step(
                    images_at(places),
                    train.audio_features[rows],
                    train.labels[rows],
                    *([present[rows]] if is_partial else []),
                    *([train.targets[rows]] if has_targets else []),
                )
                for places, rows in (
                    (places, stage.rows[places])
                    for places in batches(len(stage.rows), stage.config.batch_size, seed)
                )
            ]
            train_loss = float(np.mean(losses))
            if not np.isfinite(train_loss):
                raise ModelWorkError(
                    f"{name}: the loss is not finite in epoch {epoch}; lower model.learning_rate"
                )
            weights = network.get_weights()
            share = 1.0 / min(epoch, AVERAGED_EPOCHS)
            averaged = [old + share * (new - old) for old, new in zip(averaged, weights, strict=True)]
            loss = accuracy = None
            if validates:
                network.set_weights(averaged)
                loss, accuracy = _validate(network, stage, name, validation, target_std)
                network.set_weights(weights)
            is_best = loss is None or (epoch >= first_candidate and (best_loss is None or loss < best_loss))
            if is_best:
                best_epoch, best_loss, best_weights = epoch, loss, averaged
            report = Epoch(name, stage.name, epoch, stage.epochs, train_loss, loss, accuracy, rate, is_best)
            history.append(report)
            # The last epoch is written too: if the run is killed in another network, this one is not repeated.
            if checkpoint and (checkpoint.is_due() or _is_over(stage, epoch, best_epoch if validates else 0)):
                adam = [variable.numpy() for variable in optimizer.state]
                reports = [asdict(report) for report in history]
                checkpoint.write(Checkpoint(weights, adam, averaged, best_weights, reports))
            if on_epoch:
                on_epoch(report)
        network.set_weights(best_weights)

    give_back()
    kept.set_weights(best_weights)
    last = [report for report in history if report.stage == "all"]
    warm_up = [report for report in history if report.stage != "all"]
    return Fitted(kept, last, best_epoch, time.monotonic() - started_s, warm_up, first_candidate)


def _images_of(
    stage: Stage, train: Samples, seed: tuple[int, ...] | None
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from places of a pass to its images. seed: of their augmentation; None: they are not augmented."""
    if seed is None:
        return lambda places: train.images[stage.rows[places]]
    augmentations = draw_augmentations(len(stage.rows), IMAGE_SIZE, seed)
    return lambda places: augmented(train.images[stage.rows[places]], augmentations, places)


def _is_over(stage: Stage, done: int, best_epoch: int) -> bool:
    """Whether a stage ends after `done` epochs. best_epoch: 0 where there is none, and so no early stopping."""
    return done >= stage.epochs or (best_epoch > 0 and done - best_epoch >= stage.config.patience)


def _first_candidate(stage: Stage, config: ModelConfig, warmed_up: bool) -> int:
    """The first epoch that may be the best one.

    On a hundred clips an epoch has two steps, and a good validation score after so few steps is chance.
    """
    if stage.name == "common" or warmed_up:
        return 1
    return min(-(-config.min_steps // stage.steps), stage.epochs)


def _validate(
    network: Any, stage: Stage, name: NetworkName, validation: Samples, target_std: np.ndarray | None
) -> tuple[float, float | None]:
    """Validation loss of an epoch, and the accuracy if the stage trains on classes."""
    outputs = outputs_of(network, validation.images, validation.audio_features)
    if stage.name == "common":
        pairs = validation.having("both")
        return -float(h_score(outputs["audio_code"][pairs], outputs["image_code"][pairs])), None
    loss = 0.0
    if target_std is not None:
        values = answers_of(name, outputs, validation, "_values")
        error = squared_error(values, validation.targets, target_std)
        loss = stage.config.target_weight * float(error)
    if not validation.classes:
        return loss, None
    logits = answers_of(name, outputs, validation)
    # Calibrated, as the network will be used. On unseen speakers the network becomes overconfident long before its
    # accuracy falls, and the uncalibrated cross-entropy would stop training then.
    temperature = best_temperature(logits, validation.labels)
    loss += cross_entropy(softmax(logits / temperature), validation.labels)
    return loss, float((logits.argmax(axis=1) == validation.labels).mean())


def balanced_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """(classes,) float32 class weights that give each class the same sum; 0 for a class without samples.

    No class weighs more than MOST_WEIGHT times the largest one: three clips cannot outvote thousands.
    """
    counts = np.bincount(labels[labels >= 0], minlength=classes)[:classes]  # labels are 0 without classes
    present = counts > 0
    counted = np.maximum(counts, np.max(counts, initial=0) / MOST_WEIGHT)
    return np.where(present, counts.sum() / (present.sum() * np.maximum(counted, 1)), 0.0).astype(np.float32)


def _seed_dropout(network: Any, seed: tuple[int, ...]) -> None:
    """Seed dropout by (seed, stage, epoch, layer), so that it does not depend on earlier epochs."""
    for number, layer in enumerate(network.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            state = np.random.SeedSequence((*seed, number)).generate_state(2)
            generator.state.assign(state.astype("uint32"))
