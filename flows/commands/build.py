"""`emodal build` and `emodal plan`."""

import logging
import os
import signal
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Annotations, ConfigFile, Films, Json, Out, Settings, print_result

if TYPE_CHECKING:
    from flows.config import Config


def build(
    films: Films = None,
    annotations: Annotations = None,
    out: Out = None,
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
    from flows.config import load_config

    train = False if no_train else None
    tree = load_config(
        config, set_ or [], films=films, annotations=annotations, out=out, workers=workers, train=train
    )
    _check_inputs(tree)
    _quiet_prefect()
    _stop_at_once_on_signals()
    from flows.build_dataset import build_dataset
    from flows.local_server import local_server
    from flows.observers import watched_on_terminal
    from flows.summary import build_summary

    with watched_on_terminal(), local_server():
        result = build_dataset(tree)
    print_result(result, build_summary(tree.out, result), as_json)


def plan(
    films: Films = None,
    annotations: Annotations = None,
    out: Out = None,
    config: ConfigFile = None,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """Say what a build would read, what is stored already, and what is wrong. Writes nothing.

    Example: emodal plan --films films --annotations spans.csv --out build
    """
    from flows.config import load_config
    from flows.summary import plan_result, plan_summary

    tree = load_config(config, set_ or [], films=films, annotations=annotations, out=out)
    result = plan_result(tree)
    print_result(result, plan_summary(result), as_json)


def _stop_at_once_on_signals() -> None:
    """End at Ctrl-C or SIGTERM without waiting for anything.

    Every write is atomic, and workers and server end with this process: there is nothing to tidy up.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        os.write(2, b"\nemodal: stopped; run the same command again, it goes on where it was\n")
        os._exit(128 + number)

    # Python's tracker of semaphores tidies up after us and need not say so.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def _check_inputs(config: "Config") -> None:
    """Find wrong input at once; the flow checks again, but only after its engine has started."""
    from emodal_data.annotations import read_annotations
    from emodal_data.files import exclusive
    from emodal_data.plan import locate_films

    locate_films(read_annotations(config.annotations), config.films)
    with exclusive(config.out):
        pass


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
