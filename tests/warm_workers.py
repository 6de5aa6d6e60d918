"""Worker processes that outlive the pool which started them: the next pool of the same test process takes them over.

A worker imports modules and loads models for about a CPU-second. Tests of how workers start and end ask for the fixture
fresh_workers.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock
from weakref import WeakKeyDictionary

from emodal_data.core.worker_pool import WorkerPool

if TYPE_CHECKING:
    import pebble

#: Workers that wait for the next pool at a time; each holds up to 200 MB.
_MOST = 3

_start, _close = WorkerPool._new_pool, WorkerPool.close


@contextlib.contextmanager
def warm_workers() -> Iterator[None]:
    """For as long as the block runs, pools leave their idle workers to later pools of equal circumstances."""
    left: list[pebble.ProcessPool] = []
    # The circumstances of each, and the file of its standard error, which must stay open.
    born: WeakKeyDictionary[pebble.ProcessPool, tuple[Any, Any]] = WeakKeyDictionary()
    lock = threading.Lock()

    def take(pool: WorkerPool) -> "pebble.ProcessPool":
        wanted = _circumstances(pool)
        with lock:
            fitting = (worker for worker in left if worker.active and born[worker][0] == wanted)
            if worker := next(fitting, None):
                left.remove(worker)
        if worker:
            pool._pools.append(worker)
            worker.schedule(os.chdir, args=[Path.cwd()]).result()
        else:
            worker = _start(pool)
            born[worker] = wanted, pool._traces
        return worker

    def leave(pool: WorkerPool) -> None:
        with pool._lock:
            idle = [worker for worker in pool._idle if worker.active]
            pool._pools = [worker for worker in pool._pools if worker not in idle]
            pool._idle = []
        _close(pool)
        with lock:
            left.extend(idle)
            surplus, left[:] = left[:-_MOST], left[-_MOST:]
        for worker in surplus:
            _end(worker)

    with mock.patch.multiple(WorkerPool, _new_pool=take, close=leave):
        yield
    for worker in left:
        _end(worker)


@contextlib.contextmanager
def started_and_ended() -> Iterator[None]:
    """For as long as the block runs, pools start workers of their own and end them, as outside of tests."""
    with mock.patch.multiple(WorkerPool, _new_pool=_start, close=_close):
        yield


def _circumstances(pool: WorkerPool) -> Any:
    """What a worker has from its start: its memory limit, the environment and the module path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return pool._memory_mb, environment, sys.path.copy()


def _end(worker: "pebble.ProcessPool") -> None:
    worker.stop()
    worker.join(timeout=10)
