"""The pieces of work that the engine runs, retries and shows: each hands its part to a worker process.

They run where the engine puts them, perhaps on another machine than the flow: what they need is fetched, what they
made is sent.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from emodal_data.exports import Export, write_exports
from emodal_data.film_copies import film_at_hand
from emodal_data.ingest import IngestSettings, ingest_guarded
from emodal_data.leak_price import leak_price
from emodal_data.plan import Reel
from emodal_data.shards import Shard, ShardSettings, WrittenShard, write_shard
from emodal_data.sources import FilmFacts, FilmFile, inspect_guarded
from emodal_data.storage import fetch, send
from flows.config import Config
from flows.task_runners import may_pass_next_time, workers

#: Seconds a shard may take to be written.
SHARD_TIMEOUT_S = 3600.0


@task(
    task_run_name="look at {film.name}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=may_pass_next_time,
)
def look_at_film(film: FilmFile, config: Config) -> FilmFacts:
    """Hash a film and read its header, in a worker."""
    with film_at_hand(film.path, config.films, config.storage.films_gb) as (path, films):
        return inspect_guarded(replace(film, path=path), films, config.clips, workers(config))


@task(
    task_run_name="read {reel.film} {reel.first_s:.0f}-{reel.last_s:.0f} s",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=may_pass_next_time,
)
def read_reel(reel: Reel, config: Config) -> None:
    """Read the clips of a reel into the clip store, in a worker."""
    with film_at_hand(reel.path, config.films, config.storage.films_gb) as (path, films):
        settings = IngestSettings(films, config.clips, config.face)
        ingest_guarded(replace(reel, path=path), settings, workers(config))
    send(reel.file.parent)


@task(task_run_name="cut {export.film}", cache_policy=NO_CACHE, persist_result=False)
def make_export(export: Export, config: Config) -> list[str]:
    """Write some clips of a film as mp4 files, in a worker."""
    with film_at_hand(export.path, config.films, config.storage.films_gb) as (path, films):
        here, timeout_s = replace(export, path=path), export.timeout_s(config.clips)
        failed = workers(config).run(timeout_s, write_exports, here, films, config.clips)
    send(export.folder)
    return failed


@task(task_run_name="write {shard.path.name}", cache_policy=NO_CACHE, persist_result=False)
def make_shard(shard: Shard, config: Config) -> WrittenShard:
    """Write one shard, in a worker."""
    fetch([*shard.clips["store_file"], *shard.before])
    written = workers(config).run(SHARD_TIMEOUT_S, write_shard, shard, ShardSettings.of(config.dataset))
    if config.engine.kind == "dask":
        send(shard.path)  # this may be another machine than the one that publishes
    return written


@task(task_run_name="measure the price of a leak", cache_policy=NO_CACHE, persist_result=False)
def measure_leak_price(folder: Path, config: Config) -> dict[str, Any] | None:
    """Test simple models on the shards of a folder under splits that leak and one that does not, in a worker."""
    return workers(config).run(SHARD_TIMEOUT_S, leak_price, folder)
