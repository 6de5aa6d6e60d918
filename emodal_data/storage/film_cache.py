"""Remote films: their names on this machine, and copies of those that are being read.

A name has the film's size and stamp and no content, so that films are found and known as in a folder. A copy is
fetched by the worker that needs it, kept while there is room, and never removed while it is read.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from emodal_data.core.errors import InputError
from emodal_data.storage.remote import download, list_remote, remote_file
from emodal_data.storage.sync import is_same, local_files
from emodal_data.storage.urls import cache_of, shown, url_of

_FILMS = "emodal-films"


def name_films(films: Path) -> None:
    """Make a folder of names of the films at its URL. Raises InputError if nothing is there."""
    if url_of(films) is None:
        return
    remote = list_remote(films)
    if not remote:
        raise InputError(f"{shown(films)}: no films there")
    for gone in local_files(films) - remote.keys():
        gone.unlink()
    for path, fact in remote.items():
        if is_same(path, fact):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as name:
            name.truncate(fact.size_bytes)  # a hole as large as the film takes no room
        os.utime(path, ns=(fact.stamp_ns, fact.stamp_ns))


@contextlib.contextmanager
def film_at_hand(path: Path, films: Path, limit_gb: float) -> Iterator[tuple[Path, Path]]:
    """A film to read and the folder it may not lead out of: itself, or a copy that stays while the block runs.

    limit_gb: room for copies on this machine; those not read for longest make place for new ones.
    Raises InputError or TransientError if the film cannot be fetched, WorkError if the disk is full.
    """
    cache = cache_of(path)
    if cache is None:
        yield path, films
        return
    fact = remote_file(path)
    folder = cache / _FILMS
    key = hashlib.sha256(f"{shown(path)} {fact.size_bytes} {fact.stamp_ns}".encode()).hexdigest()[:24]
    copy = folder / key / path.name
    with _held(folder / key, fcntl.LOCK_SH):
        with _held(folder / f"{key}-fetch", fcntl.LOCK_EX):
            if not copy.exists():
                _make_room(folder, round(limit_gb * 1e9) - fact.size_bytes)
                download(path, copy)
        os.utime(copy, ns=(time.time_ns(), fact.stamp_ns))
        yield copy, copy.parent


def _make_room(folder: Path, limit_bytes: int) -> None:
    """Remove copies, those not read for longest first, until what is left fits."""
    copies = []
    for copy in folder.glob("*/*"):
        with contextlib.suppress(FileNotFoundError):  # another process makes room, too
            copies.append((copy.stat().st_atime_ns, copy.stat().st_size, copy.parent))
    total = sum(size for _, size, _ in copies)
    for _, size, unwanted in sorted(copies):
        if total <= limit_bytes:
            return
        with contextlib.suppress(BlockingIOError), _held(unwanted, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(unwanted, ignore_errors=True)
            total -= size


@contextlib.contextmanager
def _held(path: Path, how: int) -> Iterator[None]:
    """Hold the lock of a path; it goes with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, how)
        yield
