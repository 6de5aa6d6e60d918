"""The progress of a run on the terminal: bars where one is, lines where none is, nothing with -q."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from emodal_data.core.text import printable
from flows.progress.lines import TimedLines
from flows.progress.observer import Observer, observed_by
from flows.progress.overall import Overall, Work
from flows.progress.verbosity import Verbosity, verbosity

#: What a stage of training is called behind the network's name: see emodal_model.training.stages.
_STAGES = {"common": ", what pairs have in common", "heads": ", softmaxes", "all": ""}
#: Where a bar begins: behind the longest name of a stage.
_NAMES = 18


class _Cell(ProgressColumn):
    """A column whose text is computed from the task."""

    def __init__(self, text: Callable[[Task], str], style: str, width: int) -> None:
        super().__init__(Column(no_wrap=True, justify="right", min_width=width))
        self._text, self._style = text, style

    def render(self, task: Task) -> Text:
        """The text, in the column's colour."""
        return Text(self._text(task), style=self._style)


class _Bars(Progress):
    """The bars of a stage and of the whole run, and below them the counts of the stage, cut at the terminal's edge."""

    note = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        """The bar of the stage, that of the run, and the line."""
        yield self.make_tasks_table(sorted(self.tasks, key=lambda task: "overall" in task.fields))
        if self.note:
            line = f"{'':{_NAMES}} {printable(self.note)}"
            yield Text(line, style="dim", no_wrap=True, overflow="ellipsis")


class Terminal(Observer):
    """A bar for the stage and one for the whole run on standard error; plain lines when it is no terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._live = self.console.is_interactive and sys.stderr.isatty()
        self._bars = _Bars(
            TextColumn(f"{{task.description:<{_NAMES}}}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=min(32, max(8, self.console.width - 58))),
            _Cell(_count, "green", 15),
            _Cell(_rate, "default", 14),
            _Cell(_left, "cyan", 7),
            console=self.console,
            disable=not self._live,
            transient=True,
        )
        self._task: TaskID | None = None
        self._overall: Overall | None = None
        self._overall_task: TaskID | None = None
        self._name, self._total, self._done, self._unit, self._note = "", 0, 0, "", ""
        self._training: tuple[Any, ...] | None = None
        self._trained, self._epochs = 0, 0

    def start(self) -> None:
        """Show that something happens, until the first stage begins."""
        if self._live:
            self._bars.start()
            self._task = self._bars.add_task("starting", total=None, unit="")

    def expect(self, work: Sequence[Work]) -> None:
        """Show the bar of the whole run from now on."""
        self._overall = Overall(work)
        if self._overall_task is None:
            self._overall_task = self._bars.add_task(
                "overall", total=1.0, overall=self._overall, visible=False
            )
        self._bars.update(self._overall_task, overall=self._overall)

    def stage(self, name: str, total: int, unit: str) -> None:
        """Start the bar of a stage; a stage with nothing to do shows none."""
        self._end_stage()
        self._training = None
        self._name, self._total, self._done, self._unit, self._note = name, total, 0, unit, ""
        if self._overall and self._overall_task is not None:
            self._overall.begin(name)
            self._bars.update(self._overall_task, visible=True)
        if total:
            self._bars.start()
            self._task = self._bars.add_task(name, total=total, unit=unit)

    def advance(self, amount: int = 1, note: str = "", film: str = "") -> None:
        """Move the bars."""
        self._done += amount
        self._note = note or self._note
        if self._task is not None:
            self._bars.note = self._note
            self._bars.update(self._task, advance=amount)
            if not self._training:
                self._move_overall(self._done / self._total)

    def epoch(self, report: Any) -> None:
        """Move the bar of the network in training, with its validation figures.

        On a terminal one block is for all trainings, and one line at their end; else each has a line of its own.
        """
        training = (report.network, report.member, report.seed, report.fold, report.stage)
        if self._task is None or self._training != training:
            name = report.title if self._live else f"training {report.title}{_STAGES[report.stage]}"
            self.stage(name, report.epochs, "epochs")
            self._training, self._trained = training, report.trainings
        self._epochs += 1
        seen = f"loss {report.train_loss:.3f}"
        if report.validation_accuracy is not None:
            seen += f", validation accuracy {report.validation_accuracy:.1%}"
        if self._live:
            seen = f"training {report.training} of {report.trainings}{_STAGES[report.stage]}; {seen}"
        self.advance(note=seen)
        of_this = report.epoch / report.epochs if report.stage == "all" else 0.0
        self._move_overall((report.training - 1 + of_this) / report.trainings)

    def training(self, out: Path, metrics: Mapping[str, Any]) -> None:
        """End the block of the trainings with a line."""
        self._end_stage()
        if self._live and self._trained:
            self.log(f"training: {self._trained} trainings, {self._epochs} epochs")
        self._training, self._trained, self._epochs = None, 0, 0

    def log(self, line: str) -> None:
        """Print a line above the bars."""
        self.console.print(printable(line), markup=False, soft_wrap=True)

    def close(self) -> None:
        """End the display."""
        self._end_stage()
        self._bars.stop()

    def _move_overall(self, done: float) -> None:
        if self._overall and self._overall_task is not None:
            self._overall.advance(done)
            self._bars.update(self._overall_task, completed=self._overall.fraction())

    def _end_stage(self) -> None:
        """Take the bar away and say what the stage did in one line."""
        if self._task is None:
            return
        self._bars.remove_task(self._task)
        self._task, self._bars.note = None, ""
        if self._total and not (self._live and self._training):
            note = f" ({self._note})" if self._note else ""
            self.log(f"{self._name}: {self._done} of {self._total} {self._unit}{note}")


def _count(task: Task) -> str:
    if task.total is None:
        return ""
    if "overall" in task.fields:
        return f"{task.completed:.0%}"
    return f"{task.completed:.0f}/{task.total:.0f} {task.fields['unit']}"


def _rate(task: Task) -> str:
    """How many clips (or films, samples, epochs) a second, over the last half minute; nothing before the first."""
    speed = None if "overall" in task.fields else task.finished_speed or task.speed
    return f"{speed:.3g} {task.fields['unit']}/s" if speed else ""


def _left(task: Task) -> str:
    overall: Overall | None = task.fields.get("overall")
    seconds = overall.left_s() if overall else task.time_remaining
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextlib.contextmanager
def watched_on_terminal() -> Iterator[Observer]:
    """Show the progress of the runs inside the block on standard error, as much as is wanted."""
    terminal = Terminal() if verbosity() is Verbosity.NORMAL else None
    one: Observer = terminal or (TimedLines() if verbosity() is Verbosity.VERBOSE else Observer())
    try:
        with observed_by(one):
            if terminal:
                terminal.start()
            yield one
    finally:
        if terminal:
            terminal.close()
        sys.stderr.flush()
