"""The `emodal` command: which commands there are. The other files of flows/cli/ hold the commands.

Results go to standard output, progress and messages to standard error.
"""

import faulthandler
import gc
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

import emodal
from flows.cli.build import build, plan
from flows.cli.corpus import corpus
from flows.cli.dataset import check_split, diff, forget, leak_price, verify
from flows.cli.deploy import deploy
from flows.cli.doctor import doctor
from flows.cli.exits import clear_errors, stop_at_once_on_signals
from flows.cli.export import export
from flows.cli.films import sample_films
from flows.cli.groups import Command, GroupedCommands
from flows.cli.init import init
from flows.cli.model import compare, evaluate, train
from flows.cli.module_path import protect_children
from flows.cli.predict import predict
from flows.cli.propose import propose
from flows.cli.review import review
from flows.cli.verbosity import with_verbosity

app = typer.Typer(
    cls=GroupedCommands,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

#: The overview shows groups and commands in this order, and `corpus` at the end of the first group.
_GROUPS: dict[str, list[tuple[Callable[..., None], str]]] = {
    "Start": [
        (init, "Write a config to edit and a table to fill in."),
        (sample_films, "Make films with known truth, to try emodal."),
        (propose, "Find spans that are worth annotating."),
    ],
    "Build a dataset": [
        (plan, "Show what a build would do, and what is wrong."),
        (build, "Make a dataset and a model."),
        (review, "Watch clips, and label them with keys."),
        (doctor, "Examine a film for anything unusual."),
        (verify, "Compare a dataset with its manifest."),
        (diff, "List the differences of two builds, and why."),
        (check_split, "List what two related builds share."),
        (forget, "Remove a film, speaker or person from a build."),
    ],
    "Train": [
        (train, "Train on a dataset, and print the tables."),
        (evaluate, "Test a model on a dataset."),
        (compare, "Compare two trainings on the same clips."),
        (leak_price, "Measure what a leaking split would seem to gain."),
    ],
    "Use the results": [
        (predict, "Predict the emotions in a film."),
        (export, "Export a dataset or a model for other programs."),
    ],
    "Serve": [(deploy, "Set up a Prefect server to build every night.")],
}
for _group, _commands in _GROUPS.items():
    for _command, _short_help in _commands:
        app.command(cls=Command, rich_help_panel=_group, short_help=_short_help)(with_verbosity(_command))
app.add_typer(
    corpus,
    name="corpus",
    rich_help_panel="Start",
    short_help="Write the table and emodal.toml of a corpus.",
)


def main() -> None:
    """Run the command; flows/cli/exits.py says how it ends."""
    protect_children()
    # Else a start scans what it has loaded for garbage again and again, a tenth of its time.
    gc.set_threshold(10_000, 10, 10)
    os.environ.setdefault("DO_NOT_TRACK", "1")  # else Prefect reports its use to its makers
    # Arrow's own allocator keeps what tables have freed; it is chosen when Arrow is loaded.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    faulthandler.enable()  # a crash in native code leaves a trace on standard error
    stop_at_once_on_signals()
    with clear_errors():
        # A number is the code of typer.Exit; a finished command returns none.
        sys.exit(app(prog_name="emodal", standalone_mode=False))


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"emodal {emodal.__version__}")
        raise typer.Exit


@app.callback()
def _emodal(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Build emotion datasets from films and TV shows, and train EMODal on them."""
