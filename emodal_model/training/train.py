"""A training run from top to bottom: a dataset in; networks, metrics, report and logs out, in one folder.

OUT/emodal.keras (audio.keras, image.keras), metrics.json, predictions.parquet, report/index.html, and logs/<network>/
for TensorBoard.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.core.backend import tf
from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError, ModelWorkError
from emodal_model.core.files import write_json
from emodal_model.core.versions import versions
from emodal_model.data.contract import MISSING, NO_FRAMES
from emodal_model.data.samples import (
    Samples,
    count_image_frames,
    dataset_hash,
    has_frames,
    images_mb,
    join,
    read_folds,
    read_manifest,
    read_samples,
)
from emodal_model.evaluation.baselines import baseline_probabilities
from emodal_model.evaluation.evaluate import evaluation_of, judge, labelled_originals
from emodal_model.evaluation.predictions import PREDICTIONS, write_predictions
from emodal_model.evaluation.scores import best_temperature, score, softmax
from emodal_model.inference.metadata import about_model
from emodal_model.inference.predictor import Predictor, load, save
from emodal_model.losses import squared_error
from emodal_model.network.build import MAIN_HEAD, NetworkName, target_scales, with_probabilities
from emodal_model.network.forward import answers_of, outputs_of, usable_by
from emodal_model.report.describe import describe_run
from emodal_model.training.checkpoint import CheckpointFile
from emodal_model.training.ensemble import Member, members_of
from emodal_model.training.head_fusion import calibrate_head_weights
from emodal_model.training.identity import finished, git_revision, identity
from emodal_model.training.loop import Epoch, EpochReport, Fitted, fit

#: Where the files of a run are until it is finished, in a folder of OUT's name, which the card shows.
UNFINISHED = ".unfinished"
#: With fewer training clips than this, a class is named in a note.
FEW_OF_A_CLASS = 10


def train(
    dataset: Path,
    out: Path,
    config: ModelConfig,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> dict[str, Any]:
    """Train the networks of config.name on a dataset folder, write them to `out`, and return the metrics.

    A run that was killed resumes; a finished run with the same data and settings is not repeated. The files of a run
    before stay in `out` until this one is finished.
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
    spill = out if images_mb(dataset, config.input) > config.memory_mb else None
    if spill:
        _make_folder(out)
    names, left_out = _names(config, dataset)
    with_frames = "audio_recurrent" in names
    with _unreplaced(dataset, data_hash):
        samples, given, test = _training_and_test_samples(dataset, config, spill, with_frames)
        abouts = {name: about_model(dataset, data_hash, config, name == "audio_recurrent") for name in names}
    learned = samples.take(~given & (samples.labels >= 0))
    _refuse_useless(learned, dataset)
    _refuse_unknown_targets(learned, dataset)
    names, left_out = _with_inputs(names, left_out, learned, dataset)
    members = members_of(samples, _hold_out_by(manifest), config, given)
    classes = len(learned.classes)
    clips = np.bincount(learned.labels[learned.originals], minlength=classes)[:classes]
    _make_folder(out / "logs")
    unfinished = _empty_folder(out / UNFINISHED / out.absolute().name)

    networks: list[Predictor] = []
    training: dict[str, Any] = {}
    for before, name in enumerate(names):
        trained: list[tuple[Any, dict[str, float]]] = []
        summaries: list[dict[str, Any]] = []
        for number, member in enumerate(members, start=1):
            checkpoint = CheckpointFile(out / f".{name}-{number}.checkpoint.npz", run)
            place = {
                "member": number,
                "members": len(members),
                "training": before * len(members) + number,
                "trainings": len(names) * len(members),
                "seed": config.seed,
                "fold": config.fold,
            }
            report = _reporter(out / "logs", name, place, on_epoch)
            network, summary = train_member(name, member, samples, checkpoint, report)
            trained.append((network, summary["temperatures"]))
            summaries.append(summary)
        about = abouts[name] | {
            "members": len(members),
            "training_clips": dict(zip(learned.classes, clips.tolist(), strict=True)),
            "target_mean": target_scales(learned.targets)["target_mean"],
            **({"image_frames": learned.image_frames} if learned.image_frames > 1 else {}),
        }
        save(with_probabilities(trained), about, unfinished / f"{name}.keras")
        networks.append(load(unfinished / f"{name}.keras"))
        training[name] = summaries[0] | {"other_members": summaries[1:]}

    fit_side, validation = (samples.take(side) for side in (members[0].held.fit, members[0].held.validation))
    labelled = fit_side.take(fit_side.labels >= 0)
    with_baselines = config.name == "all" and learned.classes
    baselines = baseline_probabilities(labelled, validation, test) if with_baselines else {}
    judged = judge(networks, test, int(np.argmax(clips)) if len(clips) else 0, baselines, config.fold)
    write_predictions(unfinished / PREDICTIONS, judged)
    metrics = {
        "run": run,
        **evaluation_of(judged, left_out).as_dict(),
        "training": training,
        "dataset": {"path": str(dataset), "hash": data_hash}
        | _counts(
            fit=labelled, unlabelled=fit_side.take(fit_side.labels < 0), validation=validation, test=test
        ),
        "validation": _validation(members),
        "notes": _notes(learned.classes, clips),
        "config": config.model_dump(mode="json"),
        "versions": versions(),
        "git_revision": git_revision(),
    }
    describe_run(unfinished, dataset, metrics, networks[-1], test, out)
    _replace_run(unfinished, out)
    # Written last: a folder with metrics.json holds a finished run, and all its files are of that run.
    write_json(out / "metrics.json", metrics)
    for checkpoint_file in out.glob(".*.checkpoint.npz"):
        checkpoint_file.unlink()
    return metrics


@contextmanager
def _unreplaced(dataset: Path, data_hash: str) -> Iterator[None]:
    """Raises ModelWorkError if a build replaces the dataset while the block reads it, whatever the block raises."""
    try:
        yield
    finally:
        if dataset_hash(dataset) != data_hash:
            raise ModelWorkError(f"{dataset}: a build replaced it while it was read; train again")


def _replace_run(unfinished: Path, out: Path) -> None:
    """Move the files of a run into its folder, after those of the run before are no longer called a finished run."""
    try:
        (out / "metrics.json").unlink(missing_ok=True)
        for name in MAIN_HEAD:
            (out / f"{name}.keras").unlink(missing_ok=True)  # the run before may have had more networks
        for path in sorted(path for path in unfinished.rglob("*") if path.is_file()):
            to = out / path.relative_to(unfinished)
            to.parent.mkdir(parents=True, exist_ok=True)
            path.replace(to)
        shutil.rmtree(out / UNFINISHED)
    except OSError as exc:
        raise ModelWorkError(f"{out}: cannot be written ({exc.strerror or exc})") from exc


def _empty_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    _make_folder(folder)
    return folder


def describe_again(dataset: Path, out: Path, config: ModelConfig, metrics: dict[str, Any]) -> None:
    """Rewrite the report and card of a finished training, after its metrics got the results of other trainings.

    Raises ModelInputError if dataset or model cannot be read, ModelWorkError if a file cannot be written.
    """
    spill = out if images_mb(dataset, config.input) > config.memory_mb else None
    network = load(out / f"{list(metrics['training'])[-1]}.keras")
    describe_run(out, dataset, metrics, network, _test_samples(dataset, config, spill, network.uses_frames))


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
    # Only the common loss of EMODal can use a clip without a label, and only EMODal one without image or sound.
    able = usable_by(name, samples)
    useful = able & ((samples.labels >= 0) | (name == "emodal"))
    validation = samples.take(member.held.validation & able)
    try:
        side = samples.take(member.held.fit & useful)
        fitted = fit(name, side, validation, member.config, checkpoint, on_epoch)
    except (MemoryError, tf.errors.ResourceExhaustedError) as exc:
        raise ModelWorkError(f"{name}: not enough memory; lower model.batch_size or model.filters") from exc
    is_fused = name == "emodal" and samples.classes
    weights = calibrate_head_weights(fitted.network, validation) if is_fused else None
    temperatures, scores = _calibrate(fitted, validation, name)
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


def _with_inputs(
    names: list[NetworkName], left_out: dict[str, str], learned: Samples, dataset: Path
) -> tuple[list[NetworkName], dict[str, str]]:
    """The networks whose modalities the labelled training samples have, and those left out, with the reason.

    Raises ModelInputError if none is left.
    """
    kept: list[NetworkName] = []
    for name in names:
        rows = learned.having(MAIN_HEAD[name])
        if not rows.any():
            left_out = left_out | {name: MISSING[MAIN_HEAD[name]]}
        elif learned.classes and len(np.unique(learned.labels[rows])) < 2:
            left_out = left_out | {name: "its training clips are all of one class"}
        else:
            kept.append(name)
    if not kept:
        raise ModelInputError(
            f"{dataset}: {left_out[names[0]]}, so the {names[0]} network cannot be trained; choose another --model"
        )
    return kept, left_out


def _notes(classes: tuple[str, ...], clips: np.ndarray) -> list[str]:
    """What must be known about the classes: those without training clips, and those with very few."""
    none = [name for name, n in zip(classes, clips, strict=True) if n == 0]
    few = [f"{name} ({n})" for name, n in zip(classes, clips, strict=True) if 0 < n < FEW_OF_A_CLASS]
    notes = []
    if none:
        notes.append(f"no training clip is {', '.join(none)}: the networks cannot learn it")
    if few:
        notes.append(f"classes with fewer than {FEW_OF_A_CLASS} training clips: {', '.join(few)}")
    return notes


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ModelInputError(f"{folder}: cannot be written ({exc.strerror}); choose another --out") from exc


def _training_and_test_samples(
    dataset: Path, config: ModelConfig, spill: Path | None, with_frames: bool
) -> tuple[Samples, np.ndarray, Samples]:
    """The samples to train and validate on, unlabelled ones included, and those to test on: the test split, or a fold.

    The array is (n,) bool, the samples of the dataset's validation split. Every image is decoded once.
    Raises ModelInputError if the dataset lacks the fold.
    """
    fold = config.fold
    held, image_frames = _fold_of(dataset, fold), count_image_frames(dataset)
    labelled, unlabelled, validation = (
        read_samples(dataset, split, spill, with_frames, config.targets, image_frames, config.input)
        for split in ("train", "unlabelled", "validation")
    )
    if held is None:
        test = _test_samples(dataset, config, spill, with_frames)
    else:
        test = labelled_originals(labelled.take(held))
        # Clips of other splits are in the fold of their group: those of the held-out groups are not trained on either.
        labelled = labelled.take(~held)
        unlabelled = unlabelled.take(read_folds(dataset, "unlabelled") != fold)
        validation = validation.take(read_folds(dataset, "validation") != fold)
    given = np.arange(len(labelled) + len(unlabelled) + len(validation)) >= len(labelled) + len(unlabelled)
    return join([labelled, unlabelled, validation]), given, test


def _hold_out_by(manifest: dict[str, Any]) -> str:
    """The unit that validation holds out: that of the dataset's split, or films if the shards lack its column."""
    group_by = manifest.get("config", {}).get("split", {}).get("group_by", "film")
    names = [group_by] if isinstance(group_by, str) else group_by
    return next((name for name in ("speaker", "film", "clip") if name in names), "film")


def _test_samples(dataset: Path, config: ModelConfig, spill: Path | None, with_frames: bool) -> Samples:
    """The samples to test on. Raises ModelInputError if the dataset lacks the fold."""
    held = _fold_of(dataset, config.fold)
    read = with_frames, config.targets, count_image_frames(dataset), config.input
    if held is None:
        return labelled_originals(read_samples(dataset, "test", None, *read))
    samples = read_samples(dataset, "train", spill, *read)
    return labelled_originals(samples.take(held))


def _fold_of(dataset: Path, fold: int | None) -> np.ndarray | None:
    """(n train,) bool, the training samples in the fold; None without a fold, when the test split is used."""
    if fold is None:
        return None
    held: np.ndarray = read_folds(dataset, "train") == fold
    if not held.any():
        raise ModelInputError(f"{dataset}: has no fold {fold}; build it with --set split.folds=5")
    return held


def _refuse_unknown_targets(learned: Samples, dataset: Path) -> None:
    for name, values in zip(learned.target_names, learned.targets.T, strict=True):
        if np.isnan(values).all():
            raise ModelInputError(
                f"{dataset}: no training clip has a number in the column {name}; build the dataset with it "
                f"(--set 'labels.targets=[\"{name}\"]'), or remove it from model.targets"
            )


def _refuse_useless(samples: Samples, dataset: Path) -> None:
    if not samples.classes:
        if len(samples) == 0:
            raise ModelInputError(
                f"{dataset}: no training clip has a number in {', '.join(samples.target_names)}, and there are no "
                "classes; name other columns in model.targets, or see the reasons in the ledger"
            )
        return
    classes = np.unique(samples.labels)
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
    fitted: Fitted, validation: Samples, name: NetworkName
) -> tuple[dict[str, float], dict[str, Any] | None]:
    """The temperature of every head, and the scores of its answers on the validation samples (None without any).

    A network without classes has no temperatures; its score is squared_error, in units of the targets' variance.
    """
    if not validation.classes:
        return {}, _target_score(fitted, validation, name) if len(validation) else None
    heads = [name for name in fitted.network.output if not name.endswith(("_code", "_values"))]
    if len(validation) == 0:
        return dict.fromkeys(heads, 1.0), None
    outputs = outputs_of(fitted.network, validation.images, validation.audio_features)
    temperatures = {
        head: best_temperature(
            outputs[head][validation.having(head)], validation.labels[validation.having(head)]
        )
        for head in heads
    }
    tempered = {head: outputs[head] / temperatures[head] for head in heads}
    answers = softmax(answers_of(name, tempered, validation))
    scores = score(answers, validation.labels, validation.classes)
    return temperatures, scores


def _target_score(fitted: Fitted, validation: Samples, name: NetworkName) -> dict[str, Any]:
    outputs = outputs_of(fitted.network, validation.images, validation.audio_features)
    values = answers_of(name, outputs, validation, "_values")
    std = np.asarray(target_scales(validation.targets)["target_std"], np.float32)
    return {"squared_error": float(squared_error(values, validation.targets, std))}


def _summary(fitted: Fitted) -> dict[str, Any]:
    return {
        "epochs": len(fitted.history),
        "best_epoch": fitted.best_epoch,
        "first_candidate": fitted.first_candidate,
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
    place: Mapping[str, Any],
    on_epoch: Callable[[EpochReport], None] | None,
) -> Callable[[Epoch], None]:
    """A function that writes each epoch of a training for TensorBoard, and passes it on to on_epoch.

    place: what EpochReport adds to an Epoch.
    """
    # What tf.summary.scalar writes; that function needs the package tensorboard.
    scalar = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class=1
    )
    several = place["members"] > 1
    folder = logs / (f"{name}-{place['member']}-of-{place['members']}" if several else name)
    writer = tf.summary.create_file_writer(str(folder))

    def report_epoch(epoch: Epoch) -> None:
        with writer.as_default(step=epoch.epoch):
            for name, value in vars(epoch).items():
                if isinstance(value, float):
                    tf.summary.write(name, tf.constant(value, tf.float32), metadata=scalar)
        writer.flush()
        if on_epoch:
            on_epoch(EpochReport(**vars(epoch), **place))

    return report_epoch
