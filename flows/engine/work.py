"""The pieces of a build's work as plain functions: each hands its part to a worker process of the machine it runs on.

That may be another machine than the flow's: what is needed is fetched, what was made is sent. Dask's workers import
this file, and neither Prefect nor a network. What reads films and faces is named and imported by the workers alone: a
build holds a table of many clips, and not their decoders.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from emodal_data.clips.films import FilmFacts, FilmFile, inspect_guarded
from emodal_data.clips.isolated_reading import read_reel_isolated
from emodal_data.clips.mp4_exports import Export, write_exports
from emodal_data.clips.plan import Reel
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.core.errors import TransientError
from emodal_data.core.versions import package_versions
from emodal_data.core.worker_pool import by_name
from emodal_data.dataset.shards import Shard, WrittenShard
from emodal_data.storage.film_cache import film_at_hand
from emodal_data.storage.sync import fetch, send
from flows.config.models import Config
from flows.engine.processes import workers

#: Seconds a worker may take to load its models.
READY_TIMEOUT_S = 300.0
#: Seconds a shard may take to be written, and the price of a leak to be measured.
SHARD_TIMEOUT_S = 3600.0
#: Seconds that describing a dataset may take, of however many clips.
DESCRIBE_TIMEOUT_S = 4 * 3600.0


def load_models(config: Config) -> None:
    """Load what reading and publishing need. Raises InputError if it is missing on this machine."""
    check_ready = by_name("emodal_data.clips.ingest:check_ready")
    workers(config).run(READY_TIMEOUT_S, check_ready, config.face, config.audio)


def inspect_film(config: Config, film: FilmFile) -> FilmFacts:
    """Hash a film and read its header. Raises TransientError for what may be gone next time."""
    with film_at_hand(film.path, config.films, config.storage.films_gb, film.version) as (path, films):
        return inspect_guarded(_seen_here(film, path, config), films, config.clips, workers(config))


def read_reel_on_worker(config: Config, reel: Reel) -> list[dict[str, Any]]:
    """Read the clips of a reel into the clip store. Result and errors as of read_reel_isolated."""
    version = reel.source.version if reel.source else ""
    with film_at_hand(reel.path, config.films, config.storage.films_gb, version) as (path, films):
        settings = ReadSettings(config.clips, config.face, config.audio, films)
        source = reel.source and _seen_here(reel.source, path, config)
        unread = read_reel_isolated(replace(reel, path=path, source=source), settings, workers(config))
    send(reel.file.parent)
    return unread


def _seen_here(film: FilmFile, path: Path, config: Config) -> FilmFile:
    """The film at its path on this machine; machines of a cluster may number its file differently."""
    return replace(film, path=path, inode=0 if config.engine.dask_address else film.inode)


def cut_clips(config: Config, export: Export) -> list[str]:
    """Write some clips of a film as mp4 files. Returns a line for each that cannot be written."""
    film, timeout_s = export.source, export.timeout_s(config.clips)
    try:
        with film_at_hand(film.path, config.films, config.storage.films_gb, film.version) as (path, films):
            here = replace(export, source=_seen_here(film, path, config))
            failed = workers(config).run(timeout_s, write_exports, here, films, config.clips)
    except TransientError as error:
        return [f"{film.name}: {len(export.clips)} clips without mp4: {error}"]
    send(export.folder)
    return failed


def versions_of_worker(config: Config) -> dict[str, Any]:
    """As package_versions. FFmpeg's libraries are in the workers alone."""
    return workers(config).run(READY_TIMEOUT_S, package_versions)


def write_one_shard(config: Config, shard: Shard) -> WrittenShard:
    """Write a shard from the clip store."""
    fetch([*shard.clips["store_file"], *shard.previous])
    write_shard = by_name("emodal_data.dataset.shard_writing:write_shard")
    written: WrittenShard = workers(config).run(SHARD_TIMEOUT_S, write_shard, shard, config.dataset)
    if config.engine.kind == "dask":
        send(shard.path)  # this may be another machine than the one that publishes
    return written


def measure_leak_price(config: Config, folder: Path) -> dict[str, Any] | None:
    """Test simple models on the shards of a folder under splits that leak and one that does not."""
    leak_price = by_name("emodal_data.dataset.split.leak_price:leak_price")
    price: dict[str, Any] | None = workers(config).run(SHARD_TIMEOUT_S, leak_price, folder)
    return price


def describe(config: Config, folder: Path, manifest: dict[str, Any]) -> None:
    """Write the card, the report and the rest about a dataset into its folder, which takes the published one's place.

    The report goes through every picture: what that takes of memory goes with the worker that did it.
    """
    describe_dataset = by_name("emodal_data.presentation.describe:describe_dataset")
    store, before = config.out / "clips", config.out / "dataset"
    workers(config).run(DESCRIBE_TIMEOUT_S, describe_dataset, folder, manifest, store, before)
