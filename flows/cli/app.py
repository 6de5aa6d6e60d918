"""The `emodal` command: which commands there are. The other files of flows/cli/ hold the commands.

Results go to standard output, progress and messages to standard error.
"""

import faulthandler
import importlib.metadata
import os
import sys
from typing import Annotated

import typer

from flows.cli.build import build, plan
from flows.cli.corpus import corpus
from flows.cli.dataset import check_split, diff, forget, leak_price, verify
from flows.cli.deploy import deploy
from flows.cli.doctor import doctor
from flows.cli.exits import clear_errors, stop_at_once_on_signals
from flows.cli.export import export
from flows.cli.films import sample_films
from flows.cli.init import init
from flows.cli.model import compare, evaluate, train
from flows.cli.module_path import protect_children
from flows.cli.predict import predict
from flows.cli.propose import propose
from flows.cli.review import review

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# The overview shows them in this order.
app.command(short_help="A config to edit and a table to fill in.")(init)
app.add_typer(corpus, name="corpus", short_help="Public corpora as a table and an emodal.toml.")
app.command(short_help="Spans of films worth annotating.")(propose)
app.command(short_help="Films and annotations to a dataset and a model.")(build)
app.command(short_help="What a build would do, and what is wrong.")(plan)
app.command(short_help="Watch clips and label them by keys.")(review)
app.command(short_help="What is odd about a film.")(doctor)
app.command(short_help="Train on a dataset, and print the tables.")(train)
app.command(short_help="Test a model on a dataset.")(evaluate)
app.command(short_help="Two trainings on the same clips.")(compare)
app.command(short_help="Ask a model about a film.")(predict)
app.command(short_help="Set up a Prefect server to build every night.")(deploy)
app.command(short_help="Check a dataset against its manifest.")(verify)
app.command("leak-price", short_help="What a leaking split would seem to gain.")(leak_price)
app.command(short_help="What differs between two builds, and why.")(diff)
app.command("check-split", short_help="What is in two builds that belong together.")(check_split)
app.command(short_help="Take a film, a speaker or a person out of a build.")(forget)
app.command(short_help="A dataset or a model for other programs.")(export)
app.command("sample-films", short_help="Films with known truth, to try things on.")(sample_films)


def main() -> None:
    """Run the command; flows/cli/exits.py says how it ends."""
    protect_children()
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
        print(f"emodal {importlib.metadata.version('emodal')}")
        raise typer.Exit


@app.callback()
def _emodal(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Build emotion datasets from films and TV shows, and train EMODal on them."""
