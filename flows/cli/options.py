"""Options that several commands share, and how a result is printed."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.colour import coloured
from flows.progress.verbosity import Verbosity, verbosity


def _named_or_found(context: typer.Context, file: Path | None) -> Path | None:
    """The config file of --config, or emodal.toml of the working folder or the nearest folder above."""
    if file or context.resilient_parsing:  # the latter: the shell completes a line
        return file
    from flows.config.found import find_config, is_trusted

    found = find_config()
    if found and not is_trusted(found):
        print_line(f"{found} belongs to another user and is not read; --config {found} reads it")
        return None
    if found and not context.params.get("quiet"):  # read first; no command runs yet
        note(f"settings of {found}")
    return found


Films = Annotated[Path | None, typer.Option(help="Folder with the films.")]
Annotations = Annotated[
    Path | None, typer.Option(help="Spans: a table, subtitles, ELAN, Audacity or Label Studio; or a folder.")
]
Out = Annotated[Path | None, typer.Option(help="Folder for the build.")]
Overrides = Annotated[
    list[Path] | None,
    typer.Option(
        help="Decisions made in the report: a CSV of clips to drop or relabel. Repeat it for each reviewer."
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        callback=_named_or_found,
        help="TOML file with settings; default: emodal.toml here or in a folder above.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, such as split.group_by=speaker. May be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def print_result(
    result: Any, text: str, as_json: bool, brief: str | None = None, then: Sequence[str] = ()
) -> None:
    """Print a result on standard output: as JSON for programs, or its text for people.

    brief: the text with -q, if it has more than the result. then: commands that people run next, shown to them on
    standard error.
    """
    from emodal_data.core.text import printable

    if as_json:
        print(json.dumps(result, indent=2, default=str))
        return
    is_quiet = verbosity() is Verbosity.QUIET
    print(printable(text if brief is None or not is_quiet else brief))
    if then and not is_quiet:
        sys.stdout.flush()  # a hint comes after the result, also where both go to one file
        for line in then:
            print(coloured(printable(line), "cyan"), file=sys.stderr)


def note(text: str) -> None:
    """Say something beside the result on standard error, unless people want it quiet."""
    if verbosity() is not Verbosity.QUIET:
        print_line(text)


def print_line(text: str) -> None:
    """Say something on standard error in any case."""
    from emodal_data.core.text import printable

    print(f"emodal: {printable(text)}", file=sys.stderr)


def as_given(
    paths: Mapping[str, Any], config: Path | None, settings: Sequence[str] | None
) -> list[str | Path]:
    """The options of a command again, for the next one. config: one that is found anyway is left out."""
    from flows.config.found import find_config

    named = {"config": config if config != find_config() else None} | dict(paths)
    words: list[str | Path] = []
    for name, value in named.items():
        for each in value if isinstance(value, list) else [value] if value is not None else []:
            words += [f"--{name}", each]
    for setting in settings or []:
        words += ["--set", setting]
    return words


def dataset_in(out: Path) -> Path:
    """The dataset of a build's folder or URL; a dataset's own folder is itself. One at a URL is copied."""
    from emodal_data.dataset.read import open_dataset

    return open_dataset(out)


def model_in(out: Path) -> Path:
    """The model of a build's folder; a model's own folder, or a .keras file, is itself."""
    return out / "model" if (out / "model").is_dir() else out


def on_this_machine(path: Path) -> Path:
    """The path, unless it is a URL: then InputError. For what is read or written where it lies."""
    from emodal_data.core.errors import InputError
    from emodal_data.storage.urls import local_path, shown, url_of

    local = local_path(path)
    if url_of(local) is not None:
        raise InputError(f"{shown(local)}: must be on this machine; copy it from there, or there afterwards")
    return local
