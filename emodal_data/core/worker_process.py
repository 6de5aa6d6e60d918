"""How a worker process starts: as a fresh interpreter that does not run its caller's script.

Python's own spawn imports the caller's `__main__` again. A script without `if __name__ == "__main__":` would start the
build once more in every worker, and `python - < script` has no file to import. Workers need only importable functions.
"""

import contextlib
import faulthandler
import io
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing import popen_spawn_posix, reduction, resource_tracker, spawn, util
from multiprocessing.context import SpawnContext, SpawnProcess, set_spawning_popen
from pathlib import Path
from typing import Any

from emodal_data.core.environment import kept_variables

_ENVIRONMENT = {
    **dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
    ),
    # Arrow's own allocator keeps what tables have freed.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


_environment_lock = threading.Lock()


class WorkerContext(SpawnContext):
    """The multiprocessing context of the workers. Their standard error is fault_log until start_worker has run."""

    def __init__(self, fault_log: int) -> None:
        """fault_log: file descriptor, open for writing."""
        super().__init__()
        self._fault_log = fault_log

    def Process(self, *args: Any, **kwargs: Any) -> "_WorkerProcess":  # type: ignore[override]
        """A process that is not started yet."""
        process = _WorkerProcess(*args, **kwargs)
        process.fault_log = self._fault_log
        return process


class _WorkerProcess(SpawnProcess):
    fault_log: int

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        return _Popen(process_obj)


class _Popen(popen_spawn_posix.Popen):
    """As Python's own, but for `__main__`, the working folder on the module path, and standard error."""

    _fds: list[int]

    def _launch(self, process_obj: Any) -> None:
        with _safe_path():
            tracker_fd = resource_tracker.getfd()
        prepared = spawn.get_preparation_data(process_obj._name)
        prepared.pop("init_main_from_name", None)
        prepared.pop("init_main_from_path", None)
        message = io.BytesIO()
        set_spawning_popen(self)
        try:
            reduction.dump(prepared, message)
            reduction.dump(process_obj, message)
        finally:
            set_spawning_popen(None)
        parent_r, child_w = os.pipe()
        child_r, parent_w = os.pipe()
        self.finalizer = util.Finalize(self, _close, (parent_r, parent_w))
        try:
            code = (
                f"import os; os.dup2({process_obj.fault_log}, 2); "
                "from multiprocessing.spawn import spawn_main; "
                f"spawn_main(tracker_fd={tracker_fd}, pipe_handle={child_r})"
            )
            # -P: a file such as signal.py in the working folder does not hide Python's own module.
            command = [
                sys.executable,
                *util._args_from_interpreter_flags(),  # type: ignore[attr-defined]
                *("-P", "-c", code, "--multiprocessing-fork"),
            ]
            passed = [*self._fds, tracker_fd, child_r, child_w, process_obj.fault_log]
            self.pid = util.spawnv_passfds(os.fsencode(sys.executable), command, passed)
            self.sentinel = parent_r
        finally:
            os.close(child_r)
            os.close(child_w)
        with open(parent_w, "wb", closefd=False) as pipe:
            pipe.write(message.getbuffer())


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Python's tracker of resources is a process, too, and is started without -P.

    Workers are started from several threads: without the lock, one of them would take another's variable for the
    caller's and leave it set for every program that this process starts later.
    """
    with _environment_lock, kept_variables(["PYTHONSAFEPATH"]):
        os.environ["PYTHONSAFEPATH"] = "1"
        yield


def _close(*files: int) -> None:
    for file in files:
        os.close(file)


def start_worker(memory_mb: int, parent: int) -> None:
    """Prepare this worker: one thread, a memory limit, a trace of crashes, and an end soon after its parent's.

    memory_mb: what it may allocate beyond what it starts with. parent: process ID.
    """
    os.environ.update(_ENVIRONMENT)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    faulthandler.enable(os.dup(2), all_threads=False)
    import cv2

    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    if sys.platform == "linux":
        _limit_memory(memory_mb)
    # C libraries print what no user can act on; what matters comes back as a result.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


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
