"""Files and folders at URLs (s3://, gs:// and whatever else fsspec reads), and the local copies that a build works on.

The functions take the RemotePath of a copy; a path without a URL is left alone. Which version a copy holds is in the
cache's index (versions.py).

fsspec's caches (simplecache, filecache, blockcache) do not serve here: a copy must be a plain file that is complete or
absent, that also ffmpeg and Arrow open, and that goes back to its URL when it changes; theirs are read-only and have
names of their own. Its cache of listings is off, because another machine may change a folder at any time.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from emodal_data.core.errors import WorkError
from emodal_data.storage.files import write_bytes
from emodal_data.storage.remote import (
    RemoteFile,
    create_remote,
    download,
    list_remote,
    open_remote,
    read_remote,
    remote_file,
    remove_remote,
    write_remote,
    writing_remote,
)
from emodal_data.storage.urls import shown, url_of
from emodal_data.storage.versions import Versions

#: A folder with this file in it is complete: the file is written last, and has another name while others change.
_MARK, _MARK_BEFORE = "manifest.json", ".manifest.json"
#: Files transferred at once.
_TOGETHER = 8

T = TypeVar("T")


def pull(path: Path) -> None:
    """Make the local copy, a file or a folder, equal to what its URL holds. Errors as list_remote.

    If a killed push left the folder half changed, its previous manifest is copied too.
    """
    if url_of(path) is None:
        return
    versions = Versions()
    remote, local = list_remote(path), local_files(path)
    for gone in local - remote.keys():
        gone.unlink()
    _remove_empty_folders(path)
    changed = {file: fact for file, fact in remote.items() if not is_same(file, fact, versions)}
    _all(_get, ((file, fact, versions) for file, fact in changed.items()))
    if path / _MARK not in remote and (before := read_remote(path / _MARK_BEFORE)):
        write_bytes(path / _MARK, before)
    versions.tidy(path)


def push(path: Path) -> None:
    """Make the URL equal to the local copy; the deepest files of a folder first, its manifest last.

    A file that the URL holds under another name is copied within the store, not uploaded.
    Raises WorkError if another process wrote the manifest meanwhile; errors as list_remote.
    """
    if url_of(path) is None:
        return
    versions = Versions()
    remote, local = list_remote(path), local_files(path)
    changed = {file for file in local if file not in remote or not is_same(file, remote[file], versions)}
    gone = remote.keys() - local
    is_changed = bool(changed | gone)
    mark, before = path / _MARK, path / _MARK_BEFORE
    if mark in remote and is_changed:
        write_remote(before, read_remote(mark) or b"")
        _delete(mark)
        gone.discard(mark)
    changed -= _copy_there(changed - remote.keys() - {mark}, remote, versions)
    for depth in sorted({len(file.parts) for file in changed}, reverse=True):
        _all(_put, ((file, versions) for file in sorted(changed - {mark}) if len(file.parts) == depth))
    _all(_delete, ((file,) for file in sorted(gone)))
    if is_changed:
        if mark in local:
            _put_mark(mark, versions)
        remove_remote(before)
    versions.tidy(path)


def _copy_there(files: Set[Path], remote: Mapping[Path, RemoteFile], versions: Versions) -> set[Path]:
    """Copy within the store what it holds under other names; returns the files that are there now.

    A file that was only renamed, or is a link to another, is still in the index.
    """
    names = {(fact.size_bytes, fact.version): name for name, fact in remote.items()}
    sources = {file: names.get((file.stat().st_size, versions.of(file) or "")) for file in files}
    known = {file: source for file, source in sources.items() if source}
    _all(_copy, ((source, file, versions) for file, source in known.items()))
    return set(known)


def send(path: Path) -> None:
    """Upload a file, or the files of a folder that its URL lacks; nothing else at the URL is changed or removed."""
    if url_of(path) is None:
        return
    files = [path] if path.is_file() else sorted(local_files(path) - list_remote(path).keys())
    versions = Versions()
    _all(_put, ((file, versions) for file in files))


def fetch(paths: Iterable[Path]) -> None:
    """Download the files whose copies are missing. Errors as list_remote."""
    versions = Versions()
    missing = [path for path in dict.fromkeys(paths) if url_of(path) and not path.exists()]
    _all(_get, ((path, remote_file(path), versions) for path in missing))


def local_files(path: Path) -> set[Path]:
    """The files at a path or below it; hidden ones are left out."""
    if path.is_file():
        return {path}
    files = (file for file in path.rglob("*") if file.is_file())
    return {file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts)}


def is_same(path: Path, fact: RemoteFile, versions: Versions) -> bool:
    """Whether the local copy holds that version of the file."""
    return path.is_file() and path.stat().st_size == fact.size_bytes and versions.of(path) == fact.version


def _get(path: Path, fact: RemoteFile, versions: Versions) -> None:
    download(path, path)
    versions.record(path, fact.version)


def _put(path: Path, versions: Versions) -> None:
    with writing_remote(path) as (store, key):
        store.put_file(str(path), key)
    versions.record(path, remote_file(path).version)


def _put_mark(mark: Path, versions: Versions) -> None:
    """Upload the file that makes a folder complete; there is none now, unless another process published too."""
    if not create_remote(mark, mark.read_bytes()):
        raise WorkError(
            f"{shown(mark)}: another build wrote it meanwhile; nothing of this one counts: run it again"
        )
    versions.record(mark, remote_file(mark).version)


def _copy(source: Path, path: Path, versions: Versions) -> None:
    with writing_remote(path) as (store, key), open_remote(source) as (_, source_key):
        store.cp_file(source_key, key)
    versions.record(path, remote_file(path).version)


def _delete(path: Path) -> None:
    with writing_remote(path) as (store, key):
        store.rm_file(key)


def _remove_empty_folders(path: Path) -> None:
    for folder in sorted((file for file in path.rglob("*") if file.is_dir()), reverse=True):
        with contextlib.suppress(OSError):  # not empty
            folder.rmdir()


def _all(work: Callable[..., T], items: Iterable[tuple[Any, ...]]) -> None:
    """Call work for each item, several at once; the first error is raised."""
    with ThreadPoolExecutor(_TOGETHER) as threads:
        # Each thread works behind the fences of this one.
        for done in [threads.submit(contextvars.copy_context().run, work, *item) for item in items]:
            done.result()
