"""What a flow reports about its progress, whoever watches."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol


class Observer(Protocol):
    """What a flow tells about its progress."""

    def stage(self, name: str, total: int, unit: str) -> None:
        """A stage begins, with this much to do."""

    def films(self, clips: Mapping[str, int]) -> None:
        """What the stage is about to read: clips of each film."""

    def advance(self, amount: int = 1, note: str = "", film: str = "") -> None:
        """So much of the stage is done. note: counts worth showing. film: whose clips they are."""

    def dataset(self, out: Path, manifest: Mapping[str, Any], lines: Sequence[str], is_new: bool) -> None:
        """The dataset stands. manifest: as dataset.make_manifest gives it. lines: what came of it."""

    def epoch(self, report: Any) -> None:
        """An epoch of training is done: see emodal_model.training.loop.EpochReport."""

    def log(self, line: str) -> None:
        """A line worth reading."""
