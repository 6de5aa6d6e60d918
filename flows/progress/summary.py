"""What a build, or the plan of one, comes to: numbers for programs, a few lines for people."""

import shlex
from pathlib import Path
from typing import Any

from emodal_data.clips.plan import Plan
from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.core.text import counted
from emodal_data.storage.urls import shown
from flows.progress.wrong_rows import wrong_row_line, wrong_row_lines, wrong_rows

#: Lines of one kind that a plan prints unless asked for all.
MOST_LINES = 6


def build_summary(out: Path, result: dict[str, Any]) -> str:
    """The end of `emodal build` in a few lines: the outcome, where it is, and both reports."""
    lines = [*result["warnings"], *dataset_lines(result)]
    dataset, model = out / "dataset", out / "model"
    places = [f"dataset  {shown(dataset)}", f"report   {report_of(dataset)}"]
    if "metrics" in result:
        from emodal_model.evaluation.tables import format_report

        lines += ["", format_report(result["metrics"]), ""]
        places += [f"model    {shown(model)}", f"report   {report_of(model)}"]
    return "\n".join([*lines, *places])


def build_line(out: Path, result: dict[str, Any]) -> str:
    """The end of `emodal build -q`: what there is now, in one line."""
    counts = result["counts"]
    line = f"{shown(out / 'dataset')}: {counts['kept']} of {counts['rows']} rows, {counts['samples']} samples"
    return line if "metrics" not in result else f"{line}; {model_line(out / 'model', result['metrics'])}"


def model_line(model: Path, metrics: dict[str, Any]) -> str:
    """A model in one line: where it is, and the scores of EMODal, or of the network that there is instead.

    The accuracy; of a dataset without classes, the concordance correlation of each target.
    """
    if metrics["networks"]:
        said = [_score("accuracy", "accuracy", ".1%", metrics["networks"])]
    else:
        said = [_score(f"CCC of {name}", "ccc", ".3f", each) for name, each in metrics["targets"].items()]
    return f"{shown(model)}: {', '.join(said)}"


def _score(what: str, key: str, shape: str, networks: dict[str, Any]) -> str:
    name = "emodal" if "emodal" in networks else next(iter(networks))
    score = networks[name][key]
    return f"{what} of {name} {'not known' if score is None else format(score, shape)}"


def after_build(out: Path, result: dict[str, Any]) -> list[str]:
    """What people do after a build: ask the model, or train one."""
    model = out / "model"
    if "metrics" in result:
        return [next_command("predict", model, "FILM")]
    return [next_command("train", out / "dataset", "--out", model)]


def report_of(folder: Path) -> Path:
    """The page of a dataset or a model that a browser opens."""
    return folder / "report" / "index.html"


def next_command(*words: str | Path) -> str:
    """The line that ends a command's output: what people do next, to copy into a shell."""
    quoted = (shlex.quote(shown(word) if isinstance(word, Path) else word) for word in words)
    return f"next: emodal {' '.join(quoted)}"


def dataset_lines(result: dict[str, Any]) -> list[str]:
    """What became of the rows, and what the dataset holds."""
    counts = result["counts"]
    if result["published"] or result["clips_read"]:
        read = f"{result['clips_read']} clips read from films"
    else:
        read = "nothing changed: no film was read, the dataset stays as it is"
    per_split = ", ".join(f"{side} {n}" for side, n in counts["samples_per_split"].items())
    return [
        f"{counts['kept']} of {counts['rows']} rows kept; {read}",
        *_reason_lines(counts["dropped"]),
        f"{counts['samples']} samples ({per_split})",
        *result.get("split_warnings", []),
    ]


def plan_lines(plan: Plan, annotations: Path) -> list[str]:
    """What is odd or wrong in a plan, in a few lines."""
    return [*plan.warnings, *wrong_row_lines(wrong_rows(plan.rows, annotations))]


def plan_summary(result: dict[str, Any], with_all: bool = False) -> str:
    """The plan on at most a screen; with_all: with a line for every warning and every wrong row."""
    new = result["films_new_or_changed"]
    lines = [
        f"{counted(result['rows'], 'row', 'rows')}, {counted(result['films'], 'film', 'films')} "
        f"({len(new)} new or changed), {counted(result['clips'], 'clip', 'clips')}",
        f"{counted(result['clips_stored'], 'clip is', 'clips are')} stored, {result['clips_to_read']} to be read",
    ]
    if expected := result["split"]["clips_per_split"]:
        per_split = ", ".join(f"{name} {count}" for name, count in expected.items())
        lines.append(f"split, if all labelled clips are clear: {per_split}")
    if result["overrides"]:
        decided = result["overrides"]
        lines.append(
            f"overrides: {decided.get('drop', 0)} clips dropped, {decided.get('relabel', 0)} relabelled"
        )
    if result["review"].get("in_common"):
        lines.append(_review_line(result["review"]))
    votes = result["agreement"]
    if votes["spans"]:
        alpha = "not defined" if votes["alpha"] is None else f"{votes['alpha']:.3f}"
        lines.append(
            f"{counted(votes['spans'], 'span has', 'spans have')} two votes or more; Krippendorff's alpha {alpha}"
        )
    if result["label_ties"]:
        lines.append(counted(result["label_ties"], "clip has", "clips have") + " tied votes")
    beyond = [
        f"{name} {start_s:g}-{end_s:g} s is beyond the film"
        for name, start_s, end_s in result["beyond_the_film"]
    ]
    wrong = result["wrong_rows"]
    odd = [*result["warnings"], *result["split"]["warnings"]]
    if with_all:
        lines += [*beyond, *odd, *map(wrong_row_line, wrong)]
    else:
        lines += [*_first(beyond, "spans"), *_first(odd, "warnings"), *wrong_row_lines(wrong)]
    return "\n".join(lines)


def _review_line(review: dict[str, Any]) -> str:
    alpha = "not defined" if review["alpha"] is None else f"{review['alpha']:.3f}"
    return (
        f"{review['reviewers']} reviewers decided {review['in_common']} clips in common, "
        f"{review['agreed']} of them alike; Krippendorff's alpha {alpha}"
    )


def _first(lines: list[str], what: str) -> list[str]:
    more = len(lines) - MOST_LINES
    return lines if more <= 0 else [*lines[:MOST_LINES], f"and {more} more such {what}: emodal plan --all"]


def _reason_lines(dropped: dict[str, int]) -> list[str]:
    order = sorted(dropped.items(), key=lambda item: -item[1])
    return [f"  {count:>6} {name:<26} {ADVICE[Reason(name)]}" for name, count in order]
