"""The progress of a run on the terminal."""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from emodal_data.core.text import printable
from flows.progress.observer import observed_by

#: What a stage of training is called behind the network's name: see emodal_model.training.stages.
_STAGES = {"common": ", what pairs have in common", "heads": ", softmaxes", "all": ""}


class _Rate(ProgressColumn):
    """How many clips (or films, samples, epochs) a second, over the last half minute."""

    def render(self, task: Task) -> Text:
        """Nothing before the first is done."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.3g} {task.fields['unit']}/s" if speed else "")


class Terminal:
    """A bar a stage on standard error, with counts and time left; plain lines when it is no terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._live = self.console.is_terminal
        self._progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            _Rate(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", style="dim"),
            console=self.console,
            disable=not self._live,
        )
        self._task: TaskID | None = None
        self._name, self._total, self._done, self._unit, self._note = "", 0, 0, "", ""
        self._training: tuple[Any, ...] | None = None

    def stage(self, name: str, total: int, unit: str) -> None:
        """Start the bar of a stage; a stage with nothing to do shows none."""
        self.finish_stage()
        self._name, self._total, self._done, self._unit, self._note = name, total, 0, unit, ""
        if total:
            self._progress.start()
            self._task = self._progress.add_task(name, total=total, unit=unit, note="")

    def films(self, clips: Mapping[str, int]) -> None:
        """One bar is for all films."""

    def advance(self, amount: int = 1, note: str = "", film: str = "") -> None:
        """Move the bar."""
        self._done += amount
        self._note = note or self._note
        if self._task is not None:
            self._progress.update(self._task, advance=amount, note=self._note)

    def epoch(self, report: Any) -> None:
        """Move the bar of the network in training, with its validation figures."""
        training = (report.network, report.member, report.seed, report.fold, report.stage)
        if self._task is None or self._training != training:
            self.stage(f"training {report.title}{_STAGES[report.stage]}", report.epochs, "epochs")
            self._training = training
        seen = f"loss {report.train_loss:.3f}"
        if report.validation_accuracy is not None:
            seen += f", validation accuracy {report.validation_accuracy:.1%}"
        self.advance(note=seen)

    def dataset(self, out: Path, manifest: Mapping[str, Any], lines: Sequence[str], is_new: bool) -> None:
        """The command prints them at its end."""

    def log(self, line: str) -> None:
        """Print a line above the bar."""
        self.console.print(printable(line), markup=False, soft_wrap=True)

    def finish_stage(self) -> None:
        """End the bar; without a terminal, say what the stage did in one line."""
        if self._task is not None and not self._live:
            note = f" ({self._note})" if self._note else ""
            self.log(f"{self._name}: {self._done} of {self._total} {self._unit}{note}")
        self._task = None

    def close(self) -> None:
        """End the display."""
        self.finish_stage()
        self._progress.stop()


@contextlib.contextmanager
def watched_on_terminal() -> Iterator[Terminal]:
    """Show the progress of the runs inside the block on standard error."""
    terminal = Terminal()
    try:
        with observed_by(terminal):
            yield terminal
    finally:
        terminal.close()
        sys.stderr.flush()
