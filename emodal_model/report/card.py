"""The README of a model folder: what the network is for and not for, what it learned from, and how often it errs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from emodal_model.core.config import ModelConfig
from emodal_model.core.files import write_text
from emodal_model.data.contract import LABELS
from emodal_model.data.samples import read_manifest
from emodal_model.evaluation.scores import wilson_interval
from emodal_model.evaluation.tables import TITLES, TRAINED


def write_card(out: Path, dataset: Path, metrics: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write OUT/README.md; arguments as model_card takes them. Raises ModelWorkError if it cannot be written."""
    split_by = read_manifest(dataset).get("leak_proof", {}).get("group_by", "nothing that is known")
    write_text(out / "README.md", model_card(out.name, metrics, about, split_by))


def model_card(folder: str, metrics: Mapping[str, Any], about: Mapping[str, Any], split_by: str) -> str:
    """The card as Markdown.

    folder: how the text calls the model's folder. metrics: as in metrics.json. about: as in the model file.
    split_by: what may not stand on both sides of the dataset's split.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("emodal_model.report", "."),
        autoescape=False,  # Markdown is no HTML: quotes would come out as entities
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["percent"] = lambda x: "-" if x is None else f"{100 * x:.1f}"
    environment.filters["settings"] = _settings
    environment.filters["plain"] = lambda name: " ".join(name.replace("`", "'").split())
    networks = metrics["networks"]
    main_name = next((name for name in reversed(TRAINED) if name in networks), None)
    main = networks[main_name] if main_name else None
    films = sorted(
        ((name, f["accuracy"]) for name, f in (main or {}).get("by_film", {}).items()), key=_second
    )
    return environment.get_template("card.md.j2").render(
        folder=folder,
        metrics=metrics,
        about=about,
        networks=networks,
        main=main,
        main_name=main_name,
        sides=metrics["dataset"],
        split_by=split_by,
        labels=LABELS,
        titles=TITLES,
        classes=_classes(main["confusion"]) if main else [],
        films=films,
        temperatures=metrics["training"].get(main_name, {}).get("temperatures", {}),
        fusion=metrics["training"].get(main_name, {}).get("fusion"),
        changed=changed_settings(metrics["config"]),
    )


def changed_settings(config: Mapping[str, Any]) -> list[str]:
    """The settings that are not the defaults, as `--set` takes them."""
    defaults = ModelConfig().model_dump(mode="json")
    return [
        f"{name}={json.dumps(value) if not isinstance(value, str) else value}"
        for name, value in config.items()
        if value != defaults.get(name)
    ]


def _classes(confusion: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    rows = []
    for number, (label, counts) in enumerate(zip(LABELS, confusion, strict=True)):
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


def _settings(section: Mapping[str, Any]) -> str:
    """A section on one line; what is not set is left out, and the folder of weights, which is nobody's business."""
    shown = {name: value for name, value in section.items() if value is not None and name != "weights"}
    told = ", ".join(f"{name}={value}" for name, value in shown.items())
    return told or "not recorded"


def _second(pair: tuple[str, float]) -> float:
    return pair[1]
