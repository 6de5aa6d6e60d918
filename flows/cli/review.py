"""`emodal review`."""

import getpass
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import ConfigFile, Films, Json, Settings, print_result


def review(
    place: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="Folder of a build or of `emodal propose`, or an annotation file."
        ),
    ],
    films: Films = None,
    reviewer: Annotated[
        str | None, typer.Option(help="Your name, saved with each decision; default: your user name.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="File for the decisions; default: overrides.csv in OUT, or labels.csv for spans."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of this machine; 0: a free one.")] = 0,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    config: ConfigFile = None,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """Watch clips and decide with a key: a label, or drop. Every decision is saved at once. Ctrl-C ends it.

    The page is for this machine alone and sends nothing elsewhere. Decisions about a build go to OUT/overrides.csv,
    which `emodal build --overrides` reads; labels of spans go to labels.csv, which `--annotations` reads.

    Example: emodal review build --films films --reviewer anna
    """
    import webbrowser

    from flows.config.load import load_config
    from flows.review.serve import is_table, review, table_of

    out, annotations = (place.parent, table_of(place)) if is_table(place) else (place, place)
    tree = load_config(config, set_ or [], films=films, annotations=annotations, out=out)

    def started(address: str, file: Path) -> None:
        option = "--annotations" if is_table(place) else "--overrides"
        result = {"address": address, "decisions": str(file), "option": option}
        text = f"{address}\ndecisions are saved in {file}"
        then = f"next: emodal build ... {option} {shlex.quote(str(file))}"
        print_result(result, text, as_json, brief=address, then=[then])
        sys.stdout.flush()  # a program that reads it waits for the address
        if open_:
            webbrowser.open(address)

    review(place, tree, reviewer or getpass.getuser(), to, port, started)
