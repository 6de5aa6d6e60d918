"""`emodal train`, `emodal evaluate` and `emodal compare`."""

from pathlib import Path
from typing import Annotated

import typer

import emodal
from flows.cli.options import ConfigFile, Json, Settings, model_in, print_result


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
        bool, typer.Option("--folds", help="Also hold out each fold of the training split in turn.")
    ] = False,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            help="Values to try, such as learning_rate=1e-3,3e-4. Repeat it for a grid. Nothing else is trained."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Trainings at a time, each in a process of its own.")
    ] = 1,
    config: ConfigFile = None,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """Train on a dataset and print accuracy, UAR, macro-F1 and the confusion table.

    With several seeds (--set seeds=3) or --folds, it also prints mean and deviation; the trainings are in OUT/seeds
    and OUT/folds. With --sweep, it ranks the settings by their validation score and writes the best to OUT/best.toml,
    for --config. With --workers, or on a Dask cluster (--set engine.kind=dask), several trainings run at once.

    Example: emodal train build/dataset --out other-model --model audio --set epochs=30
    """
    from flows.config.load import training_tree

    settings = training_tree([*(set_ or []), *([f"name={model}"] if model else [])])
    result = emodal.train(
        dataset, out, config=config, folds=folds, sweep=sweep or (), workers=workers, **settings
    )
    from flows.progress.summary import model_line, next_command, report_of

    if sweep:
        from emodal_model.training.sweep import format_sweep

        then = next_command("train", dataset, "--out", out, "--config", out / "best.toml")
        print_result(result, format_sweep(result), as_json, brief=str(out / "best.toml"), then=[then])
        return
    from emodal_model.evaluation.tables import format_report

    lines = [
        format_report(result),
        "",
        f"model    {out}",
        f"report   {report_of(out)}",
    ]
    then = next_command("predict", out, "FILM")
    print_result(result, "\n".join(lines), as_json, brief=model_line(out, result), then=[then])


def evaluate(
    model: Annotated[Path, typer.Argument(help="Model folder, or a .keras file.")],
    dataset: Annotated[Path, typer.Argument(help="Folder with data/ and manifest.json.")],
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="Parquet file for the true classes and all probabilities; default: in evaluations/ of the model."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Test a model on the test split of a dataset.

    Example: emodal evaluate build/model other-build/dataset
    """
    metrics = emodal.evaluate(model, dataset, predictions)
    from emodal_model.evaluation.tables import format_report
    from flows.progress.summary import model_line, next_command

    lines = [
        format_report(metrics),
        *([f"\npredictions  {file}"] if (file := metrics["predictions"]) else []),
    ]
    then = next_command("predict", model, "FILM")
    print_result(metrics, "\n".join(lines), as_json, brief=model_line(model, metrics), then=[then])


def compare(
    one: Annotated[Path, typer.Argument(metavar="MODEL_A", help="Model folder.")],
    two: Annotated[Path, typer.Argument(metavar="MODEL_B", help="The other one.")],
    as_json: Json = False,
) -> None:
    """Compare two trainings on the clips that both judged, and name the settings that differ.

    These are the clips of all folds if both were trained with --folds, and otherwise those of the test split.

    Example: emodal compare build-of-may build-of-june
    """
    from emodal_model.evaluation.compare import compare_trainings, format_comparison

    result = compare_trainings(model_in(one), model_in(two))
    print_result(result, format_comparison(result), as_json)
