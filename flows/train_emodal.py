"""The flow train-emodal: a dataset in, a trained model with its metrics out. Nothing is trained twice."""

from pathlib import Path
from typing import Any

from prefect import flow

from emodal_model.config import ModelConfig
from emodal_model.run import finished
from flows.observers import observer

_DEFAULTS = ModelConfig()


@flow(name="train-emodal", flow_run_name="train {out}", persist_result=False)
def train_emodal(dataset: Path, out: Path, config: ModelConfig = _DEFAULTS) -> dict[str, Any]:
    """Train on a dataset folder and write the model folder.

    Returns the metrics. A finished training of this very dataset with these settings is not repeated.
    Raises ModelError if the dataset cannot be trained on.
    """
    done = finished(dataset, out, config)
    if done is not None:
        return done
    observer().stage("training", 0, "epochs")
    from emodal_model.training import train  # TensorFlow takes seconds to import

    return train(dataset, out, config, on_epoch=observer().epoch)
