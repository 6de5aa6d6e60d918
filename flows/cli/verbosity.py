"""-q and -v of every command."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from flows.progress.verbosity import Verbosity, speaking

_Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", is_eager=True, help="Print only errors and the result."),
]
_Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log each step in a line with its time.")]


def with_verbosity(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the two options, which hold for all that it calls."""

    @functools.wraps(command)
    def run(*, quiet: bool, verbose: bool, **arguments: Any) -> None:
        if quiet and verbose:
            raise typer.BadParameter("-q and -v: choose one")
        with speaking(Verbosity.QUIET if quiet else Verbosity.VERBOSE if verbose else Verbosity.NORMAL):
            command(**arguments)

    own = inspect.signature(command)
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in (("quiet", _Quiet), ("verbose", _Verbose))
    ]
    run.__signature__ = own.replace(parameters=[*own.parameters.values(), *options])  # type: ignore[attr-defined]
    run.__annotations__ = command.__annotations__ | {option.name: option.annotation for option in options}
    return run
