"""Where the work runs: Prefect's threads hand each task to a worker process that may die without harm."""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any, Protocol

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

from emodal_data.errors import TransientError
from emodal_data.isolation import WorkerPool
from flows.config import Config


class Submit(Protocol):
    """Hand a task to the engine."""

    def __call__(self, task: Task[..., Any], **parameters: Any) -> PrefectFuture[Any]:
        """Start the task as soon as there is room for it."""


@contextlib.contextmanager
def engine(config: Config) -> Iterator[Submit]:
    """The engine of a build, and its worker processes, for as long as the block runs."""
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=config.worker_count)

    def submit(task: Task[..., Any], **parameters: Any) -> PrefectFuture[Any]:
        return runner.submit(task, parameters)

    try:
        with runner:
            yield submit
    finally:
        # Ctrl-C arrives here while threads still wait for their workers: end those first.
        workers(config).close()
        _pool.cache_clear()


def workers(config: Config) -> WorkerPool:
    """The worker processes of this process, started when first asked for."""
    return _pool(config.worker_count, config.clips.memory_mb)


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
def _pool(workers: int, memory_mb: int) -> WorkerPool:
    return WorkerPool(workers, memory_mb)
