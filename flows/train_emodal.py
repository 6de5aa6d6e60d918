"""The flow train-emodal: a dataset in, a trained model with its metrics out. Nothing is trained twice."""

from pathlib import Path
from typing import Any

from prefect import flow

from emodal_data.remote_dataset import open_dataset
from emodal_data.storage import local_path, pull, push, url_of
from emodal_model.config import ModelConfig
from emodal_model.run import finished
from flows.config import EngineConfig
from flows.observers import observer
from flows.repeats import Fan, train_all

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
    # One training more or less known to MLflow is for it to say.
    done = finished(dataset, out, config) if config.seeds == 1 and not engine.mlflow else None
    if done is not None:
        return done
    observer().stage("training", 0, "epochs")
    metrics = train_all(dataset, out, config, fan=Fan(workers, engine, observer().epoch))
    push(out)
    return metrics
