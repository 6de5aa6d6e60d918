"""Keeps the working folder off the module path, because users' files there may be named as libraries are."""

import os
import sys

#: The folder that holds the package flows: a checkout that is worked in stays importable.
_HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120


def leave_working_folder() -> None:
    """Take the working folder off the module path, wherever it came from: python -m, python -c, or PYTHONPATH.

    Imports nothing but os and sys, which are loaded already: any other module could be the user's.
    """
    sys.path[:] = [path for path in sys.path if not _is_working_folder(path)]


def protect_children() -> None:
    """Keep the working folder off the module path of the processes that this one starts."""
    os.environ["PYTHONSAFEPATH"] = "1"
    if paths := os.environ.get("PYTHONPATH"):
        kept = [path for path in paths.split(os.pathsep) if not _is_working_folder(path)]
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)


def _is_working_folder(path: str) -> bool:
    folder = os.path.realpath(path or os.curdir)
    return folder == os.path.realpath(os.curdir) and folder != os.path.realpath(_HERE)
