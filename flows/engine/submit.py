"""The engine of a build: threads that hand out its pieces of work, and wait for worker processes or a Dask cluster."""

import contextlib
import contextvars
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from emodal_data.core.errors import TransientError
from flows.config.models import Config
from flows.engine import work
from flows.engine.dask import dask_client
from flows.engine.executors import run_on_engine
from flows.engine.processes import worker_pool, workers

#: A piece of work (work.py): a function of the configuration and of what it is about: a film, a reel, a shard.
Piece = Callable[[Config, Any], Any]
#: Tried again after an I/O error.
_RETRIED: tuple[Piece, ...] = (work.inspect_film, work.read_reel_on_worker)


class Submit(Protocol):
    """Hand a piece of work to the engine."""

    def __call__(self, piece: Piece, about: Any) -> Future[Any]:
        """Start it as soon as there is room for it."""


#: Threads that hand out the work of a build, so many pieces at a time.
Threads = Callable[[Config, int], contextlib.AbstractContextManager[Submit]]


@contextlib.contextmanager
def plain_threads(config: Config, room: int) -> Iterator[Submit]:
    """Threads that no server hears of. room: how many."""
    with ThreadPoolExecutor(room) as pool:

        def submit(piece: Piece, about: Any) -> Future[Any]:
            context = contextvars.copy_context()  # the observer of this run
            return pool.submit(context.run, _run, config, piece, about)

        try:
            yield submit
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _run(config: Config, piece: Piece, about: Any) -> Any:
    for delay_s in delays_s(config, piece):
        try:
            return run_on_engine(config, piece, about)
        except TransientError:
            time.sleep(delay_s)
    return run_on_engine(config, piece, about)


def delays_s(config: Config, piece: Piece) -> list[float]:
    """Seconds to wait before each further try of a piece of work, each twice the one before."""
    tries = config.engine.retries if piece in _RETRIED else 0
    return [config.engine.retry_delay_s * 2**n for n in range(tries)]


@contextlib.contextmanager
def engine(config: Config, threads: Threads = plain_threads) -> Iterator[Submit]:
    """The engine of a build, with its worker processes or its Dask cluster, for as long as the block runs.

    Raises InputError if config asks for Dask and it is not installed, or no scheduler answers.
    """
    with contextlib.ExitStack() as open_ones:
        open_ones.callback(_end_workers, config)
        client = None
        if config.engine.kind == "dask":
            client = open_ones.enter_context(dask_client(config.engine, worker_count=0))
        submit = open_ones.enter_context(threads(config, room_for(config, client)))
        if client and config.engine.dask_address is None:
            submit = _growing(client.cluster, config.worker_count, submit)
        try:
            yield submit
        except BaseException:
            if client:
                client.close()  # threads wait for what nobody wants any more
            raise


def _growing(cluster: Any, most: int, submit: Submit) -> Submit:
    """The same, with a worker of the cluster for each piece that is not done, at most so many: each takes a second."""
    waiting: set[Future[Any]] = set()
    count = 0

    def submit_and_grow(piece: Piece, about: Any) -> Future[Any]:
        nonlocal count
        future = submit(piece, about)
        waiting.add(future)
        future.add_done_callback(waiting.discard)
        if count < min(most, len(waiting)):
            count += 1
            cluster.scale(count)
        return future

    return submit_and_grow


def room_for(config: Config, client: Any) -> int:
    """How much work is handed out at a time: a thread waits for each. client: of Dask, or None."""
    if config.engine.dask_address is None or client is None:
        # One more than can work: what is asked and heard of the next piece is said while the others are at work.
        return config.worker_count + 1
    # Twice what the cluster does at a time, so that none of it waits for the flow; more where it may grow.
    threads: int = sum(client.nthreads().values())
    return max(config.worker_count, 2 * threads)


def _end_workers(config: Config) -> None:
    workers(config).close()
    worker_pool.cache_clear()
