"""What a build would do: annotations, films, reels, what is stored and what is wrong."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pandas as pd

from emodal_data.annotations import read_annotations
from emodal_data.annotations.agreement import agreement
from emodal_data.clips.films import FilmCatalogue, FilmFacts, FilmFile, inspect_guarded, still_growing
from emodal_data.clips.overrides import override_plan
from emodal_data.clips.plan import locate_films, plan_build
from emodal_data.core.worker_pool import WorkerPool
from emodal_data.storage.film_cache import film_at_hand, name_films
from emodal_data.storage.sync import pull
from emodal_data.storage.urls import READING, local_path
from flows.config.models import Config
from flows.progress.summary import wrong_rows


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


def _beyond(clips: pd.DataFrame, durations_s: dict[str, float | None]) -> list[tuple[str, float, float]]:
    known = clips["film"].map(durations_s)
    late = clips[clips["end_s"] > known.astype(float) + 0.1]
    return list(zip(late["film"], late["start_s"], late["end_s"], strict=True))
