"""The `emodal` command: arguments, progress and exit codes. What it does lives in the rooms it calls.

Results go to standard output, progress and messages to standard error.
Exit codes: 0 done, 1 the work failed, 2 the input or the arguments are wrong, 130 stopped by Ctrl-C.
"""

import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from flows.config import Config

app = typer.Typer(
    help="Build emotion datasets from films and TV shows, and train EMODal on them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Films = Annotated[Path | None, typer.Option(help="Folder with the films.")]
Annotations = Annotated[
    Path | None, typer.Option(help="Spans: a table, subtitles, ELAN, Audacity or Label Studio; or a folder.")
]
Out = Annotated[Path | None, typer.Option(help="Folder for the build.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, such as split.group_by=speaker. May be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command(short_help="Films and annotations to a dataset and a model.")
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
    _print(result, build_summary(tree.out, result), as_json)


@app.command(short_help="What a build would do, and what is wrong.")
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
    _print(result, plan_summary(result), as_json)


@app.command(short_help="Train on a dataset, and print the tables.")
def train(
    dataset: Annotated[Path, typer.Argument(help="Folder with data/ and manifest.json.")],
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    model: Annotated[
        str | None,
        typer.Option(help="emodal, audio, image, compare (the three), or all (with linear baselines)."),
    ] = None,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """Train on a dataset and print accuracy, UAR, macro-F1 and the confusion table.

    Example: emodal train build/dataset --out build/model --set epochs=30
    """
    from flows.config import load_model_config

    settings = load_model_config([*(set_ or []), *([f"name={model}"] if model else [])])
    from emodal_model.training import train as train_model
    from flows.observers import watched_on_terminal

    with watched_on_terminal() as terminal:
        metrics = train_model(dataset, out, settings, on_epoch=terminal.epoch)
    from emodal_model.tables import format_report

    _print(metrics, format_report(metrics), as_json)


@app.command(short_help="Test a model on a dataset.")
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

    metrics = evaluate_model(model, dataset).as_dict()
    _print(metrics, format_report(metrics), as_json)


@app.command(short_help="Hold a dataset against its manifest.")
def verify(
    out: Annotated[Path, typer.Argument(help="Folder of a build, or of its dataset.")],
    as_json: Json = False,
) -> None:
    """Check a dataset against its manifest: hashes, counts, the ledger, the split. Ends with 1 if anything is wrong.

    Example: emodal verify build
    """
    from emodal_data.verify import verify_dataset

    dataset = _dataset_in(out)
    problems = verify_dataset(dataset)
    _print(problems, "\n".join(problems) or f"{dataset}: all is as the manifest says", as_json)
    if problems:
        raise typer.Exit(1)


@app.command(short_help="What differs between two builds, and why.")
def diff(
    one: Annotated[Path, typer.Argument(metavar="OUT_A", help="Folder of a build, or of its dataset.")],
    two: Annotated[Path, typer.Argument(metavar="OUT_B", help="Another one.")],
    as_json: Json = False,
) -> None:
    """Say what differs between two builds, and why: settings, films, spans, samples. Ends with 1 if anything does.

    Example: emodal diff build-of-may build-of-june
    """
    from emodal_data.differences import compare_datasets, format_differences, is_equal

    differences = compare_datasets(_dataset_in(one), _dataset_in(two))
    _print(differences, format_differences(differences), as_json)
    if not is_equal(differences):
        raise typer.Exit(1)


@app.command(short_help="Take a film or a speaker out of a build.")
def forget(
    out: Annotated[Path, typer.Argument(help="Folder of a build.")],
    film: Annotated[str | None, typer.Option(help="Film, as its path below the films folder.")] = None,
    speaker: Annotated[str | None, typer.Option(help="Speaker, as the annotations name them.")] = None,
    model: Annotated[
        bool, typer.Option("--model", help="Remove OUT/model too: it may have learnt from it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove every trace of a film or a speaker from a build, and prove it. Reads no film.

    Take it out of the annotations too, or the next build brings it back.

    Example: emodal forget build --speaker anna
    """
    from dataclasses import asdict

    from emodal_data.forget import forget as forget_in

    result = asdict(forget_in(out, film, speaker, with_model=model))
    if (out / "model").exists():
        print(f"emodal: {out / 'model'} may have learnt from it; --model removes it", file=sys.stderr)
    print("emodal: take it out of the annotations too, or the next build brings it back", file=sys.stderr)
    _print(
        result, "\n".join(f"{n:>7} {name.replace('_', ' ')} removed" for name, n in result.items()), as_json
    )


@app.command("sample-films", short_help="Films with known truth, to try things on.")
def sample_films(
    folder: Annotated[
        Path, typer.Argument(help="Folder to write films/, annotations.csv and truth.csv into.")
    ],
    films: Annotated[int, typer.Option(min=1, help="Number of films.")] = 6,
    clips_per_film: Annotated[int, typer.Option(min=1, help="Annotated clips in each film.")] = 12,
    seed: Annotated[int, typer.Option(help="The same seed gives the same films.")] = 0,
) -> None:
    """Make films with known truth, to try the pipeline on.

    Example: emodal sample-films demo --films 6
    """
    from emodal_data.sample_films import make_sample_films
    from flows.observers import watched_on_terminal

    with watched_on_terminal() as terminal:
        terminal.stage("making films", films, "films")
        make_sample_films(
            folder, films, clips_per_film, seed, on_progress=lambda done, total: terminal.advance()
        )
    print(folder)


def main() -> None:
    """Run the command and turn every error into one clear line and an exit code."""
    with _clear_errors():
        app(standalone_mode=True)


@contextlib.contextmanager
def _clear_errors() -> Iterator[None]:
    from emodal_data.errors import EmodalError, InputError
    from emodal_model.errors import ModelError

    try:
        yield
    except InputError as error:
        _fail(str(error), 2)
    except EmodalError as error:
        _fail(str(error), 1)
    except ModelError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("stopped; run the same command again, it goes on where it was", 130)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  (the reader of a pipe went away)
        raise SystemExit(0) from None
    except Exception as error:
        with tempfile.NamedTemporaryFile("w", prefix="emodal-", suffix=".log", delete=False) as log:
            traceback.print_exc(file=log)
        _fail(f"a fault of this program: {type(error).__name__}: {error}\nwhere it happened: {log.name}", 1)


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


def _fail(message: str, code: int) -> NoReturn:
    for line in message.splitlines():
        print(f"emodal: {line}", file=sys.stderr)
    sys.stderr.flush()
    raise SystemExit(code)


def _dataset_in(out: Path) -> Path:
    return out / "dataset" if (out / "dataset").is_dir() else out


def _print(result: Any, text: str, as_json: bool) -> None:
    print(json.dumps(result, indent=2, default=str) if as_json else text)


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
