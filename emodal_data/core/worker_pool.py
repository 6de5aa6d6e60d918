"""A pool of worker processes. One that crashes, hangs or runs out of memory fails its own call and no other.

Decoders run C code on files from anywhere, so every film is read in such a worker and nowhere else.
"""

import contextlib
import functools
import os
import pkgutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from emodal_data.core.errors import TransientError, WorkError, WorkersLost
from emodal_data.core.fences import current_fences, run_fenced
from emodal_data.core.reasons import Reason

if TYPE_CHECKING:
    import pebble

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


def by_name(name: str) -> Callable[..., Any]:
    """A function that is imported where it is called: the process that sends it need not load what it needs.

    name: such as "emodal_data.clips.ingest:read_reel".
    """
    return functools.partial(_call, name)


def _call(name: str, *args: Any, **kwargs: Any) -> Any:
    return pkgutil.resolve_name(name)(*args, **kwargs)


class WorkerPool:
    """Processes, started when there is work for them. One that dies or hangs is replaced; the others go on."""

    def __init__(self, workers: int, memory_mb: int) -> None:
        """workers: most processes. memory_mb: what each may allocate beyond what it starts with."""
        self.fault_log: Path | None = None
        """File with the traces of workers that crashed or could not start; None if none left a trace."""
        self._workers, self._memory_mb = workers, memory_mb
        self._lock = threading.Lock()
        self._kills = 0  # since a call ended
        self._traces = tempfile.TemporaryFile()  # noqa: SIM115  (workers write into it as long as the pool is open)
        self._room = threading.Semaphore(workers)
        # Pools of one process each, so that a call waits for no process that is not needed; the last used is the last.
        self._pools: list[pebble.ProcessPool] = []
        self._idle: list[pebble.ProcessPool] = []

    def run(self, timeout_s: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a worker and wait for it. Its own exceptions come back as they are.

        Raises WorkerFailed if the function crashed its worker, ran longer than timeout_s, or raised MemoryError;
        TransientError if something else killed the worker; WorkersLost if that happened to many in a row, or if
        workers die before they can run it.
        """
        for _ in range(_TRIES):
            with self._process() as pool:
                try:
                    return self._run(pool, timeout_s, function, *args, **kwargs)
                except BrokenExecutor:
                    self._save_traces()
        raise WorkersLost(f"worker processes end before they can work: {self._last_words()}")

    def close(self) -> None:
        """End the workers now; what they were doing is lost."""
        with self._lock:
            pools = self._pools.copy()
        for pool in pools:
            pool.stop()  # type: ignore[no-untyped-call]
        for pool in pools:
            pool.join(timeout=10)

    def _run(
        self,
        pool: "pebble.ProcessPool",
        timeout_s: float,
        function: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        import pebble

        call: list[Any] = [function, *args]
        if fences := tuple(
            fence for fence in current_fences() if not fence.is_at_url
        ):  # workers write to disk only
            call = [run_fenced, fences, *call]
        future: Any = pool.schedule(call[0], args=call[1:], kwargs=kwargs, timeout=timeout_s)
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

    @contextlib.contextmanager
    def _process(self) -> Iterator["pebble.ProcessPool"]:
        """A process that nobody else uses meanwhile: the one used last, because it has loaded most."""
        with self._room:
            with self._lock:
                pool = self._idle.pop() if self._idle else self._new_pool()
                if not pool.active:  # it died while it had no call, and takes no more work
                    self._pools.remove(pool)
                    pool.stop()  # type: ignore[no-untyped-call]
                    pool = self._new_pool()
            try:
                yield pool
            finally:
                with self._lock:
                    self._idle.append(pool)

    def _new_pool(self) -> "pebble.ProcessPool":
        import pebble  # and with it asyncio: only where there is work for a worker

        from emodal_data.core.worker_process import WorkerContext, start_worker

        pool = pebble.ProcessPool(
            max_workers=1,
            context=WorkerContext(self._traces.fileno()),
            initializer=start_worker,
            initargs=(self._memory_mb, os.getpid()),
        )
        self._pools.append(pool)
        return pool

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


def _killing_signal(exitcode: int) -> int:
    """The signal from outside that ended a worker; 0 if it ended by a fault of its own."""
    if exitcode == signal.SIGTERM:  # pebble's workers exit with this number
        return exitcode
    return -exitcode if exitcode < 0 and -exitcode not in _FAULTS else 0
