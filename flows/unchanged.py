"""A build that has nothing to do, found out before the engine starts: starting it takes longer than finding out."""

from typing import Any

from emodal_data.annotations import read_annotations
from emodal_data.clear_clips import clear_clips
from emodal_data.clip_store import read_measures
from emodal_data.dataset import plan_dataset
from emodal_data.dataset_folder import folds_before, is_published, read_manifest, sides_before
from emodal_data.errors import EmodalError
from emodal_data.files import exclusive
from emodal_data.film_copies import name_films
from emodal_data.overrides import override_plan, read_overrides
from emodal_data.plan import Plan, locate_films, plan_build
from emodal_data.remote_dataset import pull_build, push_build
from emodal_data.remote_lock import exclusive_remote
from emodal_data.sources import FilmCatalogue
from emodal_data.storage import pull
from emodal_model.run import finished
from flows.config import Config
from flows.memory import settle_memory
from flows.observers import observer
from flows.summary import wrong_row_lines


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
    with exclusive(config.out), exclusive_remote(config.out):
        pull_build(config.out)
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
        push_build(config.out)
    for line in [*plan.warnings, *wrong_row_lines(plan.rows, config.annotations)]:
        observer().say(line)
    return result


def _is_published(plan: Plan, config: Config) -> bool:
    dataset = config.out / "dataset"
    before = sides_before(dataset, config.split), folds_before(dataset, config.split)
    try:
        measures = read_measures(plan.places)
        clips = clear_clips(plan.clips, measures, config.clips, config.face, config.audio)
        return is_published(plan_dataset(plan.rows, clips, config.dataset, *before).key, dataset)
    except EmodalError:
        return False  # the build itself says why, and leaves the ledger; damaged clips it reads again
