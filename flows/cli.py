"""The `emodal` command: which commands there are, and how an error becomes one line and an exit code.

Results go to standard output, progress and messages to standard error.
Exit codes: 0 done, 1 the work failed, 2 the input or the arguments are wrong, 130 stopped by Ctrl-C.
"""

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from typing import NoReturn

import typer

from flows.commands.build import build, plan
from flows.commands.dataset import diff, forget, verify
from flows.commands.deploy import deploy
from flows.commands.export import export
from flows.commands.films import sample_films
from flows.commands.init import init
from flows.commands.model import evaluate, train
from flows.commands.predict import predict
from flows.commands.propose import propose

app = typer.Typer(
    help="Build emotion datasets from films and TV shows, and train EMODal on them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# The overview shows them in this order.
app.command(short_help="A config to edit and a table to fill in.")(init)
app.command(short_help="Spans of films worth annotating.")(propose)
app.command(short_help="Films and annotations to a dataset and a model.")(build)
app.command(short_help="What a build would do, and what is wrong.")(plan)
app.command(short_help="Train on a dataset, and print the tables.")(train)
app.command(short_help="Test a model on a dataset.")(evaluate)
app.command(short_help="Ask a model about a film.")(predict)
app.command(short_help="Set up a Prefect server to build every night.")(deploy)
app.command(short_help="Hold a dataset against its manifest.")(verify)
app.command(short_help="What differs between two builds, and why.")(diff)
app.command(short_help="Take a film or a speaker out of a build.")(forget)
app.command(short_help="A dataset or a model for other programs.")(export)
app.command("sample-films", short_help="Films with known truth, to try things on.")(sample_films)


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


def _fail(message: str, code: int) -> NoReturn:
    for line in message.splitlines():
        print(f"emodal: {line}", file=sys.stderr)
    sys.stderr.flush()
    raise SystemExit(code)
