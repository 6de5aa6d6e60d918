"""Remote files (s3://, gs:// and whatever else fsspec knows) and the local copies that the rest of the house works on.

A URL has one local path below the cache, and that path tells its URL: `s3://bucket/out` is
`CACHE/emodal-copies/s3/bucket/out`. All functions leave paths that stand for no URL alone.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from emodal_data.storage.files import write_bytes
from emodal_data.storage.remote import (
    RemoteFile,
    _remote,
    download,
    list_remote,
    read_remote,
    remote_file,
    remove_remote,
    write_remote,
)
from emodal_data.storage.urls import url_of

#: A folder with this file in it is whole: it is written last, and goes by another name while anything else changes.
_MARK, _MARK_BEFORE = "manifest.json", ".manifest.json"
#: Files on their way at once.
_TOGETHER = 8

T = TypeVar("T")


def pull(path: Path) -> None:
    """Make the local copy, a file or a folder, what its URL holds. Errors as list_remote.

    Of a folder that a killed push left half changed the manifest before is brought along.
    """
    if url_of(path) is None:
        return
    remote, local = list_remote(path), local_files(path)
    for gone in local - remote.keys():
        gone.unlink()
    _remove_empty_folders(path)
    _all(_get, ((file, fact) for file, fact in remote.items() if not is_same(file, fact)))
    if path / _MARK not in remote and (before := read_remote(path / _MARK_BEFORE)):
        write_bytes(path / _MARK, before)


def push(path: Path) -> None:
    """Make the URL hold what the local copy holds, of folders the deepest files first and the manifest last.

    A file that is there under another name is copied there, not uploaded. Errors as list_remote.
    """
    if url_of(path) is None:
        return
    remote, local = list_remote(path), local_files(path)
    changed = {file for file in local if file not in remote or not is_same(file, remote[file])}
    gone = remote.keys() - local
    is_changed = bool(changed | gone)
    mark, before = path / _MARK, path / _MARK_BEFORE
    if mark in remote and is_changed:
        write_remote(before, read_remote(mark) or b"")
        _delete(mark)
        gone.discard(mark)
    changed -= _copy_there(changed - remote.keys() - {mark}, remote)
    for depth in sorted({len(file.parts) for file in changed}, reverse=True):
        _all(_put, ((file,) for file in sorted(changed - {mark}) if len(file.parts) == depth))
    _all(_delete, ((file,) for file in sorted(gone)))
    if is_changed:
        _all(_put, ((file,) for file in local & {mark}))
        remove_remote(before)


def _copy_there(files: Set[Path], remote: Mapping[Path, RemoteFile]) -> set[Path]:
    """Copy within the store what it has under other names; returns the files that are there now.

    A file that was only renamed still carries the time that its content had there.
    """
    names = {(fact.size_bytes, fact.stamp_ns): name for name, fact in remote.items()}
    sources = {file: names.get((file.stat().st_size, file.stat().st_mtime_ns)) for file in files}
    known = {file: source for file, source in sources.items() if source}
    _all(_copy, ((source, file) for file, source in known.items()))
    return set(known)


def send(path: Path) -> None:
    """Upload a file, or the files of a folder that its URL lacks; nothing is overwritten or removed there."""
    if url_of(path) is None:
        return
    files = [path] if path.is_file() else sorted(local_files(path) - list_remote(path).keys())
    _all(_put, ((file,) for file in files))


def fetch(paths: Iterable[Path]) -> None:
    """Download the files that are not there. Errors as list_remote."""
    missing = [path for path in dict.fromkeys(paths) if url_of(path) and not path.exists()]
    _all(_get, ((path, remote_file(path)) for path in missing))


def local_files(path: Path) -> set[Path]:
    """The files at a path or below it; hidden ones are left out."""
    if path.is_file():
        return {path}
    files = (file for file in path.rglob("*") if file.is_file())
    return {file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts)}


def is_same(path: Path, fact: RemoteFile) -> bool:
    """Whether the local copy is that very file."""
    if not path.is_file():
        return False
    stat = path.stat()
    return (stat.st_size, stat.st_mtime_ns) == (fact.size_bytes, fact.stamp_ns)


def _get(path: Path, fact: RemoteFile) -> None:
    download(path, path)
    _carry(path, fact)


def _put(path: Path) -> None:
    with _remote(path) as (store, key):
        store.put_file(str(path), key)
    _carry(path, remote_file(path))


def _copy(source: Path, path: Path) -> None:
    with _remote(path) as (store, key), _remote(source) as (_, source_key):
        store.cp_file(source_key, key)
    _carry(path, remote_file(path))


def _delete(path: Path) -> None:
    with _remote(path) as (store, key):
        store.rm_file(key)


def _carry(path: Path, fact: RemoteFile) -> None:
    os.utime(path, ns=(fact.stamp_ns, fact.stamp_ns))


def _remove_empty_folders(path: Path) -> None:
    for folder in sorted((file for file in path.rglob("*") if file.is_dir()), reverse=True):
        with contextlib.suppress(OSError):  # not empty
            folder.rmdir()


def _all(work: Callable[..., T], items: Iterable[tuple[Any, ...]]) -> None:
    """Call work for each item, several at once; the first error is raised."""
    with ThreadPoolExecutor(_TOGETHER) as threads:
        for done in [threads.submit(work, *item) for item in items]:
            done.result()
