"""Films at URLs: their names on this machine, and copies of those that are being read.

A name is an empty file as large as its film, so that films are found as in a folder on disk. A copy is fetched by the
worker that needs it, kept while there is room, and never removed while it is read. fsspec's caches know neither a
limit of room nor which of their files are being read.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from emodal_data.core.errors import InputError, TransientError
from emodal_data.storage.remote import download, list_remote, remote_file
from emodal_data.storage.sync import is_same, local_files
from emodal_data.storage.urls import NAMES, READING, RemotePath, shown, url_of
from emodal_data.storage.versions import Versions

if TYPE_CHECKING:
    from filelock import ReadWriteLock

_FILMS = "emodal-films"


def name_films(films: Path) -> None:
    """Make a folder of names of the films at its URL. Raises InputError if the URL holds no film."""
    if url_of(films) is None:
        return
    versions = Versions()
    remote = list_remote(films)
    if not remote:
        raise InputError(f"{shown(films)}: no films there")
    for gone in local_files(films) - remote.keys():
        gone.unlink()
    for path, fact in remote.items():
        if is_same(path, fact, versions):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as name:
            name.truncate(fact.size_bytes)  # a sparse file takes no room
        versions.record(path, fact.version)
    versions.tidy(films)


def film_versions(films: Path) -> Callable[[Path], str]:
    """The version of each film of a folder at a URL, by the path of its name; "" for a film of a local folder."""
    versions = Versions()

    def version_of(path: Path) -> str:
        named = films.spelt(path) if isinstance(films, RemotePath) else path
        return versions.of(named) or ""

    return version_of


@contextlib.contextmanager
def film_at_hand(path: Path, films: Path, limit_gb: float, version: str = "") -> Iterator[tuple[Path, Path]]:
    """A film to read and the folder it may not lead out of: itself, or a copy that stays while the block runs.

    films: the folder; if it stands for a URL, the film's path below it does too.
    limit_gb: room for copies on this machine; those not read for longest are removed for new ones.
    version: what the store called the content that was hashed; empty: any.
    Raises InputError or TransientError if the film cannot be fetched or has another version, WorkError if the disk is
    full.
    """
    film = films.spelt(path) if isinstance(films, RemotePath) else path
    if not isinstance(film, RemotePath) or film.cache is None:
        yield path, films
        return
    from filelock import FileLock

    fact = remote_file(film)
    if version not in ("", fact.version):
        raise TransientError(f"{shown(film)}: the file changed while it was read")
    folder = film.cache / _FILMS
    key = hashlib.sha256(f"{film.url} {fact.size_bytes} {fact.version}".encode()).hexdigest()[:24]
    copy = folder / key / film.name
    folder.mkdir(parents=True, exist_ok=True)
    with _use(folder / key).read_lock():
        with FileLock(folder / f".{key}-fetch.lock"):
            if not copy.exists():
                _make_room(folder, round(limit_gb * 1e9) - fact.size_bytes)
                download(film, copy)
        os.utime(copy)  # read now
        yield copy, copy.parent


def cache_places(cache: Path) -> list[Path]:
    """The folders of a cache that only save transfers: names and copies of films, and copies of datasets to read."""
    return [cache / name for name in (_FILMS, NAMES, READING)]


def drop_cached(path: Path, cache: Path) -> bool:
    """Remove a file of cache_places. Returns whether it is gone: a film that is being read stays."""
    from filelock import Timeout

    if not path.is_relative_to(cache / _FILMS) or path.parent == cache / _FILMS:
        path.unlink(missing_ok=True)
        return True
    try:
        with _use(path.parent).write_lock(blocking=False):
            shutil.rmtree(path.parent)
    except Timeout:
        return False
    return True


def _make_room(folder: Path, limit_bytes: int) -> None:
    """Remove copies, those not read for longest first, until the rest fits."""
    from filelock import Timeout

    copies = []
    for copy in folder.glob("*/*"):
        with contextlib.suppress(FileNotFoundError):  # another process makes room, too
            copies.append((copy.stat().st_mtime_ns, copy.stat().st_size, copy.parent))
    total = sum(size for _, size, _ in copies)
    for _, size, unwanted in sorted(copies):
        if total <= limit_bytes:
            return
        with contextlib.suppress(Timeout), _use(unwanted).write_lock(blocking=False):
            shutil.rmtree(unwanted, ignore_errors=True)
            total -= size


def _use(copy: Path) -> "ReadWriteLock":
    """The lock of a copy's folder, shared by its readers. Each caller has its own object, so that threads wait too."""
    from filelock import ReadWriteLock  # with its SQLite, and only for films at URLs

    return ReadWriteLock(copy.with_name(f".{copy.name}.lock"), is_singleton=False)
