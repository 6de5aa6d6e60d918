"""A pool of worker processes. One that crashes, hangs or runs out of memory fails its own call and no other.

Decoders run C code on files from anywhere, so every film is read in such a worker and nowhere else.
"""

import os
import signal
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pebble

from emodal_data.core.errors import TransientError, WorkError, WorkersLost
from emodal_data.core.reasons import Reason
from emodal_data.core.worker_process import WorkerContext, start_worker

P = ParamSpec("P")
T = TypeVar("T")

#: Times that workers may die while none of them has a call, before the run ends.
_TRIES = 3


#: Signals of a process that did wrong. Any other, such as SIGKILL of a system without memory, came from outside.
_FAULTS = (
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGABRT,
    signal.SIGILL,
    signal.SIGFPE,
    signal.SIGSYS,
    signal.SIGTRAP,
)

#: Workers that may be killed from outside, one after the other without a call that ends, before the run ends: this
#: many, and twice the workers of the pool.
_KILLS = 3


class WorkerFailed(WorkError):
    """A worker crashed, was stopped for taking too long, or reached its memory limit while it ran a call.

    reason: of the clip or film that it worked on.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[1])


class WorkerPool:
    """A fixed number of processes; one that dies or hangs is replaced, and the others are not affected."""

    def __init__(self, workers: int, memory_mb: int) -> None:
        """workers: processes. memory_mb: what each may allocate beyond what it starts with."""
        self.fault_log: Path | None = None
        """File with the traces of workers that crashed or could not start; None if none left a trace."""
        self._workers, self._memory_mb = workers, memory_mb
        self._lock = threading.Lock()
        self._kills = 0  # since a call ended
        self._traces = tempfile.TemporaryFile()  # noqa: SIM115  (workers write into it as long as the pool is open)
        self._pool = self._new_pool()

    def run(self, timeout_s: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a worker and wait for it. Its own exceptions come back as they are.

        Raises WorkerFailed if the function crashed its worker, ran longer than timeout_s, or raised MemoryError;
        TransientError if something else killed the worker; WorkersLost if that happened to many in a row, or if
        workers die before they can run it.
        """
        for _ in range(_TRIES):
            try:
                return self._run(timeout_s, function, *args, **kwargs)
            except BrokenProcessPool:
                self._save_traces()
        raise WorkersLost(f"worker processes end before they can work: {self._last_words()}")

    def close(self) -> None:
        """End the workers now; what they were doing is lost."""
        _stop(self._pool)

    def _run(self, timeout_s: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        pool = self._usable_pool()
        future: Any = pool.schedule(function, args=list(args), kwargs=kwargs, timeout=timeout_s)
        try:
            result: T = future.result()
        except pebble.ProcessExpired as error:
            if number := _killing_signal(error.exitcode):
                raise self._killed(number) from error
            self._save_traces()
            trace = f"; its trace is in {self.fault_log}" if self.fault_log else ""
            message = f"a worker process died (exit code {error.exitcode}){trace}"
            raise WorkerFailed(Reason.DECODER_CRASHED, message) from error
        except FutureTimeoutError as error:
            message = f"a worker process was stopped after {timeout_s:.0f} s"
            raise WorkerFailed(Reason.DECODER_TIMED_OUT, message) from error
        except MemoryError as error:
            message = f"a worker process reached its limit of {self._memory_mb} MB (clips.memory_mb)"
            raise WorkerFailed(Reason.DECODER_OUT_OF_MEMORY, message) from error
        except BaseException:
            future.cancel()
            raise
        self._kills = 0
        return result

    def _killed(self, number: int) -> WorkError:
        """The error of a call whose worker was ended by a signal that no fault of its own causes."""
        with self._lock:
            self._kills += 1
            kills = self._kills
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        if kills >= _KILLS + 2 * self._workers:
            return WorkersLost(
                f"{kills} worker processes in a row were killed from outside ({name}): is there memory for "
                f"{self._workers} of them? Use fewer (--workers), and run again: it resumes"
            )
        return TransientError(f"a worker process was killed from outside ({name}; is there enough memory?)")

    def _new_pool(self) -> pebble.ProcessPool:
        return pebble.ProcessPool(
            max_workers=self._workers,
            context=WorkerContext(self._traces.fileno()),
            initializer=start_worker,
            initargs=(self._memory_mb, os.getpid()),
        )

    def _usable_pool(self) -> pebble.ProcessPool:
        """The pool; a new one if workers died while none had a call, because then it takes no more work."""
        with self._lock:
            if not self._pool.active:
                _stop(self._pool)
                self._pool = self._new_pool()
            return self._pool

    def _save_traces(self) -> None:
        """Copy what crashed workers wrote into a file that outlives the pool."""
        with self._lock:
            traces = self._read_traces()
            if traces and self.fault_log is None:
                file, name = tempfile.mkstemp(prefix="emodal-", suffix=".log")
                os.close(file)
                self.fault_log = Path(name)
            if traces and self.fault_log:
                self.fault_log.write_bytes(traces)

    def _read_traces(self) -> bytes:
        return os.pread(self._traces.fileno(), os.fstat(self._traces.fileno()).st_size, 0)

    def _last_words(self) -> str:
        lines = self._read_traces().decode("utf-8", "replace").strip().splitlines()
        if not lines:
            return f"is there memory for {self._workers} of them (--workers)?"
        return f"{lines[-1].strip()} (more in {self.fault_log})"


def _stop(pool: pebble.ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join(timeout=10)


def _killing_signal(exitcode: int) -> int:
    """The signal from outside that ended a worker; 0 if it ended by a fault of its own."""
    if exitcode == signal.SIGTERM:  # pebble's workers exit with this number
        return exitcode
    return -exitcode if exitcode < 0 and -exitcode not in _FAULTS else 0
