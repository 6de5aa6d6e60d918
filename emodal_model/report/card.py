"""The model card (README.md of a model folder): intended use, training data, results and limits."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from emodal_model.core.config import ModelConfig, PictureName
from emodal_model.core.files import write_text
from emodal_model.data.samples import read_manifest
from emodal_model.evaluation.scores import wilson_interval
from emodal_model.evaluation.tables import TITLES, TRAINED, power_note
from emodal_model.inference.metadata import picture_of
from emodal_model.report.templates import render

#: What the networks take of a face, by model.input.
_PICTURES: Final[Mapping[PictureName, str]] = {
    "image": "a frontal face (128x128, gray)",
    "rgb": "a face in colour (the view rgb, resized to 128x128)",
    "gray": "a face as it was filmed (the view gray, resized to 128x128)",
}


def write_card(out: Path, dataset: Path, metrics: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write OUT/README.md; see model_card for the arguments. Raises ModelWorkError if it cannot be written."""
    group_by = read_manifest(dataset).get("leak_proof", {}).get("group_by", "an unknown group")
    split_by = group_by if isinstance(group_by, str) else " or ".join(group_by)
    write_text(out / "README.md", model_card(out.name, metrics, about, split_by))


def model_card(folder: str, metrics: Mapping[str, Any], about: Mapping[str, Any], split_by: str) -> str:
    """The card as Markdown.

    folder: the name of the model folder. metrics: as in metrics.json. about: the metadata of the model file.
    split_by: the unit of the dataset's split, such as film.
    """
    networks = metrics["networks"]
    main_name = next((name for name in reversed(TRAINED) if name in networks), None)
    main = networks[main_name] if main_name else None
    classes = list(main["recall"]) if main else about["labels"]
    films = sorted(
        ((name, f["accuracy"]) for name, f in (main or {}).get("by_film", {}).items()), key=_second
    )
    return render(
        "card.md.j2",
        picture=_PICTURES[picture_of(about)],
        folder=folder,
        metrics=metrics,
        about=about,
        networks=networks,
        main=main,
        main_name=main_name,
        sides=metrics["dataset"],
        split_by=split_by,
        labels=classes,
        titles=TITLES,
        power_note=power_note,
        classes=_classes(classes, main["confusion"]) if main else [],
        films=films,
        temperatures=metrics["training"].get(main_name, {}).get("temperatures", {}),
        fusion=metrics["training"].get(main_name, {}).get("fusion"),
        changed=changed_settings(metrics["config"]),
    )


def changed_settings(config: Mapping[str, Any]) -> list[str]:
    """The settings that differ from the defaults, as arguments of `--set`."""
    defaults = ModelConfig().model_dump(mode="json")
    return [
        f"{name}={json.dumps(value) if not isinstance(value, str) else value}"
        for name, value in config.items()
        if value != defaults.get(name)
    ]


def _classes(classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    rows = []
    for number, (label, counts) in enumerate(zip(classes, confusion, strict=True)):
        total = sum(counts)
        low, high = wilson_interval(counts[number], total) if total else (None, None)
        rows.append(
            {
                "label": label,
                "n": total,
                "recall": counts[number] / total if total else None,
                "low": low,
                "high": high,
                "shares": [count / total if total else None for count in counts],
            }
        )
    return rows


def _second(pair: tuple[str, float]) -> float:
    return pair[1]
