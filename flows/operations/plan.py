"""The plan of a build: annotations, films, reels, what is stored already and what is wrong.

The flow, `emodal plan` and the check for a build without work all plan in these three steps; they differ in who looks
at new films.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from emodal_data.annotations import read_annotations
from emodal_data.annotations.agreement import agreement
from emodal_data.clips.films import (
    FilmCatalogue,
    FilmFacts,
    FilmFile,
    inspect_guarded,
    limits_key,
    still_growing,
)
from emodal_data.clips.overrides import override_plan, read_overrides
from emodal_data.clips.plan import Plan, locate_films, plan_build
from emodal_data.clips.reviewers import conflict_lines, review_summary, settle
from emodal_data.core.worker_pool import WorkerPool
from emodal_data.dataset.carried import check_carried
from emodal_data.dataset.folder import previous_split
from emodal_data.dataset.persons import with_person_column
from emodal_data.dataset.split.expected import expected_split
from emodal_data.dataset.split.groups import check_columns
from emodal_data.dataset.split.official import mark_unknown_splits, not_followed
from emodal_data.storage.film_cache import film_at_hand, name_films
from emodal_data.storage.sync import pull
from emodal_data.storage.urls import READING, local_path
from flows.config.models import Config
from flows.progress.wrong_rows import wrong_rows


@dataclass(frozen=True)
class BuildInputs:
    """The annotation rows, and the film files that they name, by name."""

    rows: pd.DataFrame
    files: Mapping[str, FilmFile]


@dataclass(frozen=True)
class FilmSurvey:
    """What is known of the films without reading one.

    facts: of films that did not change since they were looked at, and of those still being copied. changed: names of
    films that are new or changed. to_look_at: those of them that are not still being copied.
    """

    catalogue: FilmCatalogue
    facts: dict[str, FilmFacts]
    changed: list[str]
    to_look_at: list[FilmFile]


def read_inputs(config: Config) -> BuildInputs:
    """Read the annotations and find their films; what is remote is copied first.

    Raises InputError if annotations or overrides cannot be read, or lack a column that the settings name.
    """
    if config.table.reads_names:
        name_films(config.annotations)
    else:
        pull(config.annotations)
    for path in config.overrides:
        pull(path)
    read_overrides(config.overrides, config.labels)
    name_films(config.films)
    rows = read_annotations(config.annotations, config.table, config.films, config.labels)
    rows = with_person_column(rows, config.face)
    check_columns(rows, config.split)
    check_carried(rows, config)
    rows = mark_unknown_splits(rows, config.split)
    return BuildInputs(*locate_films(rows, config.films))


def survey_films(inputs: BuildInputs, config: Config, out: Path) -> FilmSurvey:
    """Compare the films with the catalogue of a build's folder."""
    catalogue = FilmCatalogue(out / "clips" / "films.json", limits_key(config.clips))
    facts = {name: fact for name, file in inputs.files.items() if (fact := catalogue.known(file))}
    changed = sorted(inputs.files.keys() - facts.keys())
    facts |= still_growing([inputs.files[name] for name in changed], config.engine.settle_s, time.time())
    new = [inputs.files[name] for name in changed if name not in facts]
    to_look_at = [replace(film, sha256=catalogue.known_sha256(film)) for film in new]
    return FilmSurvey(catalogue, facts, changed, to_look_at)


def plan_reels(inputs: BuildInputs, facts: Mapping[str, FilmFacts], config: Config, out: Path) -> Plan:
    """Turn rows into clips and reels, those to be read and those that the store has. facts: of every film."""
    settled = settle(read_overrides(config.overrides, config.labels))
    decided = {clip_id: one.taken for clip_id, one in settled.items()}
    relabelled = {clip_id for clip_id, override in decided.items() if override.label}
    store = out / "clips"
    plan = plan_build(
        inputs.rows,
        inputs.files,
        facts,
        store,
        config.clips,
        config.face,
        config.labels,
        relabelled,
        config.audio,
    )
    conflicts = conflict_lines(settled)
    plan = replace(plan, warnings=(*plan.warnings, *not_followed(plan.rows, config.split), *conflicts))
    return override_plan(plan, decided, config.labels)


def plan_result(config: Config) -> dict[str, Any]:
    """What a build would do, without doing it. Raises InputError for what is wrong with input or settings."""
    inputs = read_inputs(config)
    # A build may be at work on its own copy.
    out = local_path(config.out, config.storage.cache, READING)
    pull(out / "clips")
    survey = survey_films(inputs, config, out)
    facts = survey.facts | _look_at(survey.to_look_at, config)
    plan = plan_reels(inputs, facts, config, out)
    to_read = sum(len(reel.clips) for reel in plan.reels)
    return {
        "rows": len(plan.rows),
        "films": len(inputs.files),
        "films_new_or_changed": survey.changed,
        "clips": len(plan.clips),
        "clips_stored": len(plan.clips) - to_read,
        "clips_to_read": to_read,
        "reels_to_read": len(plan.reels),
        "label_ties": int(plan.clips["tied"].sum()),
        "agreement": agreement(plan.rows, config.labels.classes),
        "overrides": plan.clips["review"].value_counts().to_dict() if "review" in plan.clips else {},
        "review": review_summary(read_overrides(config.overrides, config.labels)),
        "beyond_the_film": _beyond(plan.clips, {name: fact.duration_s for name, fact in facts.items()}),
        "warnings": list(plan.warnings),
        "split": expected_split(
            plan.rows, plan.clips, config.split, previous_split(out / "dataset", config.split)
        ),
        "wrong_rows": wrong_rows(plan.rows, config.annotations),
    }


def _look_at(films: Sequence[FilmFile], config: Config) -> dict[str, FilmFacts]:
    """Inspect films in workers, as the build does."""
    if not films:
        return {}
    pool = WorkerPool(config.worker_count, config.clips.memory_mb)

    def look(film: FilmFile) -> FilmFacts:
        with film_at_hand(film.path, config.films, config.storage.films_gb, film.version) as (path, root):
            return inspect_guarded(replace(film, path=path), root, config.clips, pool)

    try:
        with ThreadPoolExecutor(config.worker_count) as threads:
            return {fact.name: fact for fact in threads.map(look, films)}
    finally:
        pool.close()


def _beyond(clips: pd.DataFrame, durations_s: dict[str, float | None]) -> list[tuple[str, float, float]]:
    known = clips["film"].map(durations_s)
    late = clips[clips["end_s"] > known.astype(float) + 0.1]
    return list(zip(late["film"], late["start_s"], late["end_s"], strict=True))
