"""Commands as a user types them, in this process: what each imports, it imports once for all tests."""

import contextlib
import io
import os
import subprocess
from pathlib import Path
from unittest import mock

from flows.cli import app
from flows.cli.exits import clear_errors


def emodal(
    *arguments: object, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command, in the folder of the tests or in another; tests/flows/test_exits.py runs it as a process."""
    words, out, err = [str(argument) for argument in arguments], io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment),
        contextlib.chdir(folder or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            with clear_errors():
                code = app(words, prog_name="emodal", standalone_mode=False) or 0
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())
