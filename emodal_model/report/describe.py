"""Writes the report and the model card of a finished training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emodal_model.data.samples import Samples
from emodal_model.inference.predictor import Predictor
from emodal_model.report import write_report
from emodal_model.report.card import write_card


def describe_run(
    out: Path, dataset: Path, metrics: Mapping[str, Any], network: Predictor, test: Samples
) -> None:
    """Write OUT/report/index.html and OUT/README.md.

    metrics: as in metrics.json. network: the network whose answers are shown. test: from evaluate.labelled_originals.
    Raises ModelWorkError if a file cannot be written.
    """
    outputs = network.outputs(test)
    answers = network.answers(outputs, test)
    write_report(out / "report" / "index.html", metrics, test, outputs, answers, dataset)
    write_card(out, dataset, metrics, network.about)
