"""Writes the report and the model card of a finished training."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from emodal_model.data.samples import Samples
from emodal_model.inference.predictor import Predictor
from emodal_model.report import write_report
from emodal_model.report.card import write_card


def describe_run(
    out: Path,
    dataset: Path,
    metrics: Mapping[str, Any],
    network: Predictor,
    test: Samples,
    final: Path | None = None,
) -> None:
    """Write OUT/report/index.html and OUT/README.md.

    metrics: as in metrics.json. network: the network whose answers are shown. test: from evaluate.labelled_originals.
    final: the folder that the files of `out` will be moved to, from which their links lead.
    Raises ModelWorkError if a file cannot be written.
    """
    outputs = network.outputs(test)
    answers = network.answers(outputs, test)
    values = network.values(outputs, test) if network.targets else None
    linked = _address(dataset / "report" / "index.html", (final or out) / "report")
    write_report(out / "report" / "index.html", metrics, test, outputs, answers, values, dataset, linked)
    write_card(out, dataset, metrics, network.about)


def _address(page: Path, folder: Path) -> str:
    """The address of a page from a folder; empty if there is no such page."""
    if not page.is_file():
        return ""
    return quote(Path(os.path.relpath(page.resolve(), folder.resolve())).as_posix())
