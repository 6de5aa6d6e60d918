"""A build's pieces of work as Prefect tasks: their names, retries, and the threads of a flow that run them."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from emodal_data.core.errors import TransientError
from flows.config.models import Config
from flows.engine import work
from flows.engine.executors import run_on_engine
from flows.engine.submit import Piece, Submit, delays_s


@contextlib.contextmanager
def prefect_threads(config: Config, room: int) -> Iterator[Submit]:
    """Threads of a flow that run the pieces of work as tasks. room: how many at a time."""
    runner: TaskRunner[Any]
    tasks: dict[
        Piece, Task[..., Any]
    ] = {}  # one for each piece, not for each reel: making one takes milliseconds
    with ThreadPoolTaskRunner(max_workers=room) as runner:

        def submit(piece: Piece, about: Any) -> Future[Any]:
            if piece not in tasks:
                tasks[piece] = task_of(piece, delays_s(config, piece))
            return _plain(runner.submit(tasks[piece], {"about": about, "config": config}))

        yield submit


def task_of(piece: Piece, delays: list[float]) -> Task[..., Any]:
    """The task of a piece of work. delays: seconds to wait before each further try."""

    def run(about: Any, config: Config) -> Any:
        return run_on_engine(config, piece, about)

    name, run_name = _NAMES.get(piece, (piece.__name__, None))
    return Task(
        run,
        name=name,
        description=piece.__doc__,
        task_run_name=run_name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=len(delays),
        retry_delay_seconds=delays,
        retry_condition_fn=may_pass_next_time,
    )


#: The name of each task, and of its runs.
_NAMES: dict[Callable[..., Any], tuple[str, str]] = {
    work.inspect_film: ("look_at_film", "look at {about.name}"),
    work.read_reel_on_worker: (
        "ingest_reel",
        "read {about.film} {about.first_s:.0f}-{about.last_s:.0f} s",
    ),
    work.cut_clips: ("cut_clips", "cut {about.source.name}"),
    work.write_one_shard: ("make_shard", "write {about.path.name}"),
}


def may_pass_next_time(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed task is worth another try: I/O errors are, bad input never is."""
    try:
        state.result()
    except TransientError:
        return True
    except Exception:  # the task's own error, raised again by the flow
        return False
    return False


def _plain(run: PrefectFuture[Any]) -> Future[Any]:
    """The future of a task's run as one of Python's own."""
    future = Future[Any]()

    def done(run: PrefectFuture[Any]) -> None:
        try:
            future.set_result(run.result())
        except BaseException as error:
            future.set_exception(error)

    run.add_done_callback(done)
    return future
