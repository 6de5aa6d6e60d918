"""Several trainings - seeds, folds, points of a sweep - in this process, in worker processes, or on a Dask cluster."""

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emodal_data.core.errors import InputError
from emodal_data.core.worker_pool import WorkerPool
from emodal_data.dataset.read import open_dataset
from emodal_data.storage.urls import shown, url_of
from emodal_model.core.config import GridPoint, ModelConfig
from emodal_model.training.repeats import TrainingJob, repeats_of, train_repeat, train_repeats
from emodal_model.training.sweep import ranked, sweep_repeats, write_sweep
from flows.config.models import EngineConfig

#: A training may take days; a worker that hangs longer is stopped.
TIMEOUT_S = 14 * 24 * 3600.0
_PROCESSES = EngineConfig()
#: Hears of each training that is done, with its metrics.
Done = Callable[[TrainingJob, dict[str, Any]], None]


@dataclass(frozen=True)
class TrainingPool:
    """Where trainings run. workers: trainings at a time, each in a process of its own; 1: in this process.

    on_epoch: heard from trainings in this process only; on_done: of every training, where there are several.
    """

    workers: int = 1
    engine: EngineConfig = _PROCESSES
    on_epoch: Callable[[Any], None] | None = None
    on_done: Callable[[TrainingJob], None] = lambda repeat: None

    def run(self, repeats: Sequence[TrainingJob]) -> list[dict[str, Any]]:
        """Train them all; their metrics, in order. Raises ModelError if one fails; those that are done are kept."""
        tracking = None
        if self.engine.mlflow:
            from emodal_model.training.mlflow_tracking import Tracking

            tracking = Tracking(self.engine.mlflow)  # says before the training what is wrong with it
        lock = threading.Lock()

        def done(repeat: TrainingJob, metrics: dict[str, Any]) -> None:
            with lock:
                if tracking:
                    tracking.log(repeat.out, metrics)
                if len(repeats) > 1:
                    self.on_done(repeat)

        if len(repeats) > 1 and self.engine.kind == "dask":
            return self._on_dask(repeats, done)
        if len(repeats) > 1 and self.workers > 1:
            return self._in_workers(repeats, done)
        metrics = []
        for number, repeat in enumerate(repeats):
            metrics.append(train_repeat(repeat, self.engine.mlflow, self._epochs_of(number, len(repeats))))
            done(repeat, metrics[-1])
        return metrics

    def _epochs_of(self, number: int, repeats: int) -> Callable[[Any], None] | None:
        """on_epoch for the repeat of this number: counts its trainings among those of all repeats."""
        if not (observe := self.on_epoch):
            return None

        def of_all(report: Any) -> None:
            before, trainings = number * report.trainings, repeats * report.trainings
            observe(replace(report, training=before + report.training, trainings=trainings))

        return of_all

    def _in_workers(self, repeats: Sequence[TrainingJob], done: Done) -> list[dict[str, Any]]:
        pool = WorkerPool(min(self.workers, len(repeats)), _memory_mb())

        def one(repeat: TrainingJob) -> dict[str, Any]:
            metrics = pool.run(TIMEOUT_S, train_repeat, repeat, self.engine.mlflow)
            done(repeat, metrics)
            return metrics

        try:
            with ThreadPoolExecutor(self.workers) as threads:
                return list(threads.map(one, repeats))
        finally:
            pool.close()

    def _on_dask(self, repeats: Sequence[TrainingJob], done: Done) -> list[dict[str, Any]]:
        from flows.engine.dask import dask_client

        out = repeats[0].out
        if self.engine.dask_address and url_of(out) is not None:
            raise InputError(
                f"{shown(out)}: trainings on a cluster need an --out that all its machines see as a path"
            )
        with dask_client(self.engine, min(self.workers, len(repeats))) as client:
            from distributed import as_completed

            # The cluster's workers have other working folders.
            places = [replace(r, dataset=r.dataset.absolute(), out=r.out.absolute()) for r in repeats]
            # Other machines see a server, but no folder of this one: MLflow is then updated at the end, from here.
            mlflow = self.engine.mlflow if self.engine.mlflow.startswith(("http:", "https:")) else ""
            futures = client.map(train_on_cluster, places, mlflow=mlflow, pure=False)
            number = {future.key: place for place, future in enumerate(futures)}
            for future in as_completed(futures):
                done(repeats[number[future.key]], future.result())  # the first error ends them all
            return [future.result() for future in futures]


def train_all(
    dataset: Path, out: Path, config: ModelConfig, by_fold: bool = False, fan: TrainingPool | None = None
) -> dict[str, Any]:
    """Train every seed or fold, and return the metrics of the first with "repeats" of all. Errors as Fan.run."""
    fan = fan or TrainingPool()
    repeats = repeats_of(dataset, out, config, by_fold)
    metrics = train_repeats(repeats, fan.run)
    if "repeats" in metrics:  # what the first training wrote for people knows nothing of the others
        from emodal_model.training.train import describe_again

        describe_again(dataset, out, repeats[0].config, metrics)
    return metrics


def train_sweep(dataset: Path, out: Path, points: Sequence[GridPoint], fan: TrainingPool) -> dict[str, Any]:
    """Train every point of a grid, write OUT/sweep.json and OUT/best.toml, and return what sweep.ranked says."""
    repeats = sweep_repeats(dataset, out, points)
    metrics = iter(fan.run([repeat for of_point in repeats for repeat in of_point]))
    result = ranked(points, [list(itertools.islice(metrics, len(of_point))) for of_point in repeats])
    write_sweep(out, result)
    return result


def train_on_cluster(repeat: TrainingJob, mlflow: str) -> dict[str, Any]:
    """One training, in a process of the cluster's worker: the worker itself stays small and alive."""
    from flows.engine.processes import worker_pool

    here = replace(repeat, dataset=open_dataset(repeat.dataset))
    return worker_pool(1, _memory_mb()).run(TIMEOUT_S, train_repeat, here, mlflow)


def _memory_mb() -> int:
    """All memory of the machine: what a training needs is the user's to choose, by model.batch_size."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
