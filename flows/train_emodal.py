"""The flow train-emodal: the training after a build as a run on a Prefect server."""

from pathlib import Path
from typing import Any

from prefect import flow

from emodal_data.storage.urls import local_path, shown
from emodal_model.core.config import ModelConfig
from flows.config.models import EngineConfig
from flows.engine.allowed_roots import check_roots
from flows.operations.train import train_dataset
from flows.progress.prefect_run import observed_in_prefect

_DEFAULTS = ModelConfig()
_ENGINE = EngineConfig()


@flow(name="train-emodal", flow_run_name="train {out}", persist_result=False)
def train_emodal(
    dataset: Path,
    out: Path,
    config: ModelConfig = _DEFAULTS,
    engine: EngineConfig = _ENGINE,
    workers: int = 1,
) -> dict[str, Any]:
    """Train on a dataset folder and write the model folder; both may be URLs.

    Args:
        dataset: Folder of the dataset, with data/ and manifest.json, or its URL.
        out: Folder for the model, or its URL.
        config: The networks and their training.
        engine: Where several seeds are trained.
        workers: Trainings at a time, each in a process of its own.

    Returns the metrics. A finished training of this very dataset with these settings is not repeated.
    Raises ModelError if the dataset cannot be trained on, InputError for a place outside the deployment's roots.
    """
    places = {"dataset": shown(local_path(dataset)), "out": shown(local_path(out))}
    check_roots(places | engine.locations())
    with observed_in_prefect(local_path(out), engine.report_url):
        return train_dataset(dataset, out, config, engine, workers)
