"""The report of a training run: one self-contained HTML page that opens from disk."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from emodal_model.core.files import write_text
from emodal_model.data.samples import Samples
from emodal_model.evaluation.tables import TITLES, TRAINED, power_note
from emodal_model.report import templates
from emodal_model.report.charts import (
    code_scatter,
    curves,
    history_lines,
    reliability_diagram,
    spread_chart,
    value_plot,
    warm_up_line,
)
from emodal_model.report.mistakes import Mistake, worst_mistakes
from emodal_model.report.palette import class_colours

#: Number of films, and of speakers, with the lowest accuracy that are shown.
_MOST_GROUPS = 12


def write_report(
    path: Path,
    metrics: Mapping[str, Any],
    test: Samples,
    outputs: Mapping[str, np.ndarray],
    answers: np.ndarray,
    values: np.ndarray | None = None,
    dataset: Path | None = None,
    dataset_report: str = "",
) -> None:
    """Write the page of a run.

    metrics: as in metrics.json. test: from evaluate.labelled_originals. outputs: of the main network for `test`.
    answers: (n, classes) probabilities, as of Predictor.answers. values: (n, targets), of Predictor.values.
    dataset: the folder with the sounds of the mistakes.
    dataset_report: address of the report of the dataset; empty without one.
    Raises ModelWorkError if the page cannot be written.
    """
    mistakes = worst_mistakes(test, answers, dataset)
    scatter = ""
    pairs = test.having("both")
    if "audio_code" in outputs and pairs.sum() > 1:
        codes = outputs["audio_code"][pairs], outputs["image_code"][pairs]
        scatter = code_scatter(*codes, test.labels[pairs], test.classes or ("clip",))
    plots = {}
    if values is not None and len(test):
        columns = zip(test.target_names, test.targets.T, values.T, strict=True)
        plots = {name: value_plot(truth, answer, name) for name, truth, answer in columns}
    write_text(path, render(metrics, mistakes, scatter, dataset_report, plots))


def render(
    metrics: Mapping[str, Any],
    mistakes: list[Mistake],
    scatter: str = "",
    dataset_report: str = "",
    value_plots: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The whole page. scatter: SVG. dataset_report: as in write_report. value_plots: SVG by target."""
    networks = metrics["networks"]
    trained = [name for name in TRAINED if name in networks]
    main = trained[-1] if trained else None
    classes = list(networks[main]["recall"]) if main else []
    of_targets = {
        target: next(scores[name] for name in reversed(TRAINED) if name in scores)
        for target, scores in metrics.get("targets", {}).items()
        if set(scores) & set(TRAINED)
    }
    return templates.render(
        "index.html.j2",
        metrics=metrics,
        networks=networks,
        trained=trained,
        main=networks[main] if main else None,
        of_targets=of_targets,
        value_plots=value_plots,
        titles=TITLES,
        power_note=power_note,
        labels=classes,
        colours=class_colours(classes),
        reliability={n: reliability_diagram(networks[n]["reliability"], TITLES[n]) for n in trained},
        dataset_report=dataset_report,
        curves={name: _curve(name, run) for name, run in metrics["training"].items()},
        kept={n: _kept(run, metrics["config"]["min_steps"]) for n, run in metrics["training"].items()},
        warm_ups={n: c for n, run in metrics["training"].items() if (c := _warm_up_curve(n, run))},
        repeats=_repeats_chart(metrics.get("repeats")),
        scatter=scatter,
        mistakes=mistakes,
        films=_hardest(networks[main].get("by_film", {})) if main else [],
        speakers=_hardest(networks[main].get("by_speaker", {})) if main else [],
    )


def _curve(name: str, run: Mapping[str, Any]) -> str:
    """The curve of the first member, drawn over those of the others."""
    (own,), unit = history_lines(run["history"])
    others = [
        replace(line, name=f"{line.name} of member {number}", colour="var(--line)")
        for number, other in enumerate(run.get("other_members", []), start=2)
        for line in history_lines(other["history"])[0]
    ]
    title = f"{own.name} of {TITLES.get(name, name)}"
    return curves([*others, own], run["best_epoch"], title, unit, run.get("first_candidate", 1))


def _kept(run: Mapping[str, Any], min_steps: int) -> str:
    """Why the epoch whose weights were kept was kept."""
    history, best, first = run["history"], run["best_epoch"], run.get("first_candidate", 1)
    text = f"epoch {best} of {len(history)} was kept"
    loss = history[best - 1]["validation_loss"] if 0 < best <= len(history) else None
    if loss is None:
        return text
    text += f", with the lowest validation loss ({loss:.3f})"
    return (
        text
        if first == 1
        else f"{text} from epoch {first} on: before, fewer than {min_steps} steps were taken"
    )


def _warm_up_curve(name: str, run: Mapping[str, Any]) -> str:
    warm_up = run.get("warm_up", [])
    line = warm_up_line(warm_up)
    if line is None:
        return ""
    best = max((r["epoch"] for r in warm_up if r["stage"] == "common" and r["is_best"]), default=0)
    return curves([line], best, f"{line.name} of {TITLES.get(name, name)}", "H-score")


def _repeats_chart(repeats: Mapping[str, Any] | None) -> str:
    if repeats is None:
        return ""
    rows = [(TITLES.get(name, name), spread) for name, spread in repeats["networks"].items()]
    return spread_chart(rows, repeats["by"])


def _hardest(groups: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, int, float]]:
    rows = [(name, int(group["n"]), float(group["accuracy"])) for name, group in groups.items()]
    return sorted(rows, key=lambda row: (row[2], -row[1], row[0]))[:_MOST_GROUPS]
