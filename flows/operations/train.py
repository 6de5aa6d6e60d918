"""The work of `emodal train`: one training, several seeds or folds, or a grid; and of the training after a build."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emodal_data.core.errors import InputError
from emodal_data.dataset.integrity import refuse_damaged
from emodal_data.dataset.read import open_dataset
from emodal_data.storage.sync import pull, push
from emodal_data.storage.urls import local_path, url_of
from emodal_model.core.config import ModelConfig
from emodal_model.training.identity import finished
from flows.config.load import load_sweep, load_training_config
from flows.config.models import EngineConfig
from flows.engine.trainings import TrainingPool, train_all, train_sweep
from flows.operations.linked_reports import show_training
from flows.progress.observer import observer
from flows.progress.overall import TRAINING, Work

#: A first guess of how long a training takes; its epochs tell more.
_GUESS_S = 60.0


def train_on(
    dataset: Path,
    out: Path,
    config: Path | None,
    folds: bool,
    sweep: Sequence[str],
    workers: int,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Train on a dataset and write the model folder; both may be URLs. Arguments and result: see emodal.train."""
    if sweep and folds:
        raise InputError("--sweep and --folds: choose one; a sweep is judged by the validation split")
    model, engine = load_training_config(config, [], settings)
    points = load_sweep(model, sweep) if sweep else []
    folder = local_path(out)
    pull(folder)
    watcher = observer()
    watcher.expect([Work(TRAINING, _GUESS_S)])
    watcher.stage(TRAINING, 0, "epochs")
    pool = TrainingPool(
        workers, engine, watcher.epoch, lambda training: watcher.log(f"trained {training.out}")
    )
    at_hand = open_dataset(dataset)
    refuse_damaged(at_hand)
    if points:
        result = train_sweep(at_hand, folder, points, pool)
    else:
        result = train_all(at_hand, folder, model, folds, pool)
        show_training(at_hand, folder, result)
        watcher.training(folder, result)
    push(folder)
    return result


def train_dataset(
    dataset: Path, out: Path, config: ModelConfig, engine: EngineConfig, workers: int
) -> dict[str, Any]:
    """The training after a build, on its dataset; dataset and out may be URLs. Returns the metrics.

    engine, workers: where several seeds are trained, and how many at a time. A finished training of this very dataset
    with these settings is not repeated. Raises ModelError if the dataset cannot be trained on.
    """
    if url_of(local_path(dataset)) is not None:
        dataset = open_dataset(dataset)
    out = local_path(out)
    pull(out)
    # MLflow may not know a finished training: the training itself checks that.
    done = finished(dataset, out, config) if config.seeds == 1 and not engine.mlflow else None
    if done is not None:
        observer().training(out, done)
        return done
    refuse_damaged(dataset)
    observer().stage(TRAINING, 0, "epochs")
    metrics = train_all(dataset, out, config, fan=TrainingPool(workers, engine, observer().epoch))
    show_training(dataset, out, metrics)
    observer().training(out, metrics)
    push(out)
    return metrics
