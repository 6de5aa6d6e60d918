"""The engines as executors: where the pieces of a build's work (work.py) are called.

Both are concurrent.futures.Executor. A task waits in a thread of the flow for the future of its piece of work.
"""

from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from typing import Any, Concatenate, ParamSpec, TypeVar

from emodal_data.core.errors import TransientError, WorkError
from emodal_data.core.fences import current_fences, run_fenced
from flows.config.models import Config

P = ParamSpec("P")
R = TypeVar("R")

#: States of a Dask client whose build has ended, or that has waited in vain for its scheduler to come back.
_ENDED = ("closing", "closed")


class CallingThread(Executor):
    """Calls a function in the thread that submits it, where the function waits for a worker process (processes.py)."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Call the function now. Returns a future that is done."""
        future = Future[R]()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def executor_of(config: Config) -> Executor:
    """The executor of a build's engine. Of Dask, that of the client which dask.dask_client has opened."""
    if config.engine.kind == "processes":
        return CallingThread()
    from distributed import default_client

    executor: Executor = default_client().get_executor(pure=False)
    return executor


def run_on_engine(
    config: Config, function: Callable[Concatenate[Config, P], R], *args: P.args, **kwargs: P.kwargs
) -> R:
    """Call a function on the engine of a build, and wait for its result.

    Its own exceptions come back as they are. Raises WorkError if the cluster cannot finish it, TransientError if the
    connection to the scheduler was lost.
    """
    if config.engine.kind == "processes":
        return executor_of(config).submit(function, config, *args, **kwargs).result()
    from distributed import KilledWorker, default_client

    client = default_client()
    try:
        if client.status in _ENDED:
            raise CancelledError
        # The cluster's workers write only as long as this build holds its folder.
        submit: Callable[..., Future[R]] = executor_of(config).submit
        return submit(run_fenced, current_fences(), function, config, *args, **kwargs).result()
    except KilledWorker as error:
        died = error.allowed_failures + 1
        raise WorkError(f"{died} Dask workers died over it, one after the other (out of memory?)") from error
    except CancelledError as error:
        if client.status in _ENDED:
            raise WorkError("the Dask scheduler is gone") from error
        raise TransientError("the connection to the Dask scheduler was lost") from error


def run_on_this_machine(
    config: Config, function: Callable[Concatenate[Config, P], R], *args: P.args, **kwargs: P.kwargs
) -> R:
    """As run_on_engine, for work that needs all files of a build: not on a cluster of other machines."""
    if config.engine.dask_address:
        return function(config, *args, **kwargs)
    return run_on_engine(config, function, *args, **kwargs)
