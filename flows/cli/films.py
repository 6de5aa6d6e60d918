"""`emodal sample-films`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import Json, print_result


def sample_films(
    folder: Annotated[
        Path, typer.Argument(help="Folder to write films/, annotations.csv and truth.csv into.")
    ],
    films: Annotated[int, typer.Option(min=1, help="Number of films.")] = 6,
    clips_per_film: Annotated[int, typer.Option(min=1, help="Annotated clips in each film.")] = 12,
    seed: Annotated[
        int, typer.Option(help="Seed of the random numbers: the same seed gives the same films.")
    ] = 0,
    scenes: Annotated[
        bool,
        typer.Option(
            "--scenes", help="Scenes in which it matters who speaks: two people, listeners, dubbing."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make films with known truth, to try the pipeline on.

    Example: emodal sample-films samples --films 6 --clips-per-film 12
    """
    from emodal_data.sample_films import make_sample_films
    from flows.progress.summary import next_command
    from flows.progress.terminal import watched_on_terminal

    with watched_on_terminal() as terminal:
        terminal.stage("making films", films, "films")
        make_sample_films(
            folder,
            films,
            clips_per_film,
            seed,
            on_progress=lambda done, total: terminal.advance(),
            scenes=scenes,
        )
    names = ("films", "annotations.csv", "truth.csv")
    then = next_command(
        "build",
        "--films",
        folder / "films",
        "--annotations",
        folder / "annotations.csv",
        "--out",
        folder / "build",
    )
    print_result({"written": [str(folder / name) for name in names]}, str(folder), as_json, then=[then])
