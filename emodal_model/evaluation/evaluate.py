"""Evaluates trained networks on the test split of a dataset.

Only original clips count, never augmented samples. Fractions are 0 to 1.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.core.errors import ModelInputError
from emodal_model.data.contract import NO_FRAMES
from emodal_model.data.samples import Samples, has_frames, read_classes, read_manifest, read_samples
from emodal_model.evaluation.scores import paired_p, score
from emodal_model.evaluation.tables import TITLES
from emodal_model.inference.metadata import model_files
from emodal_model.inference.predictor import Predictor, load
from emodal_model.losses import h_score


@dataclass(frozen=True)
class Evaluation:
    """Scores of each network on the test split.

    networks: name -> scores (see scores.score), by_film and by_speaker (n, accuracy), p_against_emodal.
    "emodal_audio" and "emodal_image" are EMODal with the other modality missing.
    h_score: of EMODal's two codes. left_out: networks that cannot be evaluated on this dataset, and the reason.
    """

    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    h_score: float | None = None
    left_out: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def evaluate(model_path: str | Path, dataset: str | Path) -> Evaluation:
    """Evaluate a .keras file, or every network of a model folder, on the test split of a dataset folder.

    Raises ModelInputError if either cannot be read, or if the dataset's classes or audio features are not those of the
    model.
    """
    dataset = Path(dataset)
    networks = [load(path) for path in model_files(Path(model_path))]
    if not networks:
        load(model_path)  # raises an error that names the path
    manifest, classes = read_manifest(dataset), read_classes(dataset)
    for network in networks:
        _refuse_other_classes(network, classes, dataset)
        _refuse_other_features(network, manifest, dataset)
    with_frames = has_frames(dataset)
    able = [network for network in networks if with_frames or not network.uses_frames]
    if not able:
        raise ModelInputError(f"{dataset}: {NO_FRAMES}")
    left_out = {network.name: NO_FRAMES for network in networks if network not in able}
    test = read_samples(dataset, "test", with_frames=any(network.uses_frames for network in able))
    return evaluate_on(able, labelled_originals(test), left_out=left_out)


def _refuse_other_classes(network: Predictor, classes: tuple[str, ...], dataset: Path) -> None:
    """Raise ModelInputError if the dataset has other classes than the network, or the same in another order."""
    if classes != network.labels:
        raise ModelInputError(
            f"{dataset}: its classes are {', '.join(classes)}, but the {network.name} network was trained on "
            f"{', '.join(network.labels)}; evaluate it on a dataset with those labels.classes, or train on this one"
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


def evaluate_on(
    networks: list[Predictor],
    test: Samples,
    others: Mapping[str, np.ndarray] | None = None,
    left_out: Mapping[str, str] | None = None,
) -> Evaluation:
    """Evaluate networks on test samples; without samples, scores are None.

    test: from labelled_originals(). others: probabilities of baselines for the same samples, by name.
    left_out: as in Evaluation.
    """
    answers: dict[str, np.ndarray] = {}
    held_out_h = None
    for network in networks:
        outputs = network.outputs(test)
        answers[network.name] = outputs[network.head_for(True, True)]
        if network.name == "emodal":
            answers |= {f"emodal_{head}": outputs[head] for head in ("audio", "image")}
            if len(test) > 1:
                held_out_h = float(h_score(outputs["audio_code"], outputs["image_code"]))
    if "audio" in answers and "image" in answers:
        answers["decision_fusion"] = (answers["audio"] + answers["image"]) / 2
    answers |= others or {}
    right = {name: given.argmax(axis=1) == test.labels for name, given in answers.items()}
    scores = {
        name: score(answers[name], test.labels, test.classes)
        | {
            "by_film": _by_group(right[name], test.films),
            "by_speaker": _by_group(right[name], test.speakers),
            "p_against_emodal": paired_p(right[name], right["emodal"])
            if "emodal" in right and name != "emodal" and len(test)
            else None,
        }
        for name in TITLES
        if name in answers
    }
    return Evaluation(scores, held_out_h, dict(left_out or {}))


def labelled_originals(test: Samples) -> Samples:
    """The samples that count: labelled originals."""
    return test.take(test.originals & (test.labels >= 0))


def _by_group(right: np.ndarray, keys: np.ndarray) -> dict[str, dict[str, Any]]:
    return {
        str(key): {"n": int((keys == key).sum()), "accuracy": float(right[keys == key].mean())}
        for key in np.unique(keys)
        if key
    }
