"""What a run reports about its progress, and who observes the run of this context."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from flows.progress.overall import Work


class Observer:
    """What a run reports. This one ignores it; others override what they show."""

    def expect(self, work: Sequence[Work]) -> None:
        """The stages to come, in their order."""

    def stage(self, name: str, total: int, unit: str) -> None:
        """A stage begins, with this much to do."""

    def films(self, clips: Mapping[str, int]) -> None:
        """What the stage is about to read: clips of each film."""

    def advance(self, amount: int = 1, note: str = "", film: str = "") -> None:
        """So much of the stage is done. note: counts worth showing. film: whose clips they are."""

    def dataset(self, out: Path, manifest: Mapping[str, Any], lines: Sequence[str], is_new: bool) -> None:
        """The dataset is published. manifest: as dataset.make_manifest gives it. lines: what came of it."""

    def epoch(self, report: Any) -> None:
        """An epoch of training is done: see emodal_model.training.loop.EpochReport."""

    def training(self, out: Path, metrics: Mapping[str, Any]) -> None:
        """A training is finished, with this model folder and the metrics of train_emodal."""

    def log(self, line: str) -> None:
        """A line worth reading."""


_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


def observer() -> Observer:
    """The observer of this context. A thread that a run starts has none: hand it over."""
    return _observer.get() or Observer()


def is_observed() -> bool:
    """Whether this context has an observer."""
    return _observer.get() is not None


@contextlib.contextmanager
def observed_by(one: Observer) -> Iterator[None]:
    """Let an observer follow the runs inside the block."""
    before = _observer.set(one)
    try:
        yield
    finally:
        _observer.reset(before)
