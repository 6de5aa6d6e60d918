"""Suspect labels: clips whose label the networks confidently disagree with, the most doubtful first.

The probabilities must come from networks that saw neither the clip nor its group: those of folds, or of the test split.
A network is not equally sure of every class, so a probability counts relative to the mean that its class has on the
clips with that label (Northcutt, Jiang and Chuang, Confident Learning, JAIR 2021).
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from emodal_model.core.files import write_text
from emodal_model.evaluation.predictions import Judged

#: The file in the folder of a training with folds.
SUSPECTS: Final = "folds/suspects.csv"

_COLUMNS = (
    *("clip_id", "film", "start_s", "end_s", "speaker", "fold", "label", "label_probability"),
    *("answer", "answer_probability", "doubt", "is_suspect"),
)
#: Names of films, people and classes, which may begin like a formula.
_NAMES: Final = ("film", "speaker", "label", "answer")
_FORMULA: Final = re.compile("^'([=+@-])")


def class_thresholds(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(classes,) mean probability of each class over the clips with that label; infinite for a class without clips.

    probabilities: (n, classes). labels: (n,) int.
    """
    sums = np.bincount(labels, probabilities[np.arange(len(labels)), labels], probabilities.shape[1])
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)


def find_suspects(judged: Judged, spans: Mapping[str, tuple[float, float]]) -> list[dict[str, Any]]:
    """A row for each clip with an answer of the main network, as JSON values, the most doubtful first.

    spans: start and end of clips by clip_id, in seconds. The shares of the classes are their probabilities, divided
    by the thresholds and scaled to a sum of 1. answer: the class with the largest share. doubt: 1 minus the
    share of the label. is_suspect: the answer is not the label, and its probability reaches the threshold.
    """
    probabilities = judged.main_answers()
    known = np.flatnonzero(~np.isnan(probabilities[:, 0]))
    probabilities, labels = probabilities[known], judged.labels[known]
    relative = probabilities / np.maximum(class_thresholds(probabilities, labels), 1e-9)
    rows = np.arange(len(labels))
    doubts = 1 - relative[rows, labels] / relative.sum(axis=1)
    answers = relative.argmax(axis=1)
    suspect = (answers != labels) & (relative[rows, answers] >= 1)
    found = []
    for place in np.argsort(-doubts, kind="stable").tolist():
        clip, label, answer = int(known[place]), int(labels[place]), int(answers[place])
        clip_id = str(judged.clip_ids[clip])
        start_s, end_s = spans.get(clip_id, (None, None))
        found.append(
            {
                "clip_id": clip_id,
                "film": str(judged.films[clip]),
                "start_s": start_s,
                "end_s": end_s,
                "speaker": str(judged.speakers[clip]) or None,
                "fold": int(judged.folds[clip]) if judged.folds[clip] >= 0 else None,
                "label": judged.classes[label],
                "label_probability": round(float(probabilities[place, label]), 4),
                "answer": judged.classes[answer],
                "answer_probability": round(float(probabilities[place, answer]), 4),
                "doubt": round(float(doubts[place]), 4),
                "is_suspect": bool(suspect[place]),
            }
        )
    return found


def count_suspects(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many clips were judged and are suspect, in all and by label. rows: from find_suspects."""
    per_class: dict[str, dict[str, int]] = {}
    for row in rows:
        counts = per_class.setdefault(row["label"], {"clips": 0, "suspects": 0})
        counts["clips"] += 1
        counts["suspects"] += row["is_suspect"]
    return {
        "clips": len(rows),
        "suspects": sum(row["is_suspect"] for row in rows),
        "per_class": dict(sorted(per_class.items())),
    }


def write_suspects(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows of find_suspects as CSV. Raises ModelWorkError if the file cannot be written."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        names = {name: _plain(row[name]) for name in _NAMES if row[name] is not None}
        writer.writerow({**row, **names, "is_suspect": int(row["is_suspect"])})
    write_text(path, text.getvalue())


def read_suspects(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of write_suspects, their numbers as numbers; none if there is no such file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    for row in rows:
        row.update({name: float(row[name]) for name in ("label_probability", "answer_probability", "doubt")})
        row.update({name: _FORMULA.sub(r"\1", row[name]) for name in _NAMES})
        row["is_suspect"] = row["is_suspect"] == "1"
    return rows


def _plain(name: str) -> str:
    """A name as a cell that is no formula in a spreadsheet: with ' before =, +, - or @."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@")) else name
