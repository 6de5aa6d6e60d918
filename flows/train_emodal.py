"""The flow train-emodal: a dataset in, a trained model with its metrics out. Nothing is trained twice."""

from pathlib import Path
from typing import Any

from prefect import flow

from emodal_data.dataset.integrity import refuse_damaged
from emodal_data.dataset.read import open_dataset
from emodal_data.storage.sync import pull, push
from emodal_data.storage.urls import local_path, url_of
from emodal_model.core.config import ModelConfig
from emodal_model.training.identity import finished
from flows.config.models import EngineConfig
from flows.engine.trainings import TrainingPool, train_all
from flows.progress.observer import observer
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

    engine, workers: where several seeds are trained, and how many at a time.
    Returns the metrics. A finished training of this very dataset with these settings is not repeated.
    Raises ModelError if the dataset cannot be trained on.
    """
    if url_of(local_path(dataset)) is not None:
        dataset = open_dataset(dataset)
    out = local_path(out)
    pull(out)
    # MLflow may not know a finished training: the training itself checks that.
    done = finished(dataset, out, config) if config.seeds == 1 and not engine.mlflow else None
    if done is not None:
        return done
    refuse_damaged(dataset)
    with observed_in_prefect(engine.report_url):
        observer().stage("training", 0, "epochs")
        metrics = train_all(dataset, out, config, fan=TrainingPool(workers, engine, observer().epoch))
    push(out)
    return metrics
