"""The check for a build without work, made before the engine starts: starting it takes longer than the check."""

from typing import Any

from emodal_data.clips.gates import apply_gates
from emodal_data.clips.plan import Plan
from emodal_data.clips.store import read_measures
from emodal_data.core.errors import EmodalError
from emodal_data.dataset.folder import check_split_is_known, previous_folds, previous_split, read_manifest
from emodal_data.dataset.integrity import is_published
from emodal_data.dataset.kept_split import read_kept_split
from emodal_data.dataset.plan import plan_dataset
from emodal_data.dataset.split.notes import split_warnings
from emodal_data.storage.workspace import workspace
from emodal_model.training.identity import finished
from flows.config.models import Config
from flows.engine.processes import settle_memory
from flows.operations.plan import plan_reels, read_inputs, survey_films
from flows.progress.observer import observer
from flows.progress.summary import plan_lines


def finished_build(config: Config) -> dict[str, Any] | None:
    """What build_dataset would return if all is done already, or None where there is something to do.

    Writes nothing but copies of what is remote, and what a killed upload left out.
    Raises InputError for what is wrong with the input, the settings or OUT.
    """
    settle_memory()
    inputs = read_inputs(config)
    with workspace(config.out) as build:
        check_split_is_known(config.out / "dataset", config.split)
        survey = survey_films(inputs, config, config.out)
        if survey.changed or config.clips.export != "none":
            return None
        plan = plan_reels(inputs, survey.facts, config, config.out)
        if plan.reels or not _is_published(plan, config):
            return None
        manifest = read_manifest(config.out / "dataset")
        result: dict[str, Any] = {
            "counts": manifest["counts"],
            "clips_read": 0,
            "published": False,
            "warnings": [],
            "split_warnings": split_warnings(manifest),
        }
        if config.train:
            result["metrics"] = finished(config.out / "dataset", config.out / "model", config.model)
            if result["metrics"] is None:
                return None
        build.push()
    for line in plan_lines(plan, config.annotations):
        observer().log(line)
    return result


def _is_published(plan: Plan, config: Config) -> bool:
    dataset = config.out / "dataset"
    previous = previous_split(dataset, config.split), previous_folds(dataset, config.split)
    try:
        measures = read_measures(plan.places)
        clips = apply_gates(plan.clips, measures, config.clips, config.face, config.audio)
        key = plan_dataset(plan.rows, clips, config.dataset, *previous).key
        kept = read_kept_split(dataset)
        return kept is not None and kept.build_key == key and is_published(key, dataset)
    except EmodalError:
        return False  # the build itself says why, and leaves the ledger; damaged clips it reads again
