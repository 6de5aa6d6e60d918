"""What the report shows of a training: a link to its report, and the answer of its networks beside each label.

The file is written anew after each training, so the manifest does not name it, and a rebuild carries it over.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emodal_data.dataset.integrity import TRAINING_SCRIPT
from emodal_data.presentation.report.pictures import script
from emodal_data.storage.files import write_bytes

Answers = Mapping[str, Mapping[str, Any]]
_NAME = "training"


def write_training(
    dataset: Path, report: str | None, answers: Answers | None = None, dataset_hash: str | None = None
) -> None:
    """Write what the report of a dataset shows of a training.

    report: of the training, relative to the report's folder. answers: by clip_id the label that was trained with,
    answer, label_probability, answer_probability, doubt and is_suspect, as JSON values; None keeps those of an earlier
    training. dataset_hash: of the dataset that the answers are from.
    """
    known = {"answers": {}, "dataset_hash": None} | read_training(dataset)
    if answers is not None:
        known |= {"answers": dict(answers), "dataset_hash": dataset_hash}
    write_bytes(dataset / TRAINING_SCRIPT, script(_NAME, known | {"report": report}))


def carry_training(before: Path | None, dataset: Path, clip_ids: Iterable[str]) -> None:
    """Write what the report of the previous dataset shows of a training, for the clips that are still there."""
    known = read_training(before) if before else {}
    answers = known.get("answers", {})
    left = {clip_id: answers[clip_id] for clip_id in clip_ids if clip_id in answers}
    write_training(dataset, known.get("report"), left, known.get("dataset_hash"))


def read_training(dataset: Path) -> dict[str, Any]:
    """What write_training wrote: report, answers and dataset_hash; empty if there is nothing."""
    try:
        text = (dataset / TRAINING_SCRIPT).read_text(encoding="utf-8").partition(",")[2].rpartition(",")[0]
        value = json.loads(text)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
