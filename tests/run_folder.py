"""The folder of temporary files of a test run. A killed run leaves it behind; the next run removes it."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "emodal-test-run-"


def run_folder(parent: Path) -> Path:
    """A new folder, which is this process's until it ends. Folders of ended processes are removed."""
    for folder in parent.glob(f"{_PREFIX}*"):
        if (lock := _lock(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
    made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    _lock(made)
    return made


def _lock(folder: Path) -> int | None:
    """The descriptor that holds the lock of a folder; None if another has it. The lock ends with the process."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # another user's, or just removed
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
