"""Where the work runs: threads or Dask workers hand each task to a worker process that may die without harm."""

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Any, Protocol

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from emodal_data.errors import InputError, TransientError
from emodal_data.isolation import WorkerPool
from flows.config import Config, EngineConfig

#: Dask's workers may have no children unless told so; ours end by themselves when their parent does. Workers of a
#: cluster elsewhere are told by DASK_DISTRIBUTED__WORKER__DAEMON=False in their environment. The others only wait for
#: the process that does the work, and Dask looks at its own processes up to a hundred times a second: not here.
_DASK_SETTINGS = {
    "distributed.worker.daemon": False,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
}


class Submit(Protocol):
    """Hand a task to the engine."""

    def __call__(self, task: Task[..., Any], **parameters: Any) -> PrefectFuture[Any]:
        """Start the task as soon as there is room for it."""


@contextlib.contextmanager
def engine(config: Config) -> Iterator[Submit]:
    """The engine of a build, and its worker processes, for as long as the block runs.

    Raises InputError if config asks for Dask and it is not installed.
    """
    runner = _dask_runner(config) if config.engine.kind == "dask" else _thread_runner(config)

    def submit(task: Task[..., Any], **parameters: Any) -> PrefectFuture[Any]:
        future: PrefectFuture[Any] = runner.submit(task, parameters)
        return future

    try:
        with runner:
            yield submit
    finally:
        # After an error threads may still wait for their workers: end those first.
        workers(config).close()
        worker_pool.cache_clear()


def workers(config: Config) -> WorkerPool:
    """The worker processes of this process, started when first asked for.

    With Dask every worker of the cluster keeps one: its own process must not be the one that a film crashes.
    """
    count = 1 if config.engine.kind == "dask" else config.worker_count
    return worker_pool(count, config.clips.memory_mb)


def _thread_runner(config: Config) -> TaskRunner[Any]:
    """A thread for each worker process; the thread only waits for it."""
    runner: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=config.worker_count)
    return runner


def _dask_runner(config: Config) -> TaskRunner[Any]:
    with _dask_at_hand():
        from prefect_dask import DaskTaskRunner
    address = config.engine.dask_address
    runner: TaskRunner[Any] = (
        DaskTaskRunner(address=address)
        if address
        else DaskTaskRunner(cluster_kwargs=_local_cluster(config.worker_count))
    )
    return runner


@contextlib.contextmanager
def dask_client(config: EngineConfig, worker_count: int) -> Iterator[Any]:
    """A client of the engine's Dask cluster, for work that Prefect does not show; one of this machine ends with it.

    Raises InputError if Dask is not installed or no scheduler answers.
    """
    with _dask_at_hand():
        from distributed import Client, LocalCluster
    with contextlib.ExitStack() as open_ones:
        address: Any = config.dask_address
        if address is None:
            address = open_ones.enter_context(LocalCluster(**_local_cluster(worker_count)))
        try:
            client = open_ones.enter_context(Client(address))
        except OSError as error:
            raise InputError(f"engine.dask_address = {address}: no scheduler answers there") from error
        yield client


@contextlib.contextmanager
def _dask_at_hand() -> Iterator[None]:
    try:
        import dask

        dask.config.set(_DASK_SETTINGS)
        yield
    except ImportError as error:
        raise InputError("engine.kind = dask needs Dask: pip install 'emodal[dask]'") from error


def _local_cluster(worker_count: int) -> dict[str, Any]:
    return {"n_workers": worker_count, "threads_per_worker": 1, "dashboard_address": None}


def may_pass_next_time(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed task is worth another try: I/O errors are, bad input never is."""
    try:
        state.result()
    except TransientError:
        return True
    except Exception:  # the task's own error, raised again by the flow
        return False
    return False


@functools.cache
def worker_pool(workers: int, memory_mb: int) -> WorkerPool:
    """A pool of this process, the same one for the same numbers."""
    # Dask sets it for its workers, and theirs would inherit it: memory goes back to the system after every array, and
    # has to be asked for again, page by page: an eighth of what reading films took, or more.
    os.environ.pop("MALLOC_TRIM_THRESHOLD_", None)
    return WorkerPool(workers, memory_mb)
