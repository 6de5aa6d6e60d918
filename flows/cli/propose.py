"""`emodal propose`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import ConfigFile, Films, Json, Settings, on_this_machine, print_result


def propose(
    films: Films = None,
    out: Annotated[Path | None, typer.Option(help="Folder for annotations.csv and label-studio/.")] = None,
    per_film: Annotated[int, typer.Option(min=1, help="Largest number of spans of one film.")] = 40,
    no_clips: Annotated[
        bool, typer.Option("--no-clips", help="Write only the table, no Label Studio project.")
    ] = False,
    model: Annotated[
        Path | None, typer.Option(help="Trained model. The spans that would improve it most come first.")
    ] = None,
    config: ConfigFile = None,
    set_: Settings = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes; default: one a core.")] = None,
    as_json: Json = False,
) -> None:
    """Find spans worth annotating: 1 to 6 seconds of speech in one shot, one clear face, spread over each film.

    Writes annotations.csv with empty labels, and a Label Studio project: tasks.json, config.xml and the cut clips.
    With --model, spans are ranked by how unsure the model is, how unlike the labelled clips they are, and how rare
    their class is; the columns score and why of the table say so.

    `emodal build --annotations` reads the JSON that Label Studio exports.

    Example: emodal propose --films films --out to-label --per-film 20
    """
    from flows.config.load import load_config
    from flows.operations.propose import ANNOTATIONS, make_proposal
    from flows.progress.summary import next_command
    from flows.progress.terminal import watched_on_terminal

    annotations = out / ANNOTATIONS if out else None
    tree = load_config(config, set_ or [], films=films, annotations=annotations, out=out, workers=workers)
    on_this_machine(tree.out)
    with watched_on_terminal():
        result = make_proposal(tree, per_film, with_clips=not no_clips, model=model)
    lines = [f"{count:>6} spans  {film}" for film, count in result["spans"].items()]
    lines += [
        f"{one['film']} {one['span']['start_s']:g}-{one['span']['end_s']:g} s: {one['why']}"
        for one in result["first"]
    ]
    then = next_command("review", tree.out, "--films", tree.films)
    found = f"{tree.out / ANNOTATIONS}: {sum(result['spans'].values())} spans"
    print_result(result, "\n".join([*lines, *result["files"]]), as_json, brief=found, then=[then])
