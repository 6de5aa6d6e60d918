"""The flow train-emodal: a dataset in, a trained model with its metrics out. Nothing is trained twice."""

from pathlib import Path
from typing import Any

from prefect import flow

from emodal_model.config import ModelConfig
from emodal_model.run import finished
from flows.observers import observer
from flows.repeats import train_all

_DEFAULTS = ModelConfig()


@flow(name="train-emodal", flow_run_name="train {out}", persist_result=False)
def train_emodal(dataset: Path, out: Path, config: ModelConfig = _DEFAULTS) -> dict[str, Any]:
    """Train on a dataset folder and write the model folder.

    Returns the metrics. A finished training of this very dataset with these settings is not repeated.
    Raises ModelError if the dataset cannot be trained on.
    """
    done = finished(dataset, out, config) if config.seeds == 1 else None
    if done is not None:
        return done
    observer().stage("training", 0, "epochs")
    return train_all(dataset, out, config, on_epoch=observer().epoch)
