"""`emodal build` and `emodal plan`."""

from typing import Annotated

import typer

import emodal
from flows.cli.exits import UNUSABLE_ROWS
from flows.cli.options import (
    Annotations,
    ConfigFile,
    Films,
    Json,
    Out,
    Overrides,
    Settings,
    as_given,
    print_result,
)


def build(
    films: Films = None,
    annotations: Annotations = None,
    out: Out = None,
    overrides: Overrides = None,
    config: ConfigFile = None,
    set_: Settings = None,
    no_train: Annotated[bool, typer.Option("--no-train", help="Stop after the dataset.")] = False,
    workers: Annotated[int | None, typer.Option(help="Worker processes; default: one a core.")] = None,
    as_json: Json = False,
) -> None:
    """Turn films and annotations into a dataset, and train EMODal on it.

    Run it again after adding films, or after Ctrl-C: it does only what is missing.

    Example: emodal build --films films --annotations spans.csv --out build
    """
    from flows.config.load import load_config

    train = False if no_train else None
    paths = {"films": films, "annotations": annotations, "out": out, "overrides": overrides or None}
    tree = load_config(config, set_ or [], **paths, workers=workers, train=train)
    result = emodal.build(config=tree)
    from flows.progress.summary import after_build, build_line, build_summary

    text, then = build_summary(tree.out, result), after_build(tree.out, result)
    print_result(result, text, as_json, brief=build_line(tree.out, result), then=then)


def plan(
    films: Films = None,
    annotations: Annotations = None,
    out: Out = None,
    overrides: Overrides = None,
    config: ConfigFile = None,
    set_: Settings = None,
    with_all: Annotated[bool, typer.Option("--all", help="Print every warning and every wrong row.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 if a row cannot be used.")] = False,
    as_json: Json = False,
) -> None:
    """Show what a build would read, what is stored already, and what is wrong. Writes nothing.

    If many rows are wrong, they are counted by reason; --all and --json list each of them.

    Example: emodal plan --films films --annotations spans.csv --out build
    """
    from flows.config.load import load_config
    from flows.progress.summary import next_command, plan_summary

    paths = {"films": films, "annotations": annotations, "out": out, "overrides": overrides or None}
    tree = load_config(config, set_ or [], **paths)
    result = emodal.plan(config=tree)
    text = plan_summary(result, with_all)
    then = [next_command("build", *as_given(paths, config, set_))] if result["clips"] else []
    print_result(result, text, as_json, brief=text.partition("\n")[0], then=then)
    if strict and result["wrong_rows"]:
        raise typer.Exit(UNUSABLE_ROWS)
