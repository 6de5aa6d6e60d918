"""How much a command says beside its result: errors alone (-q), the usual, or lines with times (-v)."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from enum import IntEnum


class Verbosity(IntEnum):
    """From silent to talkative."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


_verbosity = ContextVar("verbosity", default=Verbosity.NORMAL)


def verbosity() -> Verbosity:
    """That of this context. A thread that a run starts has the default."""
    return _verbosity.get()


@contextlib.contextmanager
def speaking(level: Verbosity) -> Iterator[None]:
    """Let the runs inside the block say this much."""
    before = _verbosity.set(level)
    try:
        yield
    finally:
        _verbosity.reset(before)
