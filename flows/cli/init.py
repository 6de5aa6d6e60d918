"""`emodal init`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import Json, on_this_machine, print_result


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to start in.")] = Path(),
    as_json: Json = False,
) -> None:
    """Write emodal.toml with every setting explained, annotations.csv to fill in, and a folder for films.

    Nothing is overwritten. Put films into films/, write a line for each span, and build.

    Example: emodal init my-films
    """
    from flows.config.starter import write_starter

    written = write_starter(on_this_machine(folder))
    go = f"cd {shlex.quote(str(folder))}; " if folder != Path() else ""
    then = f"next: {go}emodal plan"
    paths = [str(path) for path in written]
    print_result({"written": paths}, "\n".join(paths), as_json, then=[then])
