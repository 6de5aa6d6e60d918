"""EMODal: films and annotated spans to a dataset without leaks, and networks that are trained on it.

A function does what the command of its name does, and the command calls it. Progress goes to standard error. Settings
are those of emodal.toml: a section is a dict, as in `split={"group_by": "film"}`. Errors: emodal_data.core.errors has
InputError for wrong input and WorkError for work that failed; emodal_model.core.errors has the errors of networks.

`import emodal` is cheap: each function imports what it needs. It works in scripts, with or without
`if __name__ == "__main__":`, and in notebooks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from emodal_model.inference.predictor import Predictor
    from flows.config.models import Config

__all__ = [
    "Dataset",
    "__version__",
    "build",
    "evaluate",
    "load_model",
    "open_dataset",
    "plan",
    "predict",
    "train",
]

__version__: str


def build(
    films: "str | Path | None" = None,
    annotations: "str | Path | None" = None,
    out: "str | Path | None" = None,
    *,
    config: "str | Path | Config | None" = None,
    **settings: Any,
) -> dict[str, Any]:
    """Turn films and annotations into a dataset, and train EMODal on it unless train=False. Does only what is missing.

    config: TOML file with settings, which the arguments override; or a whole Config, alone.
    Returns counts (of rows, samples, reasons), clips_read, published (whether anything was written), warnings, and
    metrics of the training. If a Prefect server is configured (PREFECT_API_URL), it is a flow run there. Raises
    InputError for wrong input, WorkError if the work failed.

    >>> result = build("films", "annotations.csv", "build", train=False, split={"group_by": "film"})
    >>> result["published"], result["clips_read"] == result["counts"]["rows"]
    (True, True)
    """
    from flows.progress.terminal import watched_on_terminal

    tree = _config(films, annotations, out, config, settings)
    with watched_on_terminal():
        from flows.operations.build import build_and_train
        from flows.server.environment import is_server_configured, prefect_server

        if not is_server_configured():
            return build_and_train(tree)
        with prefect_server():
            from flows.build_dataset import build_dataset

            return build_dataset(tree)


def plan(
    films: "str | Path | None" = None,
    annotations: "str | Path | None" = None,
    out: "str | Path | None" = None,
    *,
    config: "str | Path | Config | None" = None,
    **settings: Any,
) -> dict[str, Any]:
    """Say what build would do with the same arguments: what it would read, what is stored, what is wrong.

    Writes nothing. Raises InputError for wrong input.

    >>> plan("films", "annotations.csv", "build")["clips_to_read"]
    0
    """
    from flows.operations.plan import plan_result

    return plan_result(_config(films, annotations, out, config, settings))


def train(
    dataset: str | Path,
    out: str | Path,
    *,
    config: str | Path | None = None,
    folds: bool = False,
    sweep: Sequence[str] = (),
    workers: int = 1,
    **settings: Any,
) -> dict[str, Any]:
    """Train on a dataset and write the model folder.

    config: TOML file with settings, which the arguments override. folds: also hold out each fold of the training split
    in turn. sweep: values to try, such as "learning_rate=1e-3,3e-4". workers: trainings at a time, each in a process.
    settings: those of the section model, and engine={...}.
    Returns the metrics; of a sweep, its points in the order of their validation score. Raises ModelError or InputError.

    >>> metrics = train("build", "model", epochs=1, members=1, filters=(2, 2, 2), image_dense=4)
    >>> 0 <= metrics["networks"]["emodal"]["accuracy"] <= 1
    True
    """
    from flows.operations.train import train_on
    from flows.progress.terminal import watched_on_terminal

    with watched_on_terminal():
        return train_on(Path(dataset), Path(out), _path(config), folds, sweep, workers, settings)


def evaluate(model: str | Path, dataset: str | Path, predictions: str | Path | None = None) -> dict[str, Any]:
    """Test a model on the test split of a dataset. Returns the metrics, and predictions, the file of the answers.

    predictions: the Parquet file for the truth and every probability of each clip. Default: predictions.parquet in
    evaluations/<hash of the dataset>/ of the model folder, if that can be written.

    >>> sorted(evaluate("model", "build")) == sorted(evaluate("model/emodal.keras", "build/dataset"))
    True
    """
    from emodal_data.dataset.read import open_dataset as dataset_folder
    from emodal_data.dataset.read import read_unchanged
    from emodal_model.evaluation.evaluate import evaluate as evaluate_model
    from emodal_model.evaluation.evaluate import evaluation_file

    folder = dataset_folder(dataset)

    def evaluated() -> dict[str, Any]:
        file = _path(predictions) or evaluation_file(Path(model), folder)
        metrics = evaluate_model(Path(model), folder, file).as_dict()
        return metrics | {"predictions": None if file is None else str(file)}

    return read_unchanged(folder, evaluated)


def predict(
    model: str | Path,
    film: str | Path,
    annotations: str | Path | None = None,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Predict the probability of every class for the spans of a film.

    annotations: spans to predict, labels optional; without, spans of speech within a shot are found in the film.
    out: folder for predictions.csv and timeline.png. Returns spans (a dict each), labels, wrong_rows and files.

    >>> result = predict("model", "films/film_000.mp4", "annotations.csv")
    >>> len(result["spans"]), result["labels"]
    (6, ['angry', 'happy', 'neutral', 'sad'])
    """
    from flows.operations.predict import predict_film
    from flows.progress.terminal import watched_on_terminal

    with watched_on_terminal():
        return predict_film(Path(model), Path(film), _path(annotations), _path(out))


@dataclass(frozen=True)
class Dataset:
    """A finished dataset. folder: on this machine, with data/ and manifest.json."""

    folder: Path

    @property
    def manifest(self) -> Mapping[str, Any]:
        """Settings, versions, counts, and the hash of every shard and film.

        >>> open_dataset("build").manifest["counts"]["samples"] > 0
        True
        """
        from emodal_data.dataset.folder import read_manifest

        return read_manifest(self.folder)

    def split(self, name: str) -> "pa.Table":
        """The samples of "train", "validation", "test" or "unlabelled". Raises InputError for another name.

        >>> open_dataset("build").split("test")["augmentation"].unique().to_pylist()
        ['none']
        """
        from emodal_data.dataset.read import read_split

        return read_split(self.folder, name)


def open_dataset(location: str | Path) -> Dataset:
    """A dataset to read: its folder or URL, or that of its build. One at a URL is copied first.

    Raises InputError if there is none.

    >>> open_dataset("build").folder.name
    'dataset'
    """
    from emodal_data.dataset.folder import read_manifest
    from emodal_data.dataset.read import open_dataset as dataset_folder

    folder = dataset_folder(location)
    read_manifest(folder)
    return Dataset(folder)


def load_model(path: str | Path) -> "Predictor":
    """A trained network from a model folder or a .keras file; .predict(images, audio_features) gives probabilities.

    Raises ModelInputError if there is no model.

    >>> load_model("model").labels
    ('angry', 'happy', 'neutral', 'sad')
    """
    from emodal_model import load

    return load(path)


def _config(
    films: "str | Path | None",
    annotations: "str | Path | None",
    out: "str | Path | None",
    config: "str | Path | Config | None",
    settings: Mapping[str, Any],
) -> "Config":
    from flows.config.load import load_config

    if config is None or isinstance(config, str | Path):
        return load_config(_path(config), [], films=films, annotations=annotations, out=out, **settings)
    return config


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def __getattr__(name: str) -> str:
    if name == "__version__":
        import importlib.metadata

        return importlib.metadata.version("emodal")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
