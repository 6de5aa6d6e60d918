"""The pieces of work (work.py) as tasks that the engine runs, retries and shows.

A task waits in a thread of the flow, wherever its work is done.
"""

from pathlib import Path
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from emodal_data.clips.films import FilmFacts, FilmFile
from emodal_data.clips.mp4_exports import Export
from emodal_data.clips.plan import Reel
from emodal_data.core.errors import TransientError
from emodal_data.dataset.shards import Shard, WrittenShard
from flows.config.models import Config
from flows.engine import work
from flows.engine.executors import run_on_engine, run_on_this_machine


def may_pass_next_time(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed task is worth another try: I/O errors are, bad input never is."""
    try:
        state.result()
    except TransientError:
        return True
    except Exception:  # the task's own error, raised again by the flow
        return False
    return False


@task(
    task_run_name="look at {film.name}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=may_pass_next_time,
)
def look_at_film(film: FilmFile, config: Config) -> FilmFacts:
    """Hash a film and read its header."""
    return run_on_engine(config, work.inspect_film, film)


@task(
    task_run_name="read {reel.film} {reel.first_s:.0f}-{reel.last_s:.0f} s",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=may_pass_next_time,
)
def ingest_reel(reel: Reel, config: Config) -> None:
    """Read the clips of a reel into the clip store."""
    run_on_engine(config, work.read_reel_on_worker, reel)


@task(task_run_name="cut {export.film}", cache_policy=NO_CACHE, persist_result=False)
def cut_clips(export: Export, config: Config) -> list[str]:
    """Write some clips of a film as mp4 files."""
    return run_on_engine(config, work.export_clips, export)


@task(task_run_name="write {shard.path.name}", cache_policy=NO_CACHE, persist_result=False)
def make_shard(shard: Shard, config: Config) -> WrittenShard:
    """Write one shard."""
    return run_on_engine(config, work.write_one_shard, shard)


@task(task_run_name="measure the price of a leak", cache_policy=NO_CACHE, persist_result=False)
def audit_leakage(folder: Path, config: Config) -> dict[str, Any] | None:
    """Test simple models on the shards of a folder under splits that leak and one that does not."""
    return run_on_this_machine(config, work.measure_leak_price, folder)
