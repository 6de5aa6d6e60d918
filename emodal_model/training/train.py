"""A training run from top to bottom: a dataset in; networks, metrics, report and logs out, in one folder.

OUT/emodal.keras (audio.keras, image.keras), metrics.json, report/index.html, logs/<network>/ for TensorBoard.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.core.backend import tf
from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError, ModelWorkError
from emodal_model.core.files import write_json
from emodal_model.core.versions import versions
from emodal_model.data.contract import NO_FRAMES
from emodal_model.data.samples import (
    Samples,
    dataset_hash,
    has_frames,
    images_mb,
    join,
    read_folds,
    read_manifest,
    read_samples,
)
from emodal_model.evaluation.baselines import baseline_probabilities
from emodal_model.evaluation.evaluate import evaluate_on, labelled_originals
from emodal_model.evaluation.scores import best_temperature, score, softmax
from emodal_model.inference.metadata import about_model
from emodal_model.inference.predictor import Predictor, load, save
from emodal_model.network.build import MAIN_HEAD, NetworkName, with_probabilities
from emodal_model.network.forward import outputs_of
from emodal_model.report.describe import describe_run
from emodal_model.training.checkpoint import CheckpointFile
from emodal_model.training.ensemble import Member, members_of
from emodal_model.training.head_fusion import calibrate_head_weights
from emodal_model.training.identity import finished, git_revision, identity
from emodal_model.training.loop import Epoch, EpochReport, Fitted, fit


def train(
    dataset: Path,
    out: Path,
    config: ModelConfig,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> dict[str, Any]:
    """Train the networks of config.name on a dataset folder, write them to `out`, and return the metrics.

    A run that was killed resumes; a finished run with the same data and settings is not repeated.
    Raises ModelInputError if the dataset is missing, empty, of one class or without a leakage check, or if `out`
    cannot be written; ModelWorkError if training fails.
    """
    dataset, out = Path(dataset), Path(out)
    done = finished(dataset, out, config)
    if done is not None:
        return done
    manifest = read_manifest(dataset)
    if "leak_proof" not in manifest:
        raise ModelInputError(
            f"{dataset}: no leakage check (leak_proof) in manifest.json; build the dataset with emodal build"
        )
    data_hash = dataset_hash(dataset)
    run = identity(data_hash, config)
    spill = out if images_mb(dataset) > config.memory_mb else None
    if spill:
        _make_folder(out)
    names, left_out = _names(config, dataset)
    with_frames = "audio_recurrent" in names
    samples, test = _training_and_test_samples(dataset, config.fold, spill, with_frames)
    _refuse_useless(samples, dataset)
    members = members_of(samples, _hold_out_by(manifest), config)
    _make_folder(out / "logs")

    networks: list[Predictor] = []
    training: dict[str, Any] = {}
    for name in names:
        trained: list[tuple[Any, dict[str, float]]] = []
        summaries: list[dict[str, Any]] = []
        for number, member in enumerate(members, start=1):
            checkpoint = CheckpointFile(out / f".{name}-{number}.checkpoint.npz", run)
            report = _reporter(out / "logs", name, number, len(members), config, on_epoch)
            network, summary = train_member(name, member, samples, checkpoint, report)
            trained.append((network, summary["temperatures"]))
            summaries.append(summary)
        about = about_model(dataset, data_hash, config, by_frames=name == "audio_recurrent")
        save(with_probabilities(trained), about | {"members": len(members)}, out / f"{name}.keras")
        networks.append(load(out / f"{name}.keras"))
        training[name] = summaries[0] | {"other_members": summaries[1:]}

    fit_side, validation = (samples.take(side) for side in (members[0].held.fit, members[0].held.validation))
    labelled = fit_side.take(fit_side.labels >= 0)
    baselines = baseline_probabilities(labelled, validation, test) if config.name == "all" else {}
    metrics = {
        "run": run,
        **evaluate_on(networks, test, baselines, left_out).as_dict(),
        "training": training,
        "dataset": {"path": str(dataset), "hash": data_hash}
        | _counts(
            fit=labelled, unlabelled=fit_side.take(fit_side.labels < 0), validation=validation, test=test
        ),
        "validation": _validation(members),
        "config": config.model_dump(mode="json"),
        "versions": versions(),
        "git_revision": git_revision(),
    }
    describe_run(out, dataset, metrics, networks[-1], test)
    # Written last: a folder with metrics.json holds a finished run.
    write_json(out / "metrics.json", metrics)
    for checkpoint_file in out.glob(".*.checkpoint.npz"):
        checkpoint_file.unlink()
    return metrics


def describe_again(dataset: Path, out: Path, config: ModelConfig, metrics: dict[str, Any]) -> None:
    """Rewrite the report and card of a finished training, after its metrics got the results of other trainings.

    Raises ModelInputError if dataset or model cannot be read, ModelWorkError if a file cannot be written.
    """
    spill = out if images_mb(dataset) > config.memory_mb else None
    network = load(out)
    describe_run(
        out, dataset, metrics, network, _test_samples(dataset, config.fold, spill, network.uses_frames)
    )


def train_member(
    name: NetworkName,
    member: Member,
    samples: Samples,
    checkpoint: CheckpointFile | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> tuple[Any, dict[str, Any]]:
    """One training of one network: the network (logits), and its entry in metrics.json.

    samples: those given to ensemble.members_of, some of which the member holds out. Errors as train.
    """
    if name == "audio_recurrent":
        samples = samples.by_frames()
    validation = samples.take(member.held.validation)
    # Only the common loss of EMODal can use a clip without a label.
    useful = (samples.labels >= 0) | (name == "emodal")
    try:
        side = samples.take(member.held.fit & useful)
        fitted = fit(name, side, validation, member.config, checkpoint, on_epoch)
    except (MemoryError, tf.errors.ResourceExhaustedError) as exc:
        raise ModelWorkError(f"{name}: not enough memory; lower model.batch_size or model.filters") from exc
    weights = calibrate_head_weights(fitted.network, validation) if name == "emodal" else None
    temperatures, scores = _calibrate(fitted, validation, MAIN_HEAD[name])
    summary = _summary(fitted) | {"fusion": weights, "temperatures": temperatures, "validation": scores}
    return fitted.network, summary


def _names(config: ModelConfig, dataset: Path) -> tuple[list[NetworkName], dict[str, str]]:
    """The networks to train, EMODal last, and those that cannot be trained on this dataset, with the reason."""
    if config.name == "compare":
        return ["audio", "image", "emodal"], {}
    with_frames = config.name in ("all", "audio_recurrent") and has_frames(dataset)
    if config.name == "all":
        if with_frames:
            return ["audio", "audio_recurrent", "image", "emodal"], {}
        return ["audio", "image", "emodal"], {"audio_recurrent": NO_FRAMES}
    if config.name == "audio_recurrent" and not with_frames:
        raise ModelInputError(f"{dataset}: {NO_FRAMES}")
    return [config.name], {}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ModelInputError(f"{folder}: cannot be written ({exc.strerror}); choose another --out") from exc


def _training_and_test_samples(
    dataset: Path, fold: int | None, spill: Path | None, with_frames: bool
) -> tuple[Samples, Samples]:
    """The samples to train on, unlabelled ones included, and those to test on: the test split, or a fold.

    Every image is decoded once. Raises ModelInputError if the dataset lacks the fold.
    """
    held = _fold_of(dataset, fold)
    labelled, unlabelled = (
        read_samples(dataset, split, spill, with_frames) for split in ("train", "unlabelled")
    )
    if held is None:
        return join([labelled, unlabelled]), _test_samples(dataset, None, spill, with_frames)
    # Unlabelled clips are in the fold of their group: those of the held-out groups are not trained on either.
    others = read_folds(dataset, "unlabelled") != fold
    return join([labelled.take(~held), unlabelled.take(others)]), labelled_originals(labelled.take(held))


def _hold_out_by(manifest: dict[str, Any]) -> str:
    """The unit that validation holds out: that of the dataset's split, or films if the shards lack its column."""
    group_by = manifest.get("config", {}).get("split", {}).get("group_by", "film")
    names = [group_by] if isinstance(group_by, str) else group_by
    return next((name for name in ("speaker", "film", "clip") if name in names), "film")


def _test_samples(dataset: Path, fold: int | None, spill: Path | None, with_frames: bool) -> Samples:
    """The samples to test on. Raises ModelInputError if the dataset lacks the fold."""
    held = _fold_of(dataset, fold)
    if held is None:
        return labelled_originals(read_samples(dataset, "test", None, with_frames))
    return labelled_originals(read_samples(dataset, "train", spill, with_frames).take(held))


def _fold_of(dataset: Path, fold: int | None) -> np.ndarray | None:
    """(n train,) bool, the training samples in the fold; None without a fold, when the test split is used."""
    if fold is None:
        return None
    held: np.ndarray = read_folds(dataset, "train") == fold
    if not held.any():
        raise ModelInputError(f"{dataset}: has no fold {fold}; build it with --set split.folds=5")
    return held


def _refuse_useless(samples: Samples, dataset: Path) -> None:
    classes = np.unique(samples.labels[samples.labels >= 0])
    if len(classes) == 0:
        raise ModelInputError(
            f"{dataset}: no labelled training clip; annotate some, or see the reasons in the ledger"
        )
    if len(classes) < 2:
        only = samples.classes[int(classes[0])]
        raise ModelInputError(
            f"{dataset}: every training clip is {only}; training needs at least two classes"
        )


def _calibrate(
    fitted: Fitted, validation: Samples, main_head: str
) -> tuple[dict[str, float], dict[str, Any] | None]:
    """The temperature of every head, and the main head's scores on the validation samples (None without any)."""
    heads = [name for name in fitted.network.output if not name.endswith("_code")]
    if len(validation) == 0:
        return dict.fromkeys(heads, 1.0), None
    outputs = outputs_of(fitted.network, validation.images, validation.audio_features)
    temperatures = {head: best_temperature(outputs[head], validation.labels) for head in heads}
    scores = score(
        softmax(outputs[main_head] / temperatures[main_head]), validation.labels, validation.classes
    )
    return temperatures, scores


def _summary(fitted: Fitted) -> dict[str, Any]:
    return {
        "epochs": len(fitted.history),
        "best_epoch": fitted.best_epoch,
        "parameters": sum(int(np.prod(variable.shape)) for variable in fitted.network.trainable_variables),
        "history": [asdict(report) for report in fitted.history],
        "warm_up": [asdict(report) for report in fitted.warm_up],
    }


def _validation(members: list[Member]) -> dict[str, Any]:
    held = members[0].held
    return {
        "group_by": held.group_by,
        "groups": held.groups,
        "note": held.note,
        "members": len(members),
    }


def _counts(**sides: Samples) -> dict[str, dict[str, Any]]:
    return {
        side: {
            "samples": len(samples),
            "clips": len(np.unique(samples.clip_ids)),
            "classes": {
                label: int((samples.labels == number).sum()) for number, label in enumerate(samples.classes)
            },
        }
        for side, samples in sides.items()
    }


def _reporter(
    logs: Path,
    name: NetworkName,
    member: int,
    members: int,
    config: ModelConfig,
    on_epoch: Callable[[EpochReport], None] | None,
) -> Callable[[Epoch], None]:
    """A function that writes each epoch of a training for TensorBoard, and passes it on to on_epoch."""
    # What tf.summary.scalar writes; that function needs the package tensorboard.
    scalar = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class=1
    )
    folder = logs / (name if members == 1 else f"{name}-{member}-of-{members}")
    writer = tf.summary.create_file_writer(str(folder))

    def report_epoch(epoch: Epoch) -> None:
        with writer.as_default(step=epoch.epoch):
            for name, value in vars(epoch).items():
                if isinstance(value, float):
                    tf.summary.write(name, tf.constant(value, tf.float32), metadata=scalar)
        writer.flush()
        if on_epoch:
            on_epoch(
                EpochReport(**vars(epoch), member=member, members=members, seed=config.seed, fold=config.fold)
            )

    return report_epoch
