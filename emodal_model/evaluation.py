"""Judge trained networks on a dataset's test side, and print it as the poster's two tables.

Everything counts original clips only; fractions are 0 to 1 here and per cent in print.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.input import LABELS, Samples, read_samples
from emodal_model.losses import h_score
from emodal_model.predictor import Predictor, load, model_files
from emodal_model.scores import score

#: Rows of the first table, in the poster's order.
TITLES = {
    "audio": "audio",
    "image": "image",
    "emodal": "audio+image (EMODal)",
    "emodal_audio": "EMODal, face missing",
    "emodal_image": "EMODal, sound missing",
}


@dataclass(frozen=True)
class Evaluation:
    """Scores of each network on the test side.

    networks: name -> scores (see scores.score) plus by_film and by_speaker (n, accuracy). "emodal_audio" and
    "emodal_image" are EMODal answering with one modality missing. h_score: held-out, of EMODal's two codes.
    """

    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    h_score: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def evaluate(model_path: str | Path, dataset: str | Path) -> Evaluation:
    """Evaluate a .keras file, or every network of a model folder, on the test side of a dataset folder.

    Raises ModelInputError if either cannot be read.
    """
    load(model_path)  # says clearly what is wrong with the path before the dataset is read
    networks = [load(path) for path in model_files(Path(model_path))]
    return evaluate_on(networks, read_samples(Path(dataset), "test"))


def evaluate_on(networks: list[Predictor], test: Samples) -> Evaluation:
    """Evaluate networks on labelled originals of the samples; scores are None where there is no sample."""
    test = test.take(test.originals & (test.labels >= 0))
    scores: dict[str, dict[str, Any]] = {}
    held_out_h = None
    for network in networks:
        outputs = network.outputs(test)
        names = {head: f"emodal_{head}" for head in ("audio", "image")} if network.name == "emodal" else {}
        names[network.head_for(True, True)] = network.name
        for head, name in names.items():
            scores[name] = score(outputs[head], test.labels) | {
                "by_film": _by_group(outputs[head], test.labels, test.films),
                "by_speaker": _by_group(outputs[head], test.labels, test.speakers),
            }
        if network.name == "emodal" and len(test) > 1:
            held_out_h = float(h_score(outputs["audio_code"], outputs["image_code"]))
    ordered = {name: scores[name] for name in TITLES if name in scores}
    return Evaluation(ordered, held_out_h)


def _by_group(probabilities: np.ndarray, labels: np.ndarray, keys: np.ndarray) -> dict[str, dict[str, Any]]:
    right = probabilities.argmax(axis=1) == labels
    return {
        str(key): {"n": int((keys == key).sum()), "accuracy": float(right[keys == key].mean())}
        for key in np.unique(keys)
        if key
    }


def format_report(metrics: Mapping[str, Any]) -> str:
    """The poster's two tables as text, at most 100 columns. metrics: train()'s, or Evaluation.as_dict()."""
    networks: Mapping[str, Mapping[str, Any]] = metrics["networks"]
    lines = [
        f"{'':24}{'clips':>7}{'accuracy %':>12}{'95 % interval':>16}"
        f"{'UAR %':>9}{'macro-F1 %':>12}{'ECE %':>8}",
    ]
    for name, scores in networks.items():
        interval = scores["accuracy_interval"]
        between = "-" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"
        lines.append(
            f"{TITLES.get(name, name):24}{scores['n']:>7}{_percent(scores['accuracy']):>12}{between:>16}"
            f"{_percent(scores['uar']):>9}{_percent(scores['macro_f1']):>12}{_percent(scores['ece']):>8}"
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
