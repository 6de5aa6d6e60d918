"""Reads annotation files under limits of time and memory, in a worker as films are: they may come from anywhere.

Small text files are read without it: their readers take time and memory in proportion to the file's size.
"""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from emodal_data.core.errors import InputError
from emodal_data.core.reasons import Reason
from emodal_data.core.worker_pool import WorkerFailed, WorkerPool

T = TypeVar("T")

#: Seconds that one file may take to be read.
TIMEOUT_S: Final = 300.0
#: Memory that reading one file may take.
MEMORY_MB: Final = 4096

#: What a worker's end means for its file.
_MEANINGS: Final = {
    Reason.DECODER_CRASHED: "its reader ended, as with a damaged file or one that needs too much memory",
    Reason.DECODER_TIMED_OUT: f"takes longer to read than {TIMEOUT_S:.0f} s",
    Reason.DECODER_OUT_OF_MEMORY: f"needs more memory to read than {MEMORY_MB} MB",
}


class BoundedReaders:
    """A worker for annotation files, started when the first of them needs it."""

    def __init__(self) -> None:
        self._pool: WorkerPool | None = None

    def read(self, path: Path, read: Callable[..., T], *arguments: object) -> T:
        """Call read(*arguments) in the worker. Raises InputError if it crashes, or exceeds a limit; else its errors."""
        self._pool = self._pool or WorkerPool(1, MEMORY_MB)
        try:
            return self._pool.run(TIMEOUT_S, read, *arguments)
        except WorkerFailed as error:
            raise InputError(f"{path}: {_MEANINGS[error.reason]}; save it again, or as CSV") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.close()
