"""Worker processes that may crash, hang or eat memory without taking the build with them.

Decoders run C code on files from anywhere, so every film is read in here and nowhere else.
"""

import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pebble

from emodal_data.core.errors import WorkError
from emodal_data.core.reasons import Reason

P = ParamSpec("P")
T = TypeVar("T")

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)


class WorkerCrashed(WorkError):
    """The worker died: a decoder's segmentation fault, or the system's out-of-memory killer."""


class WorkerTimedOut(WorkError):
    """The worker was killed because it took too long."""


def reason_of(error: Exception) -> Reason:
    """The reason for dropping what a worker failed at: it crashed, took too long, or met its memory limit."""
    if isinstance(error, WorkerCrashed):
        return Reason.DECODER_CRASHED
    return Reason.DECODER_TIMED_OUT if isinstance(error, WorkerTimedOut) else Reason.DECODER_OUT_OF_MEMORY


class WorkerPool:
    """A fixed number of processes; one that dies or hangs is replaced, the others do not notice."""

    def __init__(self, workers: int, memory_mb: int) -> None:
        """workers: processes. memory_mb: what each may allocate beyond what it starts with."""
        self._workers, self._memory_mb = workers, memory_mb
        self._lock = threading.Lock()
        self._pool = self._new_pool()

    def run(self, timeout_s: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a worker and wait for it. Its own exceptions come back as they are.

        Raises WorkerCrashed, WorkerTimedOut, or MemoryError when the function met its memory limit.
        """
        pool = self._usable_pool()
        future: Any = pool.schedule(function, args=list(args), kwargs=kwargs, timeout=timeout_s)
        try:
            result: T = future.result()
        except pebble.ProcessExpired as error:
            raise WorkerCrashed(f"a worker died ({error})") from error
        except FutureTimeoutError as error:
            raise WorkerTimedOut(f"a worker was stopped after {timeout_s:.0f} s") from error
        except BrokenProcessPool as error:
            raise WorkerCrashed("the workers were killed from outside") from error
        except BaseException:
            future.cancel()
            raise
        return result

    def close(self) -> None:
        """End the workers now; what they were doing is lost."""
        _stop(self._pool)

    def _new_pool(self) -> pebble.ProcessPool:
        return pebble.ProcessPool(
            max_workers=self._workers,
            context=multiprocessing.get_context("spawn"),  # fork would copy the caller's threads and locks
            initializer=_start_worker,
            initargs=(self._memory_mb, os.getpid()),
        )

    def _usable_pool(self) -> pebble.ProcessPool:
        """The pool; a new one if its idle workers were killed from outside, because then it takes no more work."""
        with self._lock:
            if not self._pool.active:
                _stop(self._pool)
                self._pool = self._new_pool()
            return self._pool


def _stop(pool: pebble.ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join(timeout=10)


def _start_worker(memory_mb: int, parent: int) -> None:
    """Make a worker a good citizen: one thread, a memory limit, and no life after its parent."""
    os.environ.update(_ONE_THREAD)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    # What C libraries print is about nothing a user can act on; what matters comes back as a result.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    import cv2

    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    if sys.platform == "linux":
        _limit_memory(memory_mb)


def _limit_memory(memory_mb: int) -> None:
    used_bytes = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    limit = used_bytes + memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _end_with_parent(parent: int) -> None:
    """End this process soon after its parent, so that kill -9 of a build leaves no workers.

    The kernel's own signal for this fires when the thread that started the worker ends, which is too early.
    """
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
