"""The dataset's report learns of a training: a link to its report, and the networks' answer beside each label."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from emodal_data.core.errors import EmodalError
from emodal_data.dataset.integrity import TRAINING_SCRIPT
from emodal_data.presentation.report.training import write_training
from emodal_data.storage.urls import url_of
from emodal_model.evaluation.suspects import SUSPECTS, read_suspects
from flows.progress.observer import observer

_SHOWN = ("label", "label_probability", "answer", "answer_probability", "doubt", "is_suspect")


def show_training(dataset: Path, model: Path, metrics: dict[str, Any]) -> None:
    """Write into the report of a dataset what it shows of a training; a training without folds only gets its link.

    dataset, model: folders. metrics: of the training. A dataset without a report, or at a URL, stays as it is; one that
    cannot be written is logged.
    """
    page = (dataset / TRAINING_SCRIPT).parent.parent
    if not page.is_dir() or url_of(dataset) is not None:
        return
    path = os.path.relpath((model / "report" / "index.html").resolve(), page.resolve())
    report = quote(Path(path).as_posix())
    answers = None
    if "suspects" in metrics:
        rows = read_suspects(model / SUSPECTS)
        answers = {row["clip_id"]: {name: row[name] for name in _SHOWN} for row in rows}
    try:
        write_training(dataset, report, answers, metrics["dataset"]["hash"])
    except EmodalError as error:
        observer().log(f"the report of the dataset does not show the training: {error}")
