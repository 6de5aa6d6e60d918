"""`emodal build` and `emodal plan`."""

import contextlib
import logging
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.options import Annotations, ConfigFile, Films, Json, Out, Overrides, Settings, print_result

if TYPE_CHECKING:
    from flows.config.models import Config
    from flows.progress.terminal import Terminal


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
    paths = {"films": films, "annotations": annotations, "out": out, "overrides": overrides}
    tree = load_config(config, set_ or [], **paths, workers=workers, train=train)
    from flows.progress.terminal import watched_on_terminal

    with watched_on_terminal() as terminal:
        with terminal.console.status("looking for what has changed"):
            from flows.operations.unchanged import finished_build
            from flows.progress.summary import build_summary

            result = finished_build(tree)
        result = result or _run_flow(tree, terminal)
    print_result(result, build_summary(tree.out, result), as_json)


def plan(
    films: Films = None,
    annotations: Annotations = None,
    out: Out = None,
    overrides: Overrides = None,
    config: ConfigFile = None,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """Say what a build would read, what is stored already, and what is wrong. Writes nothing.

    Example: emodal plan --films films --annotations spans.csv --out build
    """
    from flows.config.load import load_config
    from flows.operations.plan import plan_result
    from flows.progress.summary import plan_summary

    paths = {"films": films, "annotations": annotations, "out": out, "overrides": overrides}
    tree = load_config(config, set_ or [], **paths)
    result = plan_result(tree)
    print_result(result, plan_summary(result), as_json)


def _run_flow(config: "Config", terminal: "Terminal") -> dict[str, Any]:
    _quiet_prefect()
    with contextlib.ExitStack() as server:
        with terminal.console.status("starting"):
            from flows.build_dataset import build_dataset
            from flows.server.local_server import local_server

            server.enter_context(local_server())
        return build_dataset(config)


def _quiet_prefect() -> None:
    """Settings for a flow that runs on its own, without a server; what the user set wins."""
    # Its own events are of no use here, and it complains when they outlast the flow.
    logging.getLogger("EventsWorker").setLevel(logging.CRITICAL)
    for name, value in {
        "PREFECT_LOGGING_LEVEL": "CRITICAL",  # failures are told once, by _clear_errors
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }.items():
        os.environ.setdefault(name, value)
