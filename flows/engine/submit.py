"""The engine of a build: threads that run its tasks, and wait for worker processes or a Dask cluster."""

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

from prefect import Task
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.config.models import Config
from flows.engine.dask import dask_client
from flows.engine.processes import worker_pool, workers


class Submit(Protocol):
    """Hand a task to the engine."""

    def __call__(self, task: Task[..., Any], **parameters: Any) -> PrefectFuture[Any]:
        """Start the task as soon as there is room for it."""


@contextlib.contextmanager
def engine(config: Config) -> Iterator[Submit]:
    """The engine of a build, with its worker processes or its Dask cluster, for as long as the block runs.

    Raises InputError if config asks for Dask and it is not installed, or no scheduler answers.
    """
    with contextlib.ExitStack() as open_ones:
        open_ones.callback(_end_workers, config)
        client = None
        if config.engine.kind == "dask":
            client = open_ones.enter_context(dask_client(config.engine, config.worker_count))
        runner: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=room_for(config, client))
        open_ones.enter_context(runner)

        def submit(task: Task[..., Any], **parameters: Any) -> PrefectFuture[Any]:
            future: PrefectFuture[Any] = runner.submit(task, parameters)
            return future

        try:
            yield submit
        except BaseException:
            if client:
                client.close()  # threads wait for what nobody wants any more
            raise


def room_for(config: Config, client: Any) -> int:
    """How much work is handed out at a time: a thread waits for each. client: of Dask, or None."""
    if config.engine.dask_address is None or client is None:
        # One more than can work: what Prefect asks and hears of the next task is said while the others are at work.
        return config.worker_count + 1
    # Twice what the cluster does at a time, so that none of it waits for the flow; more where it may grow.
    threads: int = sum(client.nthreads().values())
    return max(config.worker_count, 2 * threads)


def _end_workers(config: Config) -> None:
    workers(config).close()
    worker_pool.cache_clear()
