"""A finished training told to MLflow: settings, every epoch, the table, the files for people. Needs the extra `mlflow`.

Told at the end, from metrics.json, and once: a training that was killed and went on is one run, not two.
"""

import importlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emodal_model.errors import ModelInputError, ModelWorkError
from emodal_model.tables import format_report

EXPERIMENT = "emodal"
#: The tag that names a run: what metrics.json has as "run".
RUN = "emodal.run"
#: Files of a model folder that go along.
_FILES = ("metrics.json", "README.md", "report/index.html")
#: What MLflow takes at once.
_TOGETHER = 1000
_SCORES = ("accuracy", "uar", "macro_f1", "ece", "cross_entropy")


class Tracking:
    """An MLflow store that trainings are told to."""

    def __init__(self, where: str) -> None:
        """where: MLflow's tracking URI, or a folder; a folder gets an SQLite store, mlflow.db, beside its artifacts.

        Raises ModelInputError if MLflow is not installed, or the store cannot be used.
        """
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            self._mlflow: Any = importlib.import_module("mlflow")
        except ImportError as exc:
            raise ModelInputError("engine.mlflow needs MLflow: pip install 'emodal[mlflow]'") from exc
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._where, artifacts = where, None
        try:
            if "://" not in where:
                folder = Path(where).absolute()
                folder.mkdir(parents=True, exist_ok=True)
                where, artifacts = f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri()
            self._client = self._mlflow.MlflowClient(tracking_uri=where)
            known = self._client.get_experiment_by_name(EXPERIMENT)
            self._experiment: str = (
                known.experiment_id if known else self._client.create_experiment(EXPERIMENT, artifacts)
            )
        except (OSError, self._mlflow.MlflowException) as exc:
            raise ModelInputError(f"engine.mlflow = {self._where}: cannot be used ({_line(exc)})") from exc

    def tell(self, out: Path, metrics: Mapping[str, Any]) -> None:
        """Tell of a finished training, unless it was told before. out: its model folder. metrics: of metrics.json.

        Raises ModelWorkError if MLflow does not take it.
        """
        try:
            if not self._client.search_runs([self._experiment], f"tags.`{RUN}` = '{metrics['run']}'"):
                self._tell(out, metrics)
        except (OSError, self._mlflow.MlflowException) as exc:
            raise ModelWorkError(
                f"{out}: trained, but MLflow did not take the run ({_line(exc)}); train again to tell it, "
                "nothing is computed twice"
            ) from exc

    def _tell(self, out: Path, metrics: Mapping[str, Any]) -> None:
        from mlflow.entities import Metric, Param, RunTag

        tags = {
            "emodal.dataset": metrics["dataset"]["hash"],
            "emodal.folder": str(out.absolute()),
            "mlflow.source.git.commit": metrics["git_revision"],
        }
        run = self._client.create_run(self._experiment, run_name=out.name).info.run_id
        now_ms = int(time.time() * 1000)
        numbers = [Metric(name, value, now_ms, step) for name, value, step in told_numbers(metrics)]
        settings = [Param(name, str(value)) for name, value in metrics["config"].items()]
        given = [RunTag(name, value) for name, value in tags.items() if value]
        self._client.log_batch(run, params=settings, tags=given)
        for first in range(0, len(numbers), _TOGETHER):
            self._client.log_batch(run, metrics=numbers[first : first + _TOGETHER])
        self._client.log_dict(run, metrics["config"], "config.json")
        self._client.log_text(run, format_report(metrics), "table.txt")
        for name in _FILES:
            if (out / name).is_file():
                self._client.log_artifact(run, str(out / name))
        # Last: a run with this tag was told as a whole.
        self._client.set_tag(run, RUN, metrics["run"])
        self._client.set_terminated(run)


def told_numbers(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float, int]]:
    """Name, value and epoch of every number that MLflow shows; the test side's have epoch 0.

    Names: network/train_loss; network/member_2/train_loss of an ensemble's others; network/common/train_loss in the
    stages before the last; test/network/accuracy.
    """
    for network, story in metrics["training"].items():
        for number, member in enumerate([story, *story["other_members"]], start=1):
            of_member = network if number == 1 else f"{network}/member_{number}"
            for report in [*member["warm_up"], *member["history"]]:
                stage = "" if report["stage"] == "all" else f"/{report['stage']}"
                for name in ("train_loss", "validation_loss", "validation_accuracy", "learning_rate"):
                    if report[name] is not None:
                        yield f"{of_member}{stage}/{name}", report[name], report["epoch"]
    for network, scores in metrics["networks"].items():
        for name in _SCORES:
            if scores[name] is not None:
                yield f"test/{network}/{name}", scores[name], 0


def _line(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:200]
