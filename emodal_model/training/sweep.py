"""A grid of settings, each point trained and judged by its validation side; the test side chooses nothing.

OUT/sweep/<point>/ holds each training, OUT/sweep.json what came of them, OUT/best.toml the best point's settings.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emodal_model.core.config import GridPoint, ModelConfig
from emodal_model.core.errors import ModelInputError
from emodal_model.core.files import write_json, write_text
from emodal_model.training.repeats import TrainingJob, repeats_of


def judged_network(config: ModelConfig) -> str:
    """The network that a sweep trains: the one asked for, EMODal where several are."""
    return "emodal" if config.name in ("compare", "all") else config.name


def sweep_repeats(dataset: Path, out: Path, points: Sequence[GridPoint]) -> list[list[TrainingJob]]:
    """The trainings of each point: one, or as many as config.seeds."""
    trainings = []
    for point in points:
        folder = out / "sweep" / re.sub(r"[^\w=.,+-]+", "_", point.title)
        config = point.config.model_copy(update={"name": judged_network(point.config)})
        trainings.append(repeats_of(dataset, folder, config))
    return trainings


def ranked(points: Sequence[GridPoint], metrics: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The points by validation cross-entropy, best first, as JSON values; best: the settings of the first that are no
    defaults. metrics: of the trainings of each point.

    Scores are means over the seeds and the members of each. Raises ModelInputError if there was no validation side.
    """
    rows = []
    for point, of_point in zip(points, metrics, strict=True):
        network = judged_network(point.config)
        stories = [m["training"][network] for m in of_point]
        members = [member for story in stories for member in (story, *story["other_members"])]
        scores = [member["validation"] for member in members]
        if any(score is None for score in scores):
            raise ModelInputError(
                "too few clips for a validation side, and nothing else may choose: no sweep"
            )
        rows.append(
            {
                "title": point.title,
                "settings": point.settings,
                "network": network,
                "trainings": len(members),
                "validation_cross_entropy": float(np.mean([score["cross_entropy"] for score in scores])),
                "validation_accuracy": float(np.mean([score["accuracy"] for score in scores])),
                "epochs": float(np.mean([member["best_epoch"] for member in members])),
            }
        )
    order = sorted(range(len(rows)), key=lambda number: (rows[number]["validation_cross_entropy"], number))
    defaults = ModelConfig().model_dump(mode="json")
    chosen = points[order[0]].config.model_dump(mode="json")
    best = {name: value for name, value in chosen.items() if value != defaults[name]}
    return {"points": [rows[number] for number in order], "best": best}


def write_sweep(out: Path, result: Mapping[str, Any]) -> None:
    """Write OUT/sweep.json and OUT/best.toml. Raises ModelWorkError if they cannot be written."""
    write_json(out / "sweep.json", dict(result))
    # Of plain values, JSON is TOML; no setting with a default other than null can be null.
    lines = [f"{name} = {json.dumps(value)}" for name, value in result["best"].items()]
    write_text(out / "best.toml", "\n".join(["[model]", *lines, ""]))


def format_sweep(result: Mapping[str, Any]) -> str:
    """The points as a table, best first. result: as from ranked."""
    rows = result["points"]
    titles = [row["title"] for row in rows]
    width = max(len(title) for title in titles)
    lines = [f"{'':{width}}{'validation: cross-entropy':>28}{'accuracy %':>12}{'best epoch':>12}"]
    for title, row in zip(titles, rows, strict=True):
        lines.append(
            f"{title:{width}}{row['validation_cross_entropy']:>28.4f}"
            f"{100 * row['validation_accuracy']:>12.2f}{row['epochs']:>12.1f}"
        )
    return "\n".join(lines)
