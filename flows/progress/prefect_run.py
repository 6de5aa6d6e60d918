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
    create_image_artifact,
    create_link_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.presentation.contact_sheet import contact_sheet
from flows.progress.lines import LineObserver
from flows.progress.observer import is_observed, observed_by

#: Films that get a progress artifact of their own; a run of more shows the stage as a whole.
MOST_FILMS = 200


class PrefectRunObserver(LineObserver):
    """Reports one run to the server that it runs for."""

    def __init__(self, report_url: str | None = None) -> None:
        super().__init__()
        self.report_url = report_url
        self._films: dict[str, _FilmProgress] = {}

    def films(self, clips: Mapping[str, int]) -> None:
        """A progress artifact for each film that is about to be read."""
        chosen = list(clips)[:MOST_FILMS]
        self._films = {film: _FilmProgress(film, clips[film]) for film in chosen}

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
            key=key("rows", out.name, str(out)),
            description=f"What became of the {counts['rows']} rows",
        )
        report = out / "dataset" / "report" / "index.html"
        url = (
            f"{self.report_url.rstrip('/')}/dataset/report/index.html" if self.report_url else report.as_uri()
        )
        create_link_artifact(
            url, link_text=str(report), key=key("report", out.name, str(out)), description="The report"
        )
        picture = base64.b64encode(contact_sheet(out / "dataset")).decode()
        create_image_artifact(
            f"data:image/jpeg;base64,{picture}",
            key=key("faces", out.name, str(out)),
            description="Faces of each class",
        )

    def log(self, line: str) -> None:
        """A line of the log."""
        get_run_logger().info(line)


class _FilmProgress:
    """The progress artifact of a film."""

    def __init__(self, film: str, clips: int) -> None:
        self._film, self._clips, self._done = film, clips, 0
        self._id: Any = create_progress_artifact(0.0, key=key("film", film, film), description=self._about())

    def advance(self, clips: int) -> None:
        """This many more clips are read."""
        self._done += clips
        update_progress_artifact(self._id, 100.0 * self._done / self._clips, description=self._about())

    def _about(self) -> str:
        return f"{self._film}: {self._done} of {self._clips} clips"


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


def key(kind: str, name: str, whole: str) -> str:
    """The key of an artifact: letters, digits and dashes. whole: tells apart what has the same name, by its hash."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[-60:].strip("-")
    digits = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return "-".join(part for part in (kind, readable, digits) if part)


@contextlib.contextmanager
def observed_in_prefect(report_url: str | None = None) -> Iterator[None]:
    """Report the run of this flow to its server, unless somebody observes it already."""
    with contextlib.nullcontext() if is_observed() else observed_by(PrefectRunObserver(report_url)):
        yield
