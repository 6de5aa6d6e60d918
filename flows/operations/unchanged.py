"""A build that has nothing to do, found out before the engine starts: starting it takes longer than finding out."""

from typing import Any

from emodal_data.annotations import read_annotations
from emodal_data.clips.films import FilmCatalogue
from emodal_data.clips.gates import apply_gates
from emodal_data.clips.overrides import override_plan, read_overrides
from emodal_data.clips.plan import Plan, locate_films, plan_build
from emodal_data.clips.store import read_measures
from emodal_data.core.errors import EmodalError
from emodal_data.dataset.folder import is_published, previous_folds, previous_split, read_manifest
from emodal_data.dataset.plan import plan_dataset
from emodal_data.storage.film_cache import name_films
from emodal_data.storage.sync import pull
from emodal_data.storage.workspace import workspace
from emodal_model.training.identity import finished
from flows.config.models import Config
from flows.engine.processes import settle_memory
from flows.progress.summary import wrong_row_lines
from flows.progress.terminal import observer


def finished_build(config: Config) -> dict[str, Any] | None:
    """What build_dataset would return if all is done already, or None where there is something to do.

    Writes nothing but copies of what is remote, and what a killed upload left out.
    Raises InputError for what is wrong with the input, the settings or OUT.
    """
    settle_memory()
    pull(config.annotations)
    if config.overrides:
        pull(config.overrides)
    name_films(config.films)
    rows, files = locate_films(read_annotations(config.annotations), config.films)
    if config.overrides:
        read_overrides(config.overrides)
    with workspace(config.out) as build:
        catalogue = FilmCatalogue(config.out / "clips" / "films.json")
        facts = {name: fact for name, file in files.items() if (fact := catalogue.known(file))}
        if facts.keys() != files.keys() or config.clips.export != "none":
            return None
        plan = plan_build(rows, files, facts, config.out / "clips", config.clips, config.face)
        plan = override_plan(plan, config.overrides)
        if plan.reels or not _is_published(plan, config):
            return None
        counts = read_manifest(config.out / "dataset")["counts"]
        result: dict[str, Any] = {"counts": counts, "clips_read": 0, "published": False, "warnings": []}
        if config.train:
            result["metrics"] = finished(config.out / "dataset", config.out / "model", config.model)
            if result["metrics"] is None:
                return None
        build.push()
    for line in [*plan.warnings, *wrong_row_lines(plan.rows, config.annotations)]:
        observer().log(line)
    return result


def _is_published(plan: Plan, config: Config) -> bool:
    dataset = config.out / "dataset"
    before = previous_split(dataset, config.split), previous_folds(dataset, config.split)
    try:
        measures = read_measures(plan.places)
        clips = apply_gates(plan.clips, measures, config.clips, config.face, config.audio)
        return is_published(plan_dataset(plan.rows, clips, config.dataset, *before).key, dataset)
    except EmodalError:
        return False  # the build itself says why, and leaves the ledger; damaged clips it reads again
