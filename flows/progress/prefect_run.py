"""A run in Prefect's pages: log lines, the progress of each film, and the outcome as artifacts."""

import base64
import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.core.text import markdown_text, printable
from emodal_data.presentation.contact_sheet import contact_sheet
from emodal_data.storage.urls import shown
from emodal_model.evaluation.tables import TITLES
from flows.progress.lines import LineObserver
from flows.progress.observer import is_observed, observed_by

#: Films that get a progress artifact of their own; a run of more shows the stage as a whole.
MOST_FILMS = 200


class PrefectRunObserver(LineObserver):
    """Reports one run to the server that it runs for."""

    def __init__(self, out: Path, report_url: str | None = None) -> None:
        """out: folder of the build or of the model. report_url: address under which OUT of the build is served."""
        super().__init__()
        self._out, self._report_url = out, report_url
        self._films: dict[str, _Progress] = {}
        self._trained: _Progress | None = None

    def films(self, clips: Mapping[str, int]) -> None:
        """A progress artifact for each film that is about to be read."""
        chosen = list(clips)[:MOST_FILMS]
        self._films = {
            film: _Progress(key("film", film), clips[film], f"{_plain(film)}: {{}} of {clips[film]} clips")
            for film in chosen
        }

    def advance(self, amount: int = 1, note: str = "", film: str = "") -> None:
        """Move the stage on, and the film."""
        if film in self._films:
            self._films[film].advance(amount)
        super().advance(amount, note, film)

    def dataset(self, out: Path, manifest: Mapping[str, Any], lines: Sequence[str], is_new: bool) -> None:
        """Log the outcome; of a new dataset also show the rows as a table, a link to the report, and faces."""
        for line in lines:
            self.log(" ".join(line.split()))
        if not is_new:
            return
        counts = manifest["counts"]
        create_table_artifact(
            attrition(counts),
            key=key("rows", shown(out)),
            description=f"What became of the {counts['rows']} rows",
        )
        self._link(out / "dataset" / "report" / "index.html", out, "The report of the dataset")
        picture = base64.b64encode(contact_sheet(out / "dataset")).decode()
        # An image artifact would show the whole data URL below the picture.
        create_markdown_artifact(
            f"![Faces of each class](data:image/jpeg;base64,{picture})",
            key=key("faces", shown(out)),
            description="Faces of each class",
        )

    def epoch(self, report: Any) -> None:
        """Log a line for each epoch, and move the progress of all trainings of the run."""
        super().epoch(report)
        if self._trained is None:
            about = f"{{}} % of {report.trainings} trainings"
            self._trained = _Progress(key("training", shown(self._out)), 100, about)
        of_this = report.epoch / report.epochs if report.stage == "all" else 0.0
        self._trained.move_to(int(100 * (report.training - 1 + of_this) / report.trainings))

    def training(self, out: Path, metrics: Mapping[str, Any]) -> None:
        """Show the scores on the test split as a table, and a link to the report."""
        if self._trained:
            self._trained.move_to(100)
            self._trained = None
        create_table_artifact(
            score_rows(metrics),
            key=key("table-1", shown(out)),
            description="Table 1: the networks on the test split",
        )
        self._link(out / "report" / "index.html", out.parent, "The report of the training")

    def log(self, line: str) -> None:
        """A line of the log."""
        get_run_logger().info(printable(line))

    def _link(self, report: Path, build: Path, about: str) -> None:
        """Link a report where it is served; browsers open no file from another page, so else its path is shown."""
        name = key("report", shown(report.parent.parent))
        if self._report_url:
            url = f"{self._report_url.rstrip('/')}/{report.relative_to(build).as_posix()}"
            create_link_artifact(
                url, link_text=about, key=name, description=f"{about}, {markdown_text(shown(report))}"
            )
            return
        text = (
            f"{about}: {markdown_text(shown(report))}\n\nWith the setting `engine.report_url` it is a link."
        )
        create_markdown_artifact(text, key=name, description=about)


def _plain(name: str) -> str:
    """A name in the text of a progress artifact, which is Markdown and has {} for what is done."""
    return markdown_text(name).replace("{", "{{").replace("}", "}}")


class _Progress:
    """A progress artifact. about: what it says, with {} for what is done."""

    def __init__(self, name: str, total: int, about: str) -> None:
        self._total, self._about, self._done = total, about, 0
        self._id: Any = create_progress_artifact(0.0, key=name, description=about.format(0))

    def advance(self, amount: int) -> None:
        """This much more is done."""
        self.move_to(self._done + amount)

    def move_to(self, done: int) -> None:
        """So much is done; the server hears only what is new."""
        if done != self._done:
            self._done = done
            update_progress_artifact(
                self._id, 100.0 * done / self._total, description=self._about.format(done)
            )


def score_rows(metrics: Mapping[str, Any]) -> list[dict[str, str]]:
    """A row for each network with its scores on the test split, and for chance. metrics: of a training.

    Numeric targets follow, a row for each network and for the mean.
    """

    # A hyphen alone would be shown as the bullet of an empty list.
    def percent(score: float | None) -> str:
        return "–" if score is None else f"{score:.1%}"

    rows = []
    for name, scores in [*metrics["networks"].items(), *metrics.get("reference", {}).items()]:
        interval = scores["accuracy_interval"]
        rows.append(
            {
                "network": TITLES.get(name, name),
                "clips": str(scores["n"]),
                "accuracy": percent(scores["accuracy"]),
                "95 % interval": " to ".join(map(percent, interval)) if interval else "–",
                "UAR": percent(scores["uar"]),
                "macro-F1": percent(scores["macro_f1"]),
            }
        )
    for target, networks in metrics.get("targets", {}).items():
        for name, scores in networks.items():
            values = {"CCC": scores["ccc"], "RMSE": scores["rmse"]}
            named = {"network": TITLES.get(name, name), "target": target, "clips": str(scores["n"])}
            rows.append(
                named | {key: "–" if score is None else f"{score:.3f}" for key, score in values.items()}
            )
    return rows


def attrition(counts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a build step by step, from all to kept. counts: of a manifest."""
    order = {reason.value: number for number, reason in enumerate(Reason)}
    left = counts["rows"]
    table = [{"step": "annotation rows", "rows": "", "left": left, "what to do": ""}]
    for name in sorted(counts["dropped"], key=order.__getitem__):
        dropped = counts["dropped"][name]
        left -= dropped
        table.append({"step": name, "rows": -dropped, "left": left, "what to do": ADVICE[Reason(name)]})
    return [*table, {"step": "kept", "rows": "", "left": left, "what to do": ""}]


def key(kind: str, place: str) -> str:
    """The key of an artifact that people read: the kind and the place in letters, digits and dashes, at most 60 of it.

    A hash tells apart places that would be the same so: with capitals, other letters or signs, or longer.
    """
    readable = re.sub(r"[^a-z0-9]+", "-", place.lower()).strip("-")
    is_same = re.fullmatch(r"[a-z0-9/._-]{1,60}", place)
    digits = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return "-".join(part for part in (kind, readable[-60:].strip("-"), "" if is_same else digits) if part)


@contextlib.contextmanager
def observed_in_prefect(out: Path, report_url: str | None = None) -> Iterator[None]:
    """Report the run of this flow to its server, unless somebody observes it already."""
    with contextlib.nullcontext() if is_observed() else observed_by(PrefectRunObserver(out, report_url)):
        yield
