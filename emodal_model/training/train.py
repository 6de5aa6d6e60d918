"""A training run, top to bottom: dataset in; networks, metrics and logs out, in one folder.

OUT/emodal.keras (audio.keras, image.keras), metrics.json, report/index.html, logs/<network>/ for TensorBoard.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.core.backend import tf
from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError, ModelWorkError
from emodal_model.core.files import write_json
from emodal_model.core.versions import versions
from emodal_model.data.contract import LABELS, NO_FRAMES
from emodal_model.data.samples import (
    Samples,
    dataset_hash,
    has_frames,
    join,
    pictures_mb,
    read_folds,
    read_manifest,
    read_samples,
)
from emodal_model.evaluation.baselines import baseline_probabilities
from emodal_model.evaluation.evaluate import evaluate_on, judged
from emodal_model.evaluation.scores import best_temperature, score, softmax
from emodal_model.inference.metadata import about_model
from emodal_model.inference.predictor import Predictor, load, save
from emodal_model.network.build import MAIN_HEAD, NetworkName, with_probabilities
from emodal_model.network.forward import outputs_of
from emodal_model.report.describe import describe_run
from emodal_model.training.checkpoint import CheckpointFile
from emodal_model.training.ensemble import Member, members_of
from emodal_model.training.head_fusion import balance
from emodal_model.training.identity import finished, git_revision, identity
from emodal_model.training.loop import EpochReport, Fitted, fit


def train(
    dataset: Path,
    out: Path,
    config: ModelConfig,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> dict[str, Any]:
    """Train what config.name says on a dataset folder, write it to `out`, and return the metrics.

    A run that was killed goes on where it was; a finished one of the same data and settings is not repeated.
    Raises ModelInputError if the dataset is missing, empty, of one class or without a leak proof, or `out`
    cannot be written;
    ModelWorkError if training fails.
    """
    dataset, out = Path(dataset), Path(out)
    done = finished(dataset, out, config)
    if done is not None:
        return done
    manifest = read_manifest(dataset)
    if "leak_proof" not in manifest:
        raise ModelInputError(
            f"{dataset}: no leak proof in manifest.json; build the dataset with emodal build"
        )
    data_hash = dataset_hash(dataset)
    run = identity(data_hash, config)
    spill = out if pictures_mb(dataset) > config.memory_mb else None
    if spill:
        _make_folder(out)
    names, left_out = _names(config, dataset)
    with_frames = "audio_recurrent" in names
    samples, test = _sides(dataset, config.fold, spill, with_frames)
    _refuse_useless(samples, dataset)
    group_by = manifest.get("config", {}).get("split", {}).get("group_by", "film")
    members = members_of(samples, group_by, config)
    _make_folder(out / "logs")

    networks: list[Predictor] = []
    training: dict[str, Any] = {}
    for name in names:
        trained: list[tuple[Any, dict[str, float]]] = []
        stories: list[dict[str, Any]] = []
        for number, member in enumerate(members, start=1):
            checkpoint = CheckpointFile(out / f".{name}-{number}.checkpoint.npz", run)
            title = name if len(members) == 1 else f"{name} {number} of {len(members)}"
            log = _logged(out / "logs" / title.replace(" ", "-"), title, on_epoch)
            network, story = train_member(name, member, samples, checkpoint, log)
            trained.append((network, story["temperatures"]))
            stories.append(story)
        about = about_model(dataset, data_hash, config, by_frames=name == "audio_recurrent")
        save(with_probabilities(trained), about | {"members": len(members)}, out / f"{name}.keras")
        networks.append(load(out / f"{name}.keras"))
        training[name] = stories[0] | {"other_members": stories[1:]}

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
    # Last: where metrics.json is, the run is whole.
    write_json(out / "metrics.json", metrics)
    for left in out.glob(".*.checkpoint.npz"):
        left.unlink()
    return metrics


def describe_again(dataset: Path, out: Path, config: ModelConfig, metrics: dict[str, Any]) -> None:
    """Write the report and card of a finished training anew: its metrics have learnt of other trainings since.

    Raises ModelInputError if dataset or model cannot be read, ModelWorkError if a file cannot be written.
    """
    spill = out if pictures_mb(dataset) > config.memory_mb else None
    network = load(out)
    describe_run(
        out, dataset, metrics, network, _judged_side(dataset, config.fold, spill, network.uses_frames)
    )


def train_member(
    name: NetworkName,
    member: Member,
    samples: Samples,
    checkpoint: CheckpointFile | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> tuple[Any, dict[str, Any]]:
    """One training of one network: the network (logits), and what metrics.json tells of it.

    samples: of which the member holds some back, as ensemble.members_of was given them. Errors as train.
    """
    if name == "audio_recurrent":
        samples = samples.by_frames()
    validation = samples.take(member.held.validation)
    # Only EMODal's common loss can learn from a clip without a label.
    useful = (samples.labels >= 0) | (name == "emodal")
    try:
        side = samples.take(member.held.fit & useful)
        fitted = fit(name, side, validation, member.config, checkpoint, on_epoch)
    except (MemoryError, tf.errors.ResourceExhaustedError) as exc:
        raise ModelWorkError(f"{name}: not enough memory; lower model.batch_size or model.filters") from exc
    weights = balance(fitted.network, validation) if name == "emodal" else None
    temperatures, scores = _calibrate(fitted, validation, MAIN_HEAD[name])
    story = _story(fitted) | {"fusion": weights, "temperatures": temperatures, "validation": scores}
    return fitted.network, story


def _names(config: ModelConfig, dataset: Path) -> tuple[list[NetworkName], dict[str, str]]:
    """The networks to train, EMODal last, and those that this dataset is not enough for, with the reason."""
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


def _sides(dataset: Path, fold: int | None, spill: Path | None, with_frames: bool) -> tuple[Samples, Samples]:
    """What may be learnt from, unlabelled clips included, and what is judged: the test side, or a fold of the other.

    Every picture is decoded once. Raises ModelInputError without that fold.
    """
    held = _fold_of(dataset, fold)
    labelled, unlabelled = (
        read_samples(dataset, split, spill, with_frames) for split in ("train", "unlabelled")
    )
    if held is None:
        return join([labelled, unlabelled]), _judged_side(dataset, None, spill, with_frames)
    # Nor is anything learnt from what else the held-out groups show: unlabelled clips are in the fold of their group.
    others = read_folds(dataset, "unlabelled") != fold
    return join([labelled.take(~held), unlabelled.take(others)]), judged(labelled.take(held))


def _judged_side(dataset: Path, fold: int | None, spill: Path | None, with_frames: bool) -> Samples:
    """What is judged, read alone. Raises ModelInputError without that fold."""
    held = _fold_of(dataset, fold)
    if held is None:
        return judged(read_samples(dataset, "test", None, with_frames))
    return judged(read_samples(dataset, "train", spill, with_frames).take(held))


def _fold_of(dataset: Path, fold: int | None) -> np.ndarray | None:
    """(n train,) bool, what of the training side is in the fold; None where the test side is judged."""
    if fold is None:
        return None
    held: np.ndarray = read_folds(dataset, "train") == fold
    if not held.any():
        raise ModelInputError(f"{dataset}: has no fold {fold}; build it with --set split.folds=5")
    return held


def _refuse_useless(samples: Samples, dataset: Path) -> None:
    classes = np.unique(samples.labels[samples.labels >= 0])
    if len(classes) == 0:
        raise ModelInputError(f"{dataset}: no labelled training clip; annotate some, or look at the ledger")
    if len(classes) < 2:
        only = LABELS[int(classes[0])]
        raise ModelInputError(
            f"{dataset}: every training clip is {only}; training needs two emotions at least"
        )


def _calibrate(
    fitted: Fitted, validation: Samples, main_head: str
) -> tuple[dict[str, float], dict[str, Any] | None]:
    """Temperature of every head, and the main head's scores on the validation side (None without one)."""
    heads = [name for name in fitted.network.output if not name.endswith("_code")]
    if len(validation) == 0:
        return dict.fromkeys(heads, 1.0), None
    outputs = outputs_of(fitted.network, validation.images, validation.audio_features)
    temperatures = {head: best_temperature(outputs[head], validation.labels) for head in heads}
    scores = score(softmax(outputs[main_head] / temperatures[main_head]), validation.labels)
    return temperatures, scores


def _story(fitted: Fitted) -> dict[str, Any]:
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


def _counts(**sides: Samples) -> dict[str, dict[str, int]]:
    return {
        side: {"samples": len(samples), "clips": len(np.unique(samples.clip_ids))}
        | {label: int((samples.labels == number).sum()) for number, label in enumerate(LABELS)}
        for side, samples in sides.items()
    }


def _logged(
    folder: Path, title: str, on_epoch: Callable[[EpochReport], None] | None
) -> Callable[[EpochReport], None]:
    """on_epoch that hears of the training by its title, and also writes the numbers for TensorBoard."""
    writer = tf.summary.create_file_writer(str(folder))
    # What tf.summary.scalar writes; that function itself asks for the tensorboard package.
    scalar = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class=1
    )

    def log(report: EpochReport) -> None:
        with writer.as_default(step=report.epoch):
            for name, value in asdict(report).items():
                if isinstance(value, float):
                    tf.summary.write(name, tf.constant(value, tf.float32), metadata=scalar)
        writer.flush()
        if on_epoch:
            on_epoch(replace(report, network=title))

    return log
