"""Logs trainings to MLflow: every epoch during training, and scores and files at the end. Needs the extra `mlflow`.

The training of a folder is one MLflow run, however often it was killed and resumed; two tags identify it.
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
#: The tags that identify a run: "run" of metrics.json, and the model folder.
RUN, FOLDER = "emodal.run", "emodal.folder"
#: The tag with the classes of the dataset, in the order of their numbers.
CLASSES = "emodal.classes"
#: Files of a model folder that are logged as artifacts.
_FILES = ("metrics.json", "README.md", "report/index.html")
#: The most metrics that MLflow accepts in one call.
_MOST_PER_CALL = 1000
#: Seconds between two calls while a training runs: quick epochs are logged together.
EVERY_S = 2.0
_SCORES = ("accuracy", "uar", "macro_f1", "ece", "cross_entropy")
_EPOCH_METRICS = ("train_loss", "validation_loss", "validation_accuracy", "learning_rate")

_LOG = logging.getLogger(__name__)

#: Name, value and epoch of a metric.
Point = tuple[str, float, int]


class Tracking:
    """An MLflow store that trainings are logged to."""

    def __init__(self, where: str) -> None:
        """where: MLflow's tracking URI, or a folder for an SQLite store (mlflow.db) and its artifacts.

        Raises ModelInputError if MLflow is not installed, or the store cannot be used.
        """
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # MLflow's default of 7 would delay a training by minutes after a server went away.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        try:
            self._mlflow: Any = importlib.import_module("mlflow")
        except ImportError as exc:
            raise ModelInputError("engine.mlflow needs MLflow: pip install 'emodal[mlflow]'") from exc
        #: The exceptions of a store that cannot be used.
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
        """Yield the function that logs each epoch of a training; mark the run if the training fails or is stopped.

        A training that ends before its first epoch is not logged. If the store is lost during a training, the training
        continues, and log() logs the rest.
        """
        live = _LiveLog(self, dataset, out, config)
        try:
            yield live.epoch
        except BaseException as exc:
            live.end("FAILED" if isinstance(exc, Exception) else "KILLED")
            raise
        live.send()

    def log(self, out: Path, metrics: Mapping[str, Any]) -> None:
        """Log of a finished training what is not logged yet. out: its model folder. metrics: of metrics.json.

        Raises ModelWorkError if MLflow does not accept it.
        """
        try:
            run = self.open(out, metrics)
            if not run.is_logged:
                run.add(metric_points(metrics))
                run.finish(out, metrics)
        except self.errors as exc:
            raise ModelWorkError(
                f"{out}: trained, but MLflow did not accept the run ({_line(exc)}); run the command again to log "
                "it, nothing is trained twice"
            ) from exc

    def open(self, out: Path, about: Mapping[str, Any]) -> "_Run":
        """The run of a training, created if there is none. about: the data and settings, as in metrics.json."""
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
    """A run in the store, and the metrics it has."""

    def __init__(self, client: Any, run: Any) -> None:
        self._client, self._id = client, run.info.run_id
        #: A finished run was logged completely.
        self.is_logged = run.info.status == "FINISHED"
        if run.info.status in ("FAILED", "KILLED"):
            client.update_run(self._id, "RUNNING")
        self._logged = {
            (name, point.step)
            for name in run.data.metrics
            for point in client.get_metric_history(self._id, name)
        }

    def add(self, points: Iterable[Point]) -> None:
        """Log the points that are not logged yet: epochs repeated after a kill have the same values."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        new = [point for point in points if (point[0], point[2]) not in self._logged]
        for first in range(0, len(new), _MOST_PER_CALL):
            some = new[first : first + _MOST_PER_CALL]
            self._client.log_batch(
                self._id, metrics=[Metric(name, value, now_ms, step) for name, value, step in some]
            )
            self._logged.update((name, step) for name, _, step in some)

    def finish(self, out: Path, metrics: Mapping[str, Any]) -> None:
        """Log classes, settings, table and files of the model folder, and mark the run as finished."""
        classes = next((list(scores["recall"]) for scores in metrics["networks"].values()), [])
        if classes:
            self._client.set_tag(self._id, CLASSES, ", ".join(classes))
        self._client.log_dict(self._id, metrics["config"], "config.json")
        self._client.log_text(self._id, format_report(metrics), "table.txt")
        for name in _FILES:
            if (out / name).is_file():
                self._client.log_artifact(self._id, str(out / name))
        self.end("FINISHED")

    def end(self, status: str) -> None:
        """End the run with one of MLflow's statuses."""
        self._client.set_terminated(self._id, status)


class _LiveLog:
    """The log of a running training, and its points that are not sent yet."""

    def __init__(self, tracking: Tracking, dataset: Path, out: Path, config: ModelConfig) -> None:
        self._tracking, self._dataset, self._out, self._config = tracking, dataset, out, config
        self._run: _Run | None = None
        self._waiting: list[Point] = []
        self._sent_s, self._is_lost = float("-inf"), False

    def epoch(self, report: "EpochReport") -> None:
        """Add the points of an epoch."""
        self._waiting += _points(_curve(report.network, report.member), vars(report))
        if time.monotonic() - self._sent_s >= EVERY_S:
            self.send()

    def send(self) -> None:
        """Send the points that are waiting."""
        if self._is_lost or not self._waiting:
            return
        try:
            self._run = self._run or self._tracking.open(self._out, _details(self._dataset, self._config))
            self._run.add(self._waiting)
        except self._tracking.errors as exc:
            self._is_lost = True
            _LOG.warning("MLflow did not accept an epoch (%s); the rest is logged at the end", _line(exc))
        self._waiting.clear()
        self._sent_s = time.monotonic()

    def end(self, status: str) -> None:
        """Send the points that are waiting, and the status of the run."""
        self.send()
        if self._run and not self._is_lost:
            with suppress(*self._tracking.errors):
                self._run.end(status)


def metric_points(metrics: Mapping[str, Any]) -> Iterator[Point]:
    """Every metric that MLflow shows of a training; those of the test split have epoch 0.

    Names: network/train_loss; network/member_2/train_loss for further members of an ensemble;
    network/common/train_loss in the stages before the last; test/network/accuracy.
    """
    for network, first in metrics["training"].items():
        for number, member in enumerate([first, *first["other_members"]], start=1):
            for epoch in [*member["warm_up"], *member["history"]]:
                yield from _points(_curve(network, number), epoch)
    for network, scores in metrics["networks"].items():
        for name in _SCORES:
            if scores[name] is not None:
                yield f"test/{network}/{name}", scores[name], 0
    for target, rows in metrics.get("targets", {}).items():
        for network, scores in rows.items():
            for name in ("ccc", "rmse"):
                if scores[name] is not None:
                    yield f"test/{network}/{target}/{name}", scores[name], 0


def _points(curve: str, epoch: Mapping[str, Any]) -> Iterator[Point]:
    """The points of one epoch. curve: from _curve."""
    stage = "" if epoch["stage"] == "all" else f"/{epoch['stage']}"
    for name in _EPOCH_METRICS:
        if epoch[name] is not None:
            yield f"{curve}{stage}/{name}", epoch[name], epoch["epoch"]


def _curve(network: str, member: int) -> str:
    """The prefix of a member's metrics: audio, audio/member_2."""
    return network if member == 1 else f"{network}/member_{member}"


def _details(dataset: Path, config: ModelConfig) -> dict[str, Any]:
    """The data and settings of a training, as metrics.json will have them."""
    data_hash = dataset_hash(dataset)
    return {
        "run": identity(data_hash, config),
        "dataset": {"hash": data_hash},
        "config": config.model_dump(mode="json"),
        "git_revision": git_revision(),
    }


def _line(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:200]
