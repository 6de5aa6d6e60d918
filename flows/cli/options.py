"""Options that several commands share, and how a result is printed."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def _named_or_found(context: typer.Context, file: Path | None) -> Path | None:
    """The config file of --config, or emodal.toml of the working folder or the nearest folder above."""
    if file or context.resilient_parsing:  # the latter: the shell completes a line
        return file
    from flows.config.found import find_config

    if found := find_config():
        print(f"emodal: settings of {found}", file=sys.stderr)
    return found


Films = Annotated[Path | None, typer.Option(help="Folder with the films.")]
Annotations = Annotated[
    Path | None, typer.Option(help="Spans: a table, subtitles, ELAN, Audacity or Label Studio; or a folder.")
]
Out = Annotated[Path | None, typer.Option(help="Folder for the build.")]
Overrides = Annotated[
    list[Path] | None,
    typer.Option(
        help="Decisions made in the report: a CSV of clips to drop or relabel. Repeated for each reviewer."
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


def print_result(result: Any, text: str, as_json: bool) -> None:
    """Print a result on standard output: as JSON for programs, or its text for people."""
    from emodal_data.core.text import printable

    print(json.dumps(result, indent=2, default=str) if as_json else printable(text))


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
