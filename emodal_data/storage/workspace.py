"""A build's folder while one process works in it: locked, freed of leftovers, and kept in step with its URL."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emodal_data.storage.files import remove_temporary
from emodal_data.storage.locks import exclusive, exclusive_remote
from emodal_data.storage.sync import pull, push
from emodal_data.storage.urls import url_of

#: The parts of a build's folder that are kept at its URL; whatever else is there is not ours and stays untouched.
_PARTS = ("clips", "dataset", "exports", "model", "announced", "failed-ledger.parquet")


@dataclass(frozen=True)
class Workspace:
    """A build's folder that this process holds alone. folder: on this machine; of a URL, the local copy."""

    folder: Path

    def pull(self) -> None:
        """Make the local copy hold what the URL holds. A local build stays as it is."""
        if url_of(self.folder) is not None:
            for part in _PARTS:
                pull(self.folder / part)

    def push(self) -> None:
        """Make the URL hold what the local copy holds, the dataset's manifest last. A local build stays as it is."""
        if url_of(self.folder) is not None:
            for part in _PARTS:
                push(self.folder / part)


@contextlib.contextmanager
def workspace(out: Path) -> Iterator[Workspace]:
    """Hold a build's folder alone while the block runs: locked here and at its URL, cleaned up, and pulled.

    The block calls push() when its result is good; otherwise the URL stays as it was.
    Raises InputError if another build holds the folder or its URL, naming who; errors of the store as list_remote.
    """
    with exclusive(out), exclusive_remote(out):
        remove_temporary(out)
        build = Workspace(out)
        build.pull()
        yield build
