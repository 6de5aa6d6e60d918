"""What a build, or the plan of one, comes to: numbers for programs, a few lines for people."""

from pathlib import Path
from typing import Any

import pandas as pd

from emodal_data.clips.plan import Plan
from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.storage.urls import shown

#: Wrong annotation rows that are reported one by one.
MOST_WRONG_ROWS = 20


def build_summary(out: Path, result: dict[str, Any]) -> str:
    """The end of `emodal build` in a few lines."""
    lines = [*result["warnings"], *dataset_lines(result)]
    if "metrics" in result:
        from emodal_model.evaluation.tables import format_report

        lines += ["", format_report(result["metrics"]), "", f"model    {shown(out / 'model')}"]
    dataset = out / "dataset"
    lines += [f"dataset  {shown(dataset)}", f"report   {dataset / 'report' / 'index.html'}"]
    return "\n".join(lines)


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


def wrong_rows(rows: pd.DataFrame, annotations: Path) -> list[dict[str, Any]]:
    """The annotation rows that cannot be used, with file, row, reason and what is wrong. rows: plan.Plan.rows."""
    wrong = rows[rows["reason"].notna()]
    files = [shown(annotations)] * len(wrong)
    if "annotation_file" in wrong:
        files = [shown(annotations / file) for file in wrong["annotation_file"]]
    listed = zip(files, wrong["row"], wrong["reason"], wrong["detail"], strict=True)
    return [
        {"file": file, "row": int(row), "reason": reason, "detail": detail}
        for file, row, reason, detail in listed
    ]


def plan_lines(plan: Plan, annotations: Path) -> list[str]:
    """What is odd or wrong in a plan, a line each."""
    return [*plan.warnings, *_wrong_row_lines(plan.rows, annotations)]


def _wrong_row_lines(rows: pd.DataFrame, annotations: Path) -> list[str]:
    """The first wrong rows, a line each, and how many more there are. rows: plan.Plan.rows."""
    wrong = wrong_rows(rows, annotations)
    lines = [wrong_row_line(row) for row in wrong[:MOST_WRONG_ROWS]]
    if len(wrong) > MOST_WRONG_ROWS:
        more = len(wrong) - MOST_WRONG_ROWS
        lines.append(f"and {more} more rows; the ledger has all of them, emodal plan too")
    return lines


def wrong_row_line(wrong: dict[str, Any]) -> str:
    """One line for a row that cannot be used."""
    return f"{wrong['file']}: row {wrong['row']}: {wrong['reason']}: {wrong['detail']}"


def plan_summary(result: dict[str, Any]) -> str:
    """The plan in a few lines, every wrong row with what to do about it."""
    new = result["films_new_or_changed"]
    lines = [
        f"{result['rows']} rows, {result['films']} films ({len(new)} new or changed), {result['clips']} clips",
        f"{result['clips_stored']} clips are stored, {result['clips_to_read']} are to be read",
    ]
    if expected := result["split"]["clips_per_split"]:
        per_split = ", ".join(f"{name} {count}" for name, count in expected.items())
        lines.append(f"split, if all labelled clips are clear: {per_split}")
    if result["overrides"]:
        decided = result["overrides"]
        lines.append(
            f"overrides: {decided.get('drop', 0)} clips dropped, {decided.get('relabel', 0)} relabelled"
        )
    votes = result["agreement"]
    if votes["spans"]:
        alpha = "not defined" if votes["alpha"] is None else f"{votes['alpha']:.3f}"
        lines.append(f"{votes['spans']} spans have two votes or more; Krippendorff's alpha {alpha}")
    if result["label_ties"]:
        lines.append(f"{result['label_ties']} clips have tied votes")
    lines += [
        f"{name} {start_s:g}-{end_s:g} s is beyond the film"
        for name, start_s, end_s in result["beyond_the_film"]
    ]
    lines += [*result["warnings"], *result["split"]["warnings"]]
    lines += [wrong_row_line(wrong) for wrong in result["wrong_rows"]]
    return "\n".join(lines)


def _reason_lines(dropped: dict[str, int]) -> list[str]:
    order = sorted(dropped.items(), key=lambda item: -item[1])
    return [f"  {count:>6} {name:<26} {ADVICE[Reason(name)]}" for name, count in order]
