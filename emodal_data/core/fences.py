"""What is checked before a write: that the build which asked for it still holds its folder.

A fence follows the thread that works behind it: to the threads that it starts with its context, to the worker process
that it waits for (worker_pool.py), and to a worker of a Dask cluster on another machine (flows/engine/executors.py).
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from emodal_data.core.errors import WorkError

R = TypeVar("R")


class Fence(Protocol):
    """A folder that a build holds. Pickles. is_at_url: whether the folder's URL is meant, or the files on disk."""

    @property
    def folder(self) -> Path:
        """The folder, or the local copy of its URL."""

    @property
    def is_at_url(self) -> bool:
        """Whether writes at the URL are checked, or those on disk."""

    def check(self) -> None:
        """Raises WorkError if the build no longer holds the folder."""


_FENCES: ContextVar[tuple[Fence, ...]] = ContextVar("fences", default=())


@contextlib.contextmanager
def fenced(*fences: Fence) -> Iterator[None]:
    """Check these fences, too, before each write of this thread into their folders, while the block runs."""
    before = _FENCES.set((*_FENCES.get(), *fences))
    try:
        yield
    finally:
        _FENCES.reset(before)


def current_fences() -> tuple[Fence, ...]:
    """The fences that this thread works behind."""
    return _FENCES.get()


def run_fenced(fences: tuple[Fence, ...], function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """Call a function behind the fences of another process."""
    with fenced(*fences):
        return function(*args, **kwargs)


def check_fences(path: Path, at_url: bool = False) -> None:
    """Raise WorkError if a build that this thread works for no longer holds the folder that a path is in."""
    for fence in _FENCES.get():
        if fence.is_at_url == at_url and path.is_relative_to(fence.folder):
            fence.check()


@dataclass(frozen=True)
class FolderFence:
    """The fence of a folder on disk: its lock file names the build that holds it. mark: what this build wrote there."""

    folder: Path
    lock: Path
    mark: str
    is_at_url: bool = False

    def check(self) -> None:
        """Raises WorkError if another build wrote its name there, or the file is gone."""
        try:
            now = self.lock.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            now = ""
        if now != self.mark:
            holder = f"now held by {now.splitlines()[0]}" if now.strip() else "gone"
            raise WorkError(f"{self.lock}: {holder}; this build writes nothing more there: run it again")
