"""Evaluates trained networks on the test split of a dataset.

Only original clips count, never augmented samples. Fractions are 0 to 1.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.core.errors import ModelInputError
from emodal_model.data.contract import MISSING, NO_FRAMES
from emodal_model.data.samples import (
    Samples,
    dataset_hash,
    has_column,
    has_frames,
    read_classes,
    read_manifest,
    read_samples,
)
from emodal_model.evaluation.predictions import PREDICTIONS, Judged, only, write_predictions
from emodal_model.evaluation.regression import regression_scores
from emodal_model.evaluation.scores import paired_p, score, smallest_difference
from emodal_model.evaluation.tables import FEW_TEST_CLIPS, TITLES, TRAINED
from emodal_model.inference.metadata import model_files
from emodal_model.inference.predictor import Predictor, load
from emodal_model.losses import h_score


@dataclass(frozen=True)
class Evaluation:
    """Scores of each network on the test split.

    networks: name -> scores (see scores.score), by_film and by_speaker (n, accuracy), p_against_emodal.
    "emodal_audio" and "emodal_image" are EMODal with the other modality missing.
    h_score: of EMODal's two codes. left_out: networks that cannot be evaluated on this dataset, and the reason.
    reference: the scores of "chance" and of "majority", the commonest class of training. smallest_difference: share of
    the test clips below which no difference can be told from chance; None from FEW_TEST_CLIPS on. targets: target ->
    network -> scores, with the row "mean", the mean of training.
    """

    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    h_score: float | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    reference: dict[str, dict[str, Any]] = field(default_factory=dict)
    smallest_difference: float | None = None
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def evaluate(model_path: str | Path, dataset: str | Path, predictions: Path | None = None) -> Evaluation:
    """Evaluate a .keras file, or every network of a model folder, on the test split of a dataset folder.

    predictions: a Parquet file to write with the answers for every clip.
    A network without classes is evaluated on any dataset with its targets.
    Raises ModelInputError if either cannot be read, or if the dataset's classes, targets or audio features are not
    those of the model.
    """
    dataset = Path(dataset)
    networks = [load(path) for path in model_files(Path(model_path))]
    if not networks:
        load(model_path)  # raises an error that names the path
    manifest, classes = read_manifest(dataset), read_classes(dataset)
    for network in networks:
        if network.labels:
            _refuse_other_classes(network, classes, dataset)
        else:
            _refuse_missing_targets(network, dataset)
        _refuse_other_features(network, manifest, dataset)
    with_frames = has_frames(dataset)
    able = [network for network in networks if with_frames or not network.uses_frames]
    if not able:
        raise ModelInputError(f"{dataset}: {NO_FRAMES}")
    left_out = {network.name: NO_FRAMES for network in networks if network not in able}
    samples = read_samples(
        dataset,
        "test",
        with_frames=any(network.uses_frames for network in able),
        targets=able[-1].targets,
        image_frames=max(network.image_frames for network in able),
        picture=able[-1].picture,
    )
    test = labelled_originals(samples if able[-1].labels else samples.without_classes())
    judged = judge(able, test, _majority(able[-1], test))
    if predictions is not None:
        write_predictions(predictions, judged)
    return evaluation_of(judged, left_out)


def evaluation_file(model: Path, dataset: Path) -> Path | None:
    """Where the answers of an evaluation are kept in a model folder; None if nothing can be written there."""
    folder = model if model.is_dir() else model.parent
    if not os.access(folder, os.W_OK):
        return None
    return folder / "evaluations" / dataset_hash(dataset)[:12] / PREDICTIONS


def _majority(network: Predictor, test: Samples) -> int:
    """The code of the commonest class of the training, or of the test clips for a model that does not name it."""
    clips = network.about.get("training_clips")
    counts = list(clips.values()) if clips else np.bincount(test.labels, minlength=len(test.classes))
    return int(np.argmax(counts)) if len(test.classes) else 0


def _refuse_other_classes(network: Predictor, classes: tuple[str, ...], dataset: Path) -> None:
    """Raise ModelInputError if the dataset has other classes than the network, or the same in another order."""
    if not classes:
        raise ModelInputError(
            f"{dataset}: has no classes, but the {network.name} network was trained on {', '.join(network.labels)}; "
            "evaluate it on a dataset with those labels.classes, or train on this one"
        )
    if classes != network.labels:
        raise ModelInputError(
            f"{dataset}: its classes are {', '.join(classes)}, but the {network.name} network was trained on "
            f"{', '.join(network.labels)}; evaluate it on a dataset with those labels.classes, or train on this one"
        )


def _refuse_missing_targets(network: Predictor, dataset: Path) -> None:
    """Raise ModelInputError if the dataset lacks a target of a network without classes."""
    missing = [name for name in network.targets if not has_column(dataset, name)]
    if missing:
        raise ModelInputError(
            f"{dataset}: has no column {', '.join(missing)}, and the {network.name} network predicts "
            f"{', '.join(network.targets)} and no classes; build it with labels.targets, or train on this one"
        )


def _refuse_other_features(network: Predictor, manifest: dict[str, Any], dataset: Path) -> None:
    """Raise ModelInputError if the dataset's features were computed with other settings under the same names."""
    theirs, ours = manifest.get("config", {}).get("audio", {}), network.about["audio"]
    # Frames have no statistics.
    meaning = ("window_s", "step_s") if network.uses_frames else ("window_s", "step_s", "statistics")
    other = [key for key in meaning if key in ours and key in theirs and theirs[key] != ours[key]]
    if other:
        built, learned, cure = (
            joint.join(f"audio.{key}={settings[key]}" for key in other)
            for joint, settings in ((", ", theirs), (", ", ours), (" --set ", ours))
        )
        raise ModelInputError(
            f"{dataset}: built with {built}, but the {network.name} network was trained with {learned}; "
            f"build it with --set {cure}"
        )


def judge(
    networks: Sequence[Predictor],
    test: Samples,
    majority: int,
    others: Mapping[str, np.ndarray] | None = None,
    fold: int | None = None,
) -> Judged:
    """The answers of every head of some networks, and of baselines, for test samples.

    test: from labelled_originals(). majority: the commonest class in training. others: probabilities of baselines for
    the same samples, by name. fold: that of the test samples.
    """
    heads: dict[str, np.ndarray] = {}
    values: dict[str, np.ndarray] = {}
    means = np.full(test.targets.shape, np.nan)
    missing: dict[str, str] = {}
    held_out_h = None
    for network in sorted(networks, key=lambda network: TRAINED.index(network.name)):
        if len(test) and not network.usable(test).any():
            missing[network.name] = MISSING[network.main_head]
            continue
        outputs = network.outputs(test)
        names = ("both", "audio", "image") if network.name == "emodal" else (network.main_head,)
        if test.classes:
            heads |= {f"{network.name}.{head}": only(outputs[head], test.having(head)) for head in names}
        if test.target_names and network.targets == test.target_names:
            values |= {
                f"{network.name}.{head}": only(outputs[f"{head}_values"], test.having(head)) for head in names
            }
            means[:] = network.about["target_mean"]
        pairs = test.having("both")
        if network.name == "emodal" and pairs.sum() > 1:
            held_out_h = float(h_score(outputs["audio_code"][pairs], outputs["image_code"][pairs]))
    for name, probabilities in (others or {}).items():
        head = name.split("_")[0]
        heads[f"{name}.{head if head in ('audio', 'image') else 'both'}"] = probabilities
    return Judged(
        clip_ids=test.clip_ids,
        films=test.films,
        speakers=test.speakers,
        labels=test.labels,
        folds=np.full(len(test), -1 if fold is None else fold),
        majority=np.full(len(test), majority),
        classes=test.classes,
        heads=heads,
        targets=test.targets,
        target_names=test.target_names,
        values=values,
        target_means=means,
        h_score=held_out_h,
        missing=missing,
    )


def evaluation_of(judged: Judged, left_out: Mapping[str, str] | None = None) -> Evaluation:
    """The scores of every network and baseline, each on the clips it has an answer for; None without clips."""
    answers = judged.answers()
    scores = {name: _score(answers[name], answers, name, judged) for name in TITLES if name in answers}
    clips = max([each["n"] for each in scores.values()], default=0)
    return Evaluation(
        networks=scores,
        h_score=judged.h_score,
        left_out={**judged.missing, **(left_out or {})},
        reference=_reference(judged),
        smallest_difference=smallest_difference(clips) if clips < FEW_TEST_CLIPS else None,
        targets=_target_scores(judged),
    )


def _target_scores(judged: Judged) -> dict[str, dict[str, Any]]:
    """The scores of each target by network, and of the mean of training; see regression.regression_scores."""
    by_network = judged.answers(of_targets=True)
    named = {name: by_network[name] for name in TITLES if name in by_network} | {"mean": judged.target_means}
    return {
        target: {
            name: regression_scores(judged.targets[:, t], values[:, t]) for name, values in named.items()
        }
        for t, target in enumerate(judged.target_names)
    }


def _reference(judged: Judged) -> dict[str, dict[str, Any]]:
    """What two answers without a network score: any class at random, and always the commonest class of training.

    Nothing without classes.
    """
    n, classes = len(judged.labels), len(judged.classes)
    if not classes:
        return {}
    always = score(np.eye(classes)[judged.majority], judged.labels, judged.classes)
    by_chance = {"accuracy": 1 / classes if n else None, "accuracy_interval": None, "macro_f1": None}
    uar = None if always["uar"] is None else 1 / classes
    kept = ("n", "accuracy", "accuracy_interval", "uar", "macro_f1")
    return {
        "chance": {"n": n, **by_chance, "uar": uar},
        "majority": {name: always[name] for name in kept},
    }


def _score(own: np.ndarray, answers: Mapping[str, np.ndarray], name: str, judged: Judged) -> dict[str, Any]:
    """The scores of the samples with an answer, compared with EMODal on the samples that both answer."""
    has = ~np.isnan(own[:, 0])
    right = own.argmax(axis=1) == judged.labels
    p = None
    if "emodal" in answers and name != "emodal":
        emodal = answers["emodal"]
        common = has & ~np.isnan(emodal[:, 0])
        if common.any():
            p = paired_p(right[common], (emodal.argmax(axis=1) == judged.labels)[common])
    return score(own[has], judged.labels[has], judged.classes) | {
        "by_film": _by_group(right[has], judged.films[has]),
        "by_speaker": _by_group(right[has], judged.speakers[has]),
        "p_against_emodal": p,
    }


def labelled_originals(test: Samples) -> Samples:
    """The samples that count: labelled originals; without classes those with a known target."""
    return test.take(test.originals & (test.labels >= 0))


def _by_group(right: np.ndarray, keys: np.ndarray) -> dict[str, dict[str, Any]]:
    return {
        str(key): {"n": int((keys == key).sum()), "accuracy": float(right[keys == key].mean())}
        for key in np.unique(keys)
        if key
    }
