"""How a command ends: every error as one clear line and an exit code, Ctrl-C at once, faults with a report.

Exit codes: 0 done, 1 the work failed, 2 the input or the arguments are wrong, 3 `plan --strict` found rows that
cannot be used, 130 stopped by Ctrl-C, 143 by SIGTERM.
"""

import contextlib
import errno
import os
import platform
import shlex
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

import typer

from flows.cli.colour import coloured

STOPPED = "emodal: stopped; run the same command again, it resumes where it stopped"
#: Exit code of `emodal plan --strict` if a row cannot be used.
UNUSABLE_ROWS = 3
#: Packages whose versions a report of a fault names.
_PACKAGES = (
    "emodal",
    "prefect",
    "tensorflow",
    "av",
    "opencv-python",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "typer",
)


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Turn every error of the block into one line on standard error and an exit code."""
    from emodal_data.core.errors import DRIVE_ERRORS, EmodalError, InputError
    from emodal_model.core.errors import ModelError

    try:
        yield
    except InputError as error:
        _fail(str(error), 2)
    except EmodalError as error:
        _fail(str(error), 1)
    except ModelError as error:
        _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        _wrong_usage(error)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  (the reader of a pipe went away)
        raise SystemExit(0) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (*DRIVE_ERRORS, errno.ENOSPC, errno.EDQUOT):
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  (it would be flushed once more)
            _fail(f"{error.filename or 'standard output'}: {error.strerror}", 1)
        said = " ".join(f"{type(error).__name__}: {error}".split())
        _fail(f"a fault of this program: {said}\n{_about(3)}; {_report()}", 1)


def _report() -> str:
    """Write the error at hand into a file, and say where it is."""
    try:
        with tempfile.NamedTemporaryFile("w", prefix="emodal-", suffix=".log", delete=False) as log:
            log.write(f"{_about()}\n{shlex.join(sys.argv)}\n\n")
            traceback.print_exc(file=log)
    except OSError as error:
        return f"its report could not be written: {error.strerror or error}"
    return f"report it with {log.name}"


def stop_at_once_on_signals() -> None:
    """End at Ctrl-C or SIGTERM without waiting for anything; a second Ctrl-C finds nobody.

    Every write is atomic, and workers and server end with this process: there is nothing to tidy up.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        cursor = "\x1b[?25h" if os.isatty(2) else ""  # the progress display hides it
        os.write(2, f"{cursor}\n{STOPPED}\n".encode())
        os._exit(128 + number)

    # Python's tracker of semaphores tidies up after us and need not say so.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def _wrong_usage(error: typer.TyperException) -> NoReturn:
    """One line for wrong arguments; the help for a command without any that needs some."""
    said: str = getattr(error, "format_message", error.__str__)()
    context = getattr(error, "ctx", None)
    if said.startswith("Usage: "):
        print(said)
        raise SystemExit(2)
    said = said.replace("Value error, ", "").replace(". Did you mean", "; did you mean")
    if near := getattr(error, "possibilities", None):
        said = f"{getattr(error, 'message', said)}; did you mean {' or '.join(sorted(near))}?"
    command = context.command_path if context else "emodal"
    _fail(f"{said[:1].lower()}{said[1:].rstrip('.')} (see {command} --help)", 2)


def _about(most: int | None = None) -> str:
    """Versions of this program, Python, the system, and the packages that matter."""
    import importlib.metadata

    versions = [f"Python {platform.python_version()}", platform.platform()]
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{name} {importlib.metadata.version(name)}")
    versions.insert(0, versions.pop(2))
    return ", ".join(versions[:most])


def _fail(message: str, code: int) -> NoReturn:
    from emodal_data.core.text import printable

    for line in message.splitlines():
        print(f"{coloured('emodal:', 'red')} {printable(line)}", file=sys.stderr)
    sys.stderr.flush()
    raise SystemExit(code)
