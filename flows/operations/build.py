"""The work of `emodal build` and of the flow build-dataset: films and annotations in, a published dataset out.

It reads top to bottom: plan, read the reels that are missing, publish what is clear. Nothing is done twice.
"""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, as_completed, wait
from dataclasses import replace
from typing import Any

import pandas as pd

from emodal_data.annotations import annotations_sha256
from emodal_data.clips.films import not_read
from emodal_data.clips.gates import apply_gates
from emodal_data.clips.mp4_exports import plan_exports
from emodal_data.clips.overrides import overrides_sha256, read_overrides
from emodal_data.clips.plan import Plan, Reel, film_parts, places_in_store, reel_places
from emodal_data.clips.reviewers import review_summary
from emodal_data.clips.store import read_measures, remove_damaged
from emodal_data.clips.tables import stacked
from emodal_data.core.errors import DamagedReel, EmodalError
from emodal_data.core.reasons import Reason
from emodal_data.dataset.folder import (
    check_split_is_known,
    previous_folds,
    previous_split,
    published_split,
    read_manifest,
    recovered_dataset,
    replace_dataset,
    staging_folder,
)
from emodal_data.dataset.integrity import is_published, remember_times
from emodal_data.dataset.kept_split import keep_split, read_kept_split
from emodal_data.dataset.ledger import Ledger, write_ledger
from emodal_data.dataset.manifest import make_manifest
from emodal_data.dataset.persons import PERSON, previous_persons, speaker_notes
from emodal_data.dataset.plan import DatasetPlan, PlannedShards, plan_dataset
from emodal_data.dataset.reused_shards import reuse_shards
from emodal_data.dataset.shards import ShardSettings, WrittenShard
from emodal_data.dataset.split.notes import move_notes, split_warnings
from emodal_data.storage.remote import list_remote, remove_remote
from emodal_data.storage.sync import fetch, send
from emodal_data.storage.urls import shown
from emodal_data.storage.workspace import workspace
from flows.config.models import Config
from flows.engine.executors import run_on_engine, run_on_this_machine
from flows.engine.failures import FailedFilms
from flows.engine.processes import settle_memory, workers
from flows.engine.submit import Submit, Threads, engine, plain_threads
from flows.engine.work import (
    cut_clips,
    describe,
    inspect_film,
    load_models,
    measure_leak_price,
    read_reel_on_worker,
    versions_of_worker,
    write_one_shard,
)
from flows.operations.expected import expected_work
from flows.operations.plan import BuildInputs, plan_reels, read_inputs, survey_films
from flows.progress.observer import observer
from flows.progress.summary import dataset_lines, plan_lines

#: Clips whose measures are read and compared with the thresholds at once.
_CLIPS_AT_ONCE = 1 << 16
#: Shards that are handed out at once: each is made then, and holds its clips.
_SHARDS_AT_ONCE = 128
#: So many samples are written by one worker sooner than another starts, which takes a second.
_FEW_SAMPLES = 200


def build(config: Config, threads: Threads = plain_threads) -> dict[str, Any]:
    """Build the dataset that the configuration describes. threads: what hands out the work.

    Returns counts of the manifest, clips_read, published, and warnings. Raises InputError or WorkError.
    """
    settle_memory()
    if config.engine.dask_address:
        config = config.with_absolute_paths()
    inputs = read_inputs(config)
    with workspace(config.out) as folder, recovered_dataset(config.out / "dataset"):
        check_split_is_known(config.out / "dataset", config.split)
        with engine(config, threads) as submit:
            plan, failed = make_plan(inputs, config, submit)
            del inputs  # the plan has rows of its own
            observer().expect(expected_work(plan, config))
            clips_read = read_reels(plan, failed, config, submit)
            plan = replace(plan, reels=())
            try:
                manifest, written = publish(plan, failed, config, submit)
            except DamagedReel:
                remove_damaged_reels(plan)
                plan, failed = make_plan(read_inputs(config), config, submit)
                clips_read += read_reels(plan, failed, config, submit)
                manifest, written = publish(plan, failed, config, submit)
            export_clips(plan, config, submit)
            if log := workers(config).fault_log:
                observer().log(f"worker processes crashed; their traces are in {log}")
        folder.push()
        result = {
            "counts": manifest["counts"],
            "clips_read": clips_read,
            "published": written,
            "warnings": failed.lines(),
            "split_warnings": split_warnings(manifest),
        }
        observer().dataset(config.out, manifest, dataset_lines(result), is_new=written)
    return result


def build_and_train(config: Config) -> dict[str, Any]:
    """Build, and train on the dataset if that is wanted. Returns what build does, and the metrics."""
    result = build(config)
    if config.train:
        from flows.operations.train import train_dataset

        result["metrics"] = train_dataset(
            config.out / "dataset", config.out / "model", config.model, config.engine, config.workers or 1
        )
    return result


def make_plan(inputs: BuildInputs, config: Config, submit: Submit) -> tuple[Plan, FailedFilms]:
    """Look at the films that are new or changed, and decide what is to be read.

    Returns the plan, and the films that could not be looked at.
    """
    survey = survey_films(inputs, config, config.out)
    facts = dict(survey.facts)
    failed = FailedFilms(len(inputs.files), config.engine.max_failed_fraction)
    observer().stage("looking at films", len(survey.to_look_at), "films")
    looks = {submit(inspect_film, film): film for film in survey.to_look_at}
    for future in as_completed(looks):
        film = looks[future]
        try:
            facts[film.name] = future.result()
        except Exception as error:
            failed.add(film.name, error)
            facts[film.name] = not_read(film, Reason.READ_FAILED, str(error))
        observer().advance()
    survey.catalogue.keep(facts)
    plan = plan_reels(inputs, facts, config, config.out)
    for line in plan_lines(plan, config.annotations):
        observer().log(line)
    return plan, failed


def read_reels(plan: Plan, failed: FailedFilms, config: Config, submit: Submit) -> int:
    """Read the reels that the store lacks; one that fails costs its own clips, and is added to failed.

    Returns the number of clips read; what is stored is not read again.
    """
    of_film = Counter[str]()
    for reel in plan.reels:
        of_film[reel.film] += len(reel.clips)
    total, done, kept = of_film.total(), 0, 0
    if total or config.audio.egemaps:
        # Models and packages that are missing where films are read are reported before the first film is opened.
        run_on_engine(config, load_models)
    observer().stage("reading clips", total, "clips")
    observer().films(of_film)
    clips_of = {part["film"].iloc[0]: part for part in film_parts(plan.clips, 1) if len(part)}
    reels = {submit(read_reel_on_worker, reel): reel for reel in plan.reels}
    for future in as_completed(reels):
        reel = reels[future]
        try:
            failed.add_unread(future.result())
            fetch(list_remote(reel.file.parent))  # another machine may have read it
            done += len(reel.clips)
            kept += count_clear(reel, clips_of[reel.film], config)
        except Exception as error:
            failed.add(reel.film, error, reel.clips)
        note = f"{kept} clear, {done - kept} dropped"
        observer().advance(len(reel.clips), note=note, film=reel.film)
    return done


def remove_damaged_reels(plan: Plan) -> None:
    """Take what is damaged out of the clip store, and say so; the next plan reads its clips again."""
    for path in remove_damaged(sorted({path for path, _ in places_in_store(plan, plan.clips).values()})):
        observer().log(f"{path}: damaged; its clips are read again")


def count_clear(reel: Reel, clips: pd.DataFrame, config: Config) -> int:
    """How many clips of a reel that was just read pass the thresholds. clips: those of its film, by start."""
    measures = read_measures(reel_places(reel))
    # Of the names of all clips of a film, pandas would make a hash table for each reel.
    first = clips["start_s"].searchsorted(reel.first_s, side="left")
    last = clips["start_s"].searchsorted(reel.clips[-1].start_s, side="right")
    near = clips.iloc[first:last].loc[measures.index]
    gated = apply_gates(near, measures, config.clips, config.face, config.audio)
    return int(gated["reason"].isna().sum())


def publish(
    plan: Plan, failed: FailedFilms, config: Config, submit: Submit
) -> tuple[Mapping[str, Any], bool]:
    """Apply the thresholds, split, augment and write the dataset, unless it exists already.

    Returns the manifest, and whether anything was written.
    """
    dataset = config.out / "dataset"
    chosen = choose_samples(plan, failed, config)
    if is_published(chosen.key, dataset):
        split = published_split(dataset)
        if split and read_kept_split(dataset) != split:
            keep_split(dataset, split)
        return read_manifest(dataset), False

    folder = staging_folder(dataset)
    write_ledger(folder / "ledger.parquet", chosen.ledger)
    planned = PlannedShards(chosen, folder, config.shards.rows)
    chosen = replace(chosen, clips=chosen.clips.head(0).copy())  # only the shards still need them
    versions = versions_of_worker(config)
    shards = write_shards(planned, ShardSettings.of(config.dataset, versions), config, submit)
    del planned
    remove_remote(folder.parent)  # with what killed builds left there
    annotations = annotations_sha256(config.annotations, config.table)
    manifest = make_manifest(
        chosen,
        config.dataset,
        shards,
        versions,
        plan.films,
        annotations,
        overrides_sha256(config.overrides),
        review_summary(read_overrides(config.overrides, config.labels)),
    )
    if config.report.leak_price:
        observer().stage("leakage audit", 1, "dataset")
        manifest["leak_price"] = run_on_this_machine(config, measure_leak_price, folder)
        observer().advance()
    del chosen
    run_on_this_machine(config, describe, folder, manifest)
    if split := published_split(folder):
        keep_split(dataset, split)
    replace_dataset(folder, dataset)
    remember_times(dataset, read_manifest(dataset))
    return manifest, True


def choose_samples(plan: Plan, failed: FailedFilms, config: Config) -> DatasetPlan:
    """Apply the thresholds, and split what is left; where that cannot be, a ledger beside the dataset says why."""
    dataset, ledger_of_failure = config.out / "dataset", config.out / "failed-ledger.parquet"
    clips = gate_clips(plan, failed, config)
    before = (
        previous_split(dataset, config.split),
        previous_folds(dataset, config.split),
        previous_persons(dataset),
    )
    try:
        chosen = plan_dataset(plan.rows, clips, config.dataset, *before)
    except EmodalError as error:
        write_ledger(ledger_of_failure, Ledger(plan.rows, clips))
        send(ledger_of_failure)
        raise type(error)(f"{error} (what became of every row: {shown(ledger_of_failure)})") from error
    ledger_of_failure.unlink(missing_ok=True)
    published = None if before[0] else published_split(dataset)  # after other rules, nothing is kept
    for line in move_notes(chosen.clips["split"], published.splits if published else before[0]):
        observer().log(line)
    if config.face.persons:
        for line in speaker_notes(chosen.ledger.table(["clip_id", "speaker", PERSON])):
            observer().log(line)
    return chosen


def gate_clips(plan: Plan, failed: FailedFilms, config: Config) -> pd.DataFrame:
    """The planned clips with their measures, read from the store, and the verdict on each: clips.tables.GATED."""
    parts = []
    for clips in film_parts(plan.clips, _CLIPS_AT_ONCE):
        measures = failed.mark(read_measures(places_in_store(plan, clips)), clips.index)
        gated = apply_gates(clips, measures, config.clips, config.face, config.audio)
        parts.append(gated.drop(columns=clips.columns))
    return pd.concat([plan.clips, stacked(parts).set_axis(plan.clips.index)], axis=1)


def write_shards(
    shards: PlannedShards, settings: ShardSettings, config: Config, submit: Submit
) -> list[WrittenShard]:
    """Keep the shards that stay the same and write the others, in any order; returned in theirs."""
    rows, paths = shards.rows, shards.paths
    observer().stage("writing shards", sum(rows), "samples")
    kept, missing = reuse_shards(config.out / "dataset", shards, settings)
    written = {shard.name: shard for shard in kept}
    if kept:
        note = f"{len(kept)} of {len(shards)} shards stay as they are"
        observer().advance(sum(shard.rows for shard in kept), note=note)
    at_once = max(_SHARDS_AT_ONCE, 2 * config.worker_count)
    if sum(rows[number] for number in missing) <= _FEW_SAMPLES:
        at_once = 1
    futures: set[Future[WrittenShard]] = set()
    for number, previous in missing.items():
        if len(futures) == at_once:
            futures = _written(futures, written)
        futures.add(submit(write_one_shard, replace(shards[number], previous=previous)))
    while futures:
        futures = _written(futures, written)
    fetch(paths[number] for number in missing)
    return [written[path.name] for path in paths]


def _written(
    futures: set[Future[WrittenShard]], written: dict[str, WrittenShard]
) -> set[Future[WrittenShard]]:
    """Wait until a shard is written, and add it to written. Returns the futures of the others."""
    done, others = wait(futures, return_when=FIRST_COMPLETED)
    for future in done:
        written[future.result().name] = future.result()
        observer().advance(future.result().rows)
    return others


def export_clips(plan: Plan, config: Config, submit: Submit) -> None:
    """Write the clips as mp4 files where clips.export asks for them; those that cannot be written are logged."""
    if config.clips.export == "none":
        return
    exports = plan_exports(plan, config.out / "exports" / config.clips.export)
    observer().stage("cutting clips", sum(len(export.clips) for export in exports), "clips")
    futures = {submit(cut_clips, export): export for export in exports}
    for future in as_completed(futures):
        for line in future.result():
            observer().log(line)
        observer().advance(len(futures[future].clips))
