"""Trainings told to MLflow: every epoch as it comes; at the end settings, table and files. Needs the extra `mlflow`.

A folder's training is one run there, however often it was killed and went on: two tags name it.
"""

import importlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError, ModelWorkError
from emodal_model.data.samples import dataset_hash
from emodal_model.evaluation.tables import format_report
from emodal_model.training.identity import git_revision, identity

if TYPE_CHECKING:
    from emodal_model.training.loop import EpochReport

EXPERIMENT = "emodal"
#: The tags that name a run: what metrics.json has as "run", and the model folder.
RUN, FOLDER = "emodal.run", "emodal.folder"
#: Files of a model folder that go along.
_FILES = ("metrics.json", "README.md", "report/index.html")
#: What MLflow takes at once.
_TOGETHER = 1000
#: Seconds between two tellings of a training: quick epochs go together.
EVERY_S = 2.0
_SCORES = ("accuracy", "uar", "macro_f1", "ece", "cross_entropy")
_OF_EPOCH = ("train_loss", "validation_loss", "validation_accuracy", "learning_rate")

_LOG = logging.getLogger(__name__)

#: Name, value and epoch.
Number = tuple[str, float, int]


class Tracking:
    """An MLflow store that trainings are told to."""

    def __init__(self, where: str) -> None:
        """where: MLflow's tracking URI, or a folder; a folder gets an SQLite store, mlflow.db, beside its artifacts.

        Raises ModelInputError if MLflow is not installed, or the store cannot be used.
        """
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # Its own 7 would hold a training up for minutes where a server went away.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        try:
            self._mlflow: Any = importlib.import_module("mlflow")
        except ImportError as exc:
            raise ModelInputError("engine.mlflow needs MLflow: pip install 'emodal[mlflow]'") from exc
        #: What it raises where a store cannot be used.
        self.errors = (OSError, self._mlflow.MlflowException)
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
        except self.errors as exc:
            raise ModelInputError(f"engine.mlflow = {self._where}: cannot be used ({_line(exc)})") from exc

    @contextmanager
    def training(
        self, dataset: Path, out: Path, config: ModelConfig
    ) -> Iterator[Callable[["EpochReport"], None]]:
        """While a training runs: what is to hear of its epochs. One that fails, or is stopped, is marked so.

        Nothing is told of a training that ends before its first epoch. A store that is lost meanwhile stops no
        training: tell() tells the rest.
        """
        live = _Live(self, dataset, out, config)
        try:
            yield live.epoch
        except BaseException as exc:
            live.end("FAILED" if isinstance(exc, Exception) else "KILLED")
            raise
        live.send()

    def tell(self, out: Path, metrics: Mapping[str, Any]) -> None:
        """Tell of a finished training what was not told before. out: its model folder. metrics: of metrics.json.

        Raises ModelWorkError if MLflow does not take it.
        """
        try:
            run = self.open(out, metrics)
            if not run.is_logged:
                run.add(told_numbers(metrics))
                run.finish(out, metrics)
        except self.errors as exc:
            raise ModelWorkError(
                f"{out}: trained, but MLflow did not take the run ({_line(exc)}); train again to tell it, "
                "nothing is computed twice"
            ) from exc

    def open(self, out: Path, about: Mapping[str, Any]) -> "_Run":
        """The run of a training, begun if there is none. about: what metrics.json says of data and settings."""
        from mlflow.entities import Param

        tags = {
            RUN: about["run"],
            FOLDER: str(out.absolute()),
            "emodal.dataset": about["dataset"]["hash"],
            "mlflow.source.git.commit": about["git_revision"],
        }
        given = {name: value for name, value in tags.items() if value}
        same = self._client.search_runs([self._experiment], f"tags.`{RUN}` = '{about['run']}'")
        here = [run for run in same if run.data.tags.get(FOLDER) == tags[FOLDER]]
        run = here[0] if here else self._client.create_run(self._experiment, tags=given, run_name=out.name)
        settings = [Param(name, str(value)) for name, value in about["config"].items()]
        self._client.log_batch(run.info.run_id, params=settings)
        return _Run(self._client, run)


class _Run:
    """A run in the store, and which numbers it has."""

    def __init__(self, client: Any, run: Any) -> None:
        self._client, self._id = client, run.info.run_id
        #: A run that is finished was told as a whole.
        self.is_logged = run.info.status == "FINISHED"
        if run.info.status in ("FAILED", "KILLED"):
            client.update_run(self._id, "RUNNING")
        self._told = {
            (name, point.step)
            for name in run.data.metrics
            for point in client.get_metric_history(self._id, name)
        }

    def add(self, numbers: Iterable[Number]) -> None:
        """Tell those that were not told before: epochs done again after a kill have the same numbers."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        new = [number for number in numbers if (number[0], number[2]) not in self._told]
        for first in range(0, len(new), _TOGETHER):
            some = new[first : first + _TOGETHER]
            self._client.log_batch(
                self._id, metrics=[Metric(name, value, now_ms, step) for name, value, step in some]
            )
            self._told.update((name, step) for name, _, step in some)

    def finish(self, out: Path, metrics: Mapping[str, Any]) -> None:
        """Add the files of the model folder, settings and table, and call the run finished."""
        self._client.log_dict(self._id, metrics["config"], "config.json")
        self._client.log_text(self._id, format_report(metrics), "table.txt")
        for name in _FILES:
            if (out / name).is_file():
                self._client.log_artifact(self._id, str(out / name))
        self.end("FINISHED")

    def end(self, status: str) -> None:
        """Say how it ended, as MLflow calls it."""
        self._client.set_terminated(self._id, status)


class _Live:
    """A training that runs, and what of it is still to be told."""

    def __init__(self, tracking: Tracking, dataset: Path, out: Path, config: ModelConfig) -> None:
        self._tracking, self._dataset, self._out, self._config = tracking, dataset, out, config
        self._run: _Run | None = None
        self._waiting: list[Number] = []
        self._sent_s, self._is_lost = float("-inf"), False

    def epoch(self, report: "EpochReport") -> None:
        """Hear of an epoch."""
        self._waiting += _numbers(_curve_of(report.network), vars(report))
        if time.monotonic() - self._sent_s >= EVERY_S:
            self.send()

    def send(self) -> None:
        """Tell what is waiting."""
        if self._is_lost or not self._waiting:
            return
        try:
            self._run = self._run or self._tracking.open(self._out, _begun(self._dataset, self._config))
            self._run.add(self._waiting)
        except self._tracking.errors as exc:
            self._is_lost = True
            _LOG.warning("MLflow did not take an epoch (%s); the rest is told at the end", _line(exc))
        self._waiting.clear()
        self._sent_s = time.monotonic()

    def end(self, status: str) -> None:
        """Tell what is waiting, and how the training ended."""
        self.send()
        if self._run and not self._is_lost:
            with suppress(*self._tracking.errors):
                self._run.end(status)


def told_numbers(metrics: Mapping[str, Any]) -> Iterator[Number]:
    """Every number that MLflow shows of a training; the test side's have epoch 0.

    Names: network/train_loss; network/member_2/train_loss of an ensemble's others; network/common/train_loss in the
    stages before the last; test/network/accuracy.
    """
    for network, story in metrics["training"].items():
        for number, member in enumerate([story, *story["other_members"]], start=1):
            of_member = network if number == 1 else f"{network}/member_{number}"
            for report in [*member["warm_up"], *member["history"]]:
                yield from _numbers(of_member, report)
    for network, scores in metrics["networks"].items():
        for name in _SCORES:
            if scores[name] is not None:
                yield f"test/{network}/{name}", scores[name], 0


def _numbers(curve: str, report: Mapping[str, Any]) -> Iterator[Number]:
    """Those of one epoch. curve: network, and member."""
    stage = "" if report["stage"] == "all" else f"/{report['stage']}"
    for name in _OF_EPOCH:
        if report[name] is not None:
            yield f"{curve}{stage}/{name}", report[name], report["epoch"]


def _curve_of(title: str) -> str:
    """Network and member by a training's title: audio/member_2 of "audio 2 of 5", audio of "audio 1 of 5"."""
    network, _, place = title.partition(" ")
    number = place.partition(" ")[0] or "1"
    return network if number == "1" else f"{network}/member_{number}"


def _begun(dataset: Path, config: ModelConfig) -> dict[str, Any]:
    """What metrics.json will say of the data and settings of a training."""
    data_hash = dataset_hash(dataset)
    return {
        "run": identity(data_hash, config),
        "dataset": {"hash": data_hash},
        "config": config.model_dump(mode="json"),
        "git_revision": git_revision(),
    }


def _line(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:200]
