"""Judge trained networks on a dataset's test side, and print it as the poster's two tables.

Everything counts original clips only; fractions are 0 to 1 here and per cent in print.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.errors import ModelInputError
from emodal_model.input import LABELS, Samples, read_manifest, read_samples
from emodal_model.losses import h_score
from emodal_model.predictor import Predictor, load, model_files
from emodal_model.scores import paired_p, score

#: Rows of the first table: the poster's, then EMODal with one modality missing, then what it must beat.
TITLES = {
    "audio": "audio",
    "image": "image",
    "emodal": "audio+image (EMODal)",
    "emodal_audio": "EMODal, face missing",
    "emodal_image": "EMODal, sound missing",
    "decision_fusion": "mean of audio and image",
    "audio_svm": "audio, linear SVM",
    "image_svm": "image, linear SVM",
    "audio_logistic": "audio, PCA+logistic",
    "image_logistic": "image, PCA+logistic",
    "early_fusion": "early fusion, logistic",
    "late_fusion": "late fusion, logistic",
}


@dataclass(frozen=True)
class Evaluation:
    """Scores of each network on the test side.

    networks: name -> scores (see scores.score), by_film and by_speaker (n, accuracy), p_against_emodal.
    "emodal_audio" and "emodal_image" are EMODal answering with one modality missing.
    h_score: held-out, of EMODal's two codes.
    """

    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    h_score: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def evaluate(model_path: str | Path, dataset: str | Path) -> Evaluation:
    """Evaluate a .keras file, or every network of a model folder, on the test side of a dataset folder.

    Raises ModelInputError if either cannot be read, or the dataset's audio features are not those of the model.
    """
    load(model_path)  # says clearly what is wrong with the path before the dataset is read
    networks = [load(path) for path in model_files(Path(model_path))]
    for network in networks:
        _refuse_other_features(network, read_manifest(Path(dataset)), dataset)
    return evaluate_on(networks, judged(read_samples(Path(dataset), "test")))


def _refuse_other_features(network: Predictor, manifest: dict[str, Any], dataset: str | Path) -> None:
    """Means over another window are other numbers under the same names: an answer to them means nothing."""
    theirs = manifest.get("config", {}).get("audio", {})
    for key in ("window_s", "step_s", "statistics"):
        ours = network.about["audio"].get(key)
        if ours is not None and key in theirs and theirs[key] != ours:
            raise ModelInputError(
                f"{dataset}: built with audio.{key}={theirs[key]}, but the {network.name} network learned from "
                f"{ours}; build it with --set audio.{key}={ours}"
            )


def evaluate_on(
    networks: list[Predictor], test: Samples, others: Mapping[str, np.ndarray] | None = None
) -> Evaluation:
    """Evaluate networks on samples of the test side; scores are None where there is no sample.

    test: as from `judged`. others: probabilities that something else gave for the same samples, by name.
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
        name: score(answers[name], test.labels)
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
    return Evaluation(scores, held_out_h)


def judged(test: Samples) -> Samples:
    """The samples that count: labelled, and no augmented copies."""
    return test.take(test.originals & (test.labels >= 0))


def _by_group(right: np.ndarray, keys: np.ndarray) -> dict[str, dict[str, Any]]:
    return {
        str(key): {"n": int((keys == key).sum()), "accuracy": float(right[keys == key].mean())}
        for key in np.unique(keys)
        if key
    }


def format_report(metrics: Mapping[str, Any]) -> str:
    """The poster's two tables as text, at most 100 columns. metrics: train()'s, or Evaluation.as_dict()."""
    networks: Mapping[str, Mapping[str, Any]] = metrics["networks"]
    lines = [
        f"{'':24}{'clips':>7}{'accuracy %':>12}{'95 % interval':>15}"
        f"{'UAR %':>9}{'macro-F1 %':>12}{'ECE %':>8}{'p':>8}",
    ]
    for name, scores in networks.items():
        interval = scores["accuracy_interval"]
        between = "-" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"
        lines.append(
            f"{TITLES.get(name, name):24}{scores['n']:>7}{_percent(scores['accuracy']):>12}{between:>15}"
            f"{_percent(scores['uar']):>9}{_percent(scores['macro_f1']):>12}{_percent(scores['ece']):>8}"
            f"{_p(scores.get('p_against_emodal')):>8}"
        )
    if any(scores.get("p_against_emodal") is not None for scores in networks.values()):
        lines.append(
            "p: chance of a difference from EMODal this large on the same clips (exact McNemar test)"
        )
    for name in ("audio", "image", "emodal"):
        if name in networks:
            lines += ["", *_confusion_lines(TITLES[name], networks[name]["confusion"])]
    if metrics.get("h_score") is not None:
        lines += ["", f"H-score of the two codes on the test side: {metrics['h_score']:.3f}"]
    note = metrics.get("validation", {}).get("note")
    if note:
        lines += ["", f"note: {note}"]
    missing = sorted({label for s in networks.values() for label, r in s["recall"].items() if r is None})
    if missing:
        names = ", ".join(label for label in LABELS if label in missing)
        lines += ["", f"note: no test clip is {names}, so UAR and macro-F1 are not defined"]
    return "\n".join(lines)


def _confusion_lines(title: str, counts: list[list[int]]) -> list[str]:
    header = f"{'':24}" + "".join(f"{label:>10}" for label in LABELS) + f"{'clips':>10}"
    lines = [f"{title}: % of each true class, predicted as", header]
    for label, row in zip(LABELS, counts, strict=True):
        total = sum(row)
        cells = "".join(f"{_percent(count / total if total else None):>10}" for count in row)
        lines.append(f"{label:>24}{cells}{total:>10}")
    return lines


def _percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.2f}"


def _p(value: float | None) -> str:
    return "-" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"
