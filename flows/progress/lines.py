"""Progress as log lines, where no display is: in Prefect's logs, and on standard error with -v."""

import sys
import time
from typing import Any

from emodal_data.core.text import printable
from flows.progress.observer import Observer

#: Log lines of a stage, at most: a line each twentieth of it.
LINES_A_STAGE = 20


class LineObserver(Observer):
    """Reports a run as lines; who inherits from it says where they go: see log."""

    def __init__(self) -> None:
        self._name, self._unit, self._total, self._done, self._logged = "", "", 0, 0, 0

    def stage(self, name: str, total: int, unit: str) -> None:
        """Log that a stage begins, if it has anything to do."""
        self._name, self._unit, self._total, self._done, self._logged = name, unit, total, 0, 0
        if total:
            self.log(f"{name}: {total} {unit}")

    def advance(self, amount: int = 1, note: str = "", film: str = "") -> None:
        """Log each twentieth of the stage."""
        self._done += amount
        if self._done * LINES_A_STAGE >= (self._logged + 1) * self._total:
            self._logged = self._done * LINES_A_STAGE // self._total
            of_film = f", now {film}" if film else ""
            self.log(f"{self._name}: {self._done} of {self._total} {self._unit}{of_film}")

    def epoch(self, report: Any) -> None:
        """Log a line for each epoch."""
        seen = f"loss {report.train_loss:.3f}"
        if report.validation_accuracy is not None:
            seen += f", validation accuracy {report.validation_accuracy:.1%}"
        self.log(f"{report.title}: epoch {report.epoch} of {report.epochs}, {seen}")


class TimedLines(LineObserver):
    """Lines on standard error, each with the time of the day."""

    def log(self, line: str) -> None:
        """Print a line with the time."""
        print(f"{time.strftime('%H:%M:%S')} {printable(line)}", file=sys.stderr, flush=True)
