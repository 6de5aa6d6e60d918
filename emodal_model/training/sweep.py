"""A sweep over a grid of settings: each point is trained and ranked by its validation split, never by the test split.

OUT/sweep/<point>/ holds each training, OUT/sweep.json the results, OUT/best.toml the settings of the best point.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from emodal_model.core.config import GridPoint, ModelConfig
from emodal_model.core.errors import ModelInputError
from emodal_model.core.files import write_json, write_text
from emodal_model.training.repeats import TrainingJob, repeats_of

#: What a sweep is ranked by, the first that the validation scores have.
_LOSSES: Final = ("cross_entropy", "squared_error")


def swept_network(config: ModelConfig) -> str:
    """The network that a sweep trains: the one asked for, or EMODal if several are."""
    return "emodal" if config.name in ("compare", "all") else config.name


def sweep_repeats(dataset: Path, out: Path, points: Sequence[GridPoint]) -> list[list[TrainingJob]]:
    """The trainings of each point, one for each of config.seeds."""
    trainings = []
    for point in points:
        folder = out / "sweep" / re.sub(r"[^\w=.,+-]+", "_", point.title)
        config = point.config.model_copy(update={"name": swept_network(point.config)})
        trainings.append(repeats_of(dataset, folder, config))
    return trainings


def ranked(points: Sequence[GridPoint], metrics: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The points by validation cross-entropy, or squared error without classes, best first, as JSON values.

    metrics: of the trainings of each point. "best": the settings of the best point that differ from the defaults.
    Scores are means over seeds and members. Raises ModelInputError if a training had no validation samples.
    """
    rows = []
    for point, of_point in zip(points, metrics, strict=True):
        network = swept_network(point.config)
        trainings = [m["training"][network] for m in of_point]
        members = [member for first in trainings for member in (first, *first["other_members"])]
        scores = [member["validation"] for member in members]
        if any(score is None for score in scores):
            raise ModelInputError(
                "too few clips for a validation split, which a sweep is ranked by; annotate more clips"
            )
        rows.append(
            {
                "title": point.title,
                "settings": point.settings,
                "network": network,
                "trainings": len(members),
                **{
                    f"validation_{name}": float(np.mean([score[name] for score in scores]))
                    for name in (*_LOSSES, "accuracy")
                    if name in scores[0]
                },
                "epochs": float(np.mean([member["best_epoch"] for member in members])),
            }
        )
    loss = f"validation_{_loss_of(rows[0])}"
    order = sorted(range(len(rows)), key=lambda number: (rows[number][loss], number))
    defaults = ModelConfig().model_dump(mode="json")
    chosen = points[order[0]].config.model_dump(mode="json")
    best = {name: value for name, value in chosen.items() if value != defaults[name]}
    return {"points": [rows[number] for number in order], "best": best}


def write_sweep(out: Path, result: Mapping[str, Any]) -> None:
    """Write OUT/sweep.json and OUT/best.toml. Raises ModelWorkError if they cannot be written."""
    write_json(out / "sweep.json", dict(result))
    # Plain values are the same in JSON and TOML; a setting whose default is not null cannot be null.
    lines = [f"{name} = {json.dumps(value)}" for name, value in result["best"].items()]
    write_text(out / "best.toml", "\n".join(["[model]", *lines, ""]))


def format_sweep(result: Mapping[str, Any]) -> str:
    """The points as a table, best first. result: from ranked()."""
    rows = result["points"]
    titles = [row["title"] for row in rows]
    width = max(len(title) for title in titles)
    loss = _loss_of(rows[0])
    lines = [f"{'':{width}}{'validation: ' + loss.replace('_', '-'):>28}{'accuracy %':>12}{'best epoch':>12}"]
    for title, row in zip(titles, rows, strict=True):
        share = row.get("validation_accuracy")
        accuracy = "-" if share is None else f"{100 * share:.2f}"
        lines.append(f"{title:{width}}{row[f'validation_{loss}']:>28.4f}{accuracy:>12}{row['epochs']:>12.1f}")
    return "\n".join(lines)


def _loss_of(row: Mapping[str, Any]) -> str:
    """What the points are ranked by: with classes the cross-entropy, else the squared error of standardised targets."""
    return next(name for name in _LOSSES if f"validation_{name}" in row)
