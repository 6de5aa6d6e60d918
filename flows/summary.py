"""What a build, or the plan of one, comes to: numbers for programs, a few lines for people."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from emodal_data.agreement import agreement
from emodal_data.annotations import read_annotations
from emodal_data.film_copies import film_at_hand, name_films
from emodal_data.isolation import WorkerPool
from emodal_data.overrides import override_plan
from emodal_data.plan import locate_films, plan_build
from emodal_data.reasons import ADVICE, Reason
from emodal_data.sources import FilmCatalogue, FilmFacts, FilmFile, inspect_guarded, still_growing
from emodal_data.storage import READING, local_path, pull, shown
from flows.config import Config

#: Wrong annotation rows told one by one.
MOST_WRONG_ROWS = 20


def build_summary(out: Path, result: dict[str, Any]) -> str:
    """The end of `emodal build` in a few lines."""
    lines = [*result["warnings"], *dataset_lines(result)]
    if "metrics" in result:
        from emodal_model.tables import format_report

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
    ]


def plan_result(config: Config) -> dict[str, Any]:
    """What a build would do, without doing it."""
    pull(config.annotations)
    if config.overrides:
        pull(config.overrides)
    name_films(config.films)
    # A build may be at work on its own copy.
    out = local_path(config.out, config.storage.cache, READING)
    pull(out / "clips")
    rows, files = locate_films(read_annotations(config.annotations), config.films)
    catalogue = FilmCatalogue(out / "clips" / "films.json")
    known = {name: catalogue.known(file) for name, file in files.items()}
    facts = {name: fact for name, fact in known.items() if fact}
    new = [file for name, file in files.items() if name not in facts]
    facts |= still_growing(new, config.engine.settle_s, time.time())
    facts |= _look([file for file in new if file.name not in facts], config)
    plan = plan_build(rows, files, facts, out / "clips", config.clips, config.face)
    plan = override_plan(plan, config.overrides)
    return {
        "rows": len(plan.rows),
        "films": len(files),
        "films_new_or_changed": sorted(name for name, fact in known.items() if fact is None),
        "clips": len(plan.clips),
        "clips_stored": len(plan.places),
        "clips_to_read": sum(len(reel.clips) for reel in plan.reels),
        "reels_to_read": len(plan.reels),
        "label_ties": int(plan.clips["tied"].sum()),
        "agreement": agreement(plan.rows),
        "overrides": plan.clips["review"].value_counts().to_dict() if "review" in plan.clips else {},
        "beyond_the_film": _beyond(plan.clips, {name: fact.duration_s for name, fact in facts.items()}),
        "warnings": list(plan.warnings),
        "wrong_rows": wrong_rows(plan.rows, config.annotations),
    }


def wrong_rows(rows: pd.DataFrame, annotations: Path) -> list[dict[str, Any]]:
    """The annotation rows that cannot be used, with file, row, reason and what is wrong. rows: plan.Plan.rows."""
    wrong = rows[rows["reason"].notna()]
    files = [shown(annotations)] * len(wrong)
    if "annotation_file" in wrong:
        files = [shown(annotations / file) for file in wrong["annotation_file"]]
    told = zip(files, wrong["row"], wrong["reason"], wrong["detail"], strict=True)
    return [
        {"file": file, "row": int(row), "reason": reason, "detail": detail}
        for file, row, reason, detail in told
    ]


def wrong_row_lines(rows: pd.DataFrame, annotations: Path) -> list[str]:
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


def _look(films: Sequence[FilmFile], config: Config) -> dict[str, FilmFacts]:
    """Inspect films in workers, as the build does."""
    if not films:
        return {}
    pool = WorkerPool(config.worker_count, config.clips.memory_mb)
    try:
        with ThreadPoolExecutor(config.worker_count) as threads:
            return {fact.name: fact for fact in threads.map(lambda film: _look_at(film, config, pool), films)}
    finally:
        pool.close()


def _look_at(film: FilmFile, config: Config, pool: WorkerPool) -> FilmFacts:
    with film_at_hand(film.path, config.films, config.storage.films_gb) as (path, films):
        return inspect_guarded(replace(film, path=path), films, config.clips, pool)


def plan_summary(result: dict[str, Any]) -> str:
    """The plan in a few lines, every wrong row with what to do about it."""
    new = result["films_new_or_changed"]
    lines = [
        f"{result['rows']} rows, {result['films']} films ({len(new)} new or changed), {result['clips']} clips",
        f"{result['clips_stored']} clips are stored, {result['clips_to_read']} are to be read",
    ]
    if result["overrides"]:
        decided = result["overrides"]
        lines.append(
            f"overrides: {decided.get('drop', 0)} clips dropped, {decided.get('relabel', 0)} relabelled"
        )
    told = result["agreement"]
    if told["spans"]:
        alpha = "not defined" if told["alpha"] is None else f"{told['alpha']:.3f}"
        lines.append(f"{told['spans']} spans have two votes or more; Krippendorff's alpha {alpha}")
    if result["label_ties"]:
        lines.append(f"{result['label_ties']} clips have tied votes")
    lines += [
        f"{name} {start_s:g}-{end_s:g} s is beyond the film"
        for name, start_s, end_s in result["beyond_the_film"]
    ]
    lines += result["warnings"]
    lines += [wrong_row_line(wrong) for wrong in result["wrong_rows"]]
    return "\n".join(lines)


def _beyond(clips: pd.DataFrame, durations_s: dict[str, float | None]) -> list[tuple[str, float, float]]:
    known = clips["film"].map(durations_s)
    late = clips[clips["end_s"] > known.astype(float) + 0.1]
    return list(zip(late["film"], late["start_s"], late["end_s"], strict=True))


def _reason_lines(dropped: dict[str, int]) -> list[str]:
    order = sorted(dropped.items(), key=lambda item: -item[1])
    return [f"  {count:>6} {name:<26} {ADVICE[Reason(name)]}" for name, count in order]
