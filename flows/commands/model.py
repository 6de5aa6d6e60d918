"""`emodal train` and `emodal evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import Json, Settings, dataset_in, print_result


def train(
    dataset: Annotated[Path, typer.Argument(help="Folder with data/ and manifest.json.")],
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    model: Annotated[
        str | None,
        typer.Option(
            help="emodal, audio, audio_recurrent, image, compare (all but the recurrent), or all (with baselines)."
        ),
    ] = None,
    folds: Annotated[
        bool, typer.Option("--folds", help="Also hold out each fold of the training side in turn.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Seeds or folds trained at a time, each in a process of its own.")
    ] = 1,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """Train on a dataset and print accuracy, UAR, macro-F1 and the confusion table.

    With several seeds (--set seeds=3) or --folds, mean and deviation too; they are in OUT/seeds and OUT/folds.

    Example: emodal train build/dataset --out build/model --set epochs=30
    """
    from flows.config import load_model_config

    settings = load_model_config([*(set_ or []), *([f"name={model}"] if model else [])])
    from emodal_data.storage import local_path, pull, push
    from flows.observers import watched_on_terminal
    from flows.repeats import train_all

    folder = local_path(out)
    pull(folder)
    with watched_on_terminal() as terminal:
        metrics = train_all(
            dataset_in(dataset),
            folder,
            settings,
            folds,
            workers,
            on_epoch=terminal.epoch,
            on_done=lambda repeat: terminal.say(f"trained {repeat.out}"),
        )
    push(folder)
    from emodal_model.tables import format_report

    print_result(metrics, format_report(metrics), as_json)


def evaluate(
    model: Annotated[Path, typer.Argument(help="Model folder, or a .keras file.")],
    dataset: Annotated[Path, typer.Argument(help="Folder with data/ and manifest.json.")],
    as_json: Json = False,
) -> None:
    """Test a model on the test side of a dataset.

    Example: emodal evaluate build/model other-build/dataset
    """
    from emodal_model.evaluation import evaluate as evaluate_model
    from emodal_model.tables import format_report

    metrics = evaluate_model(model, dataset_in(dataset)).as_dict()
    print_result(metrics, format_report(metrics), as_json)
