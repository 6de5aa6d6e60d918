"""Files at URLs: listing, reading and writing them where they are."""

import contextlib
import errno
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from emodal_data.core.errors import EmodalError, InputError, TransientError
from emodal_data.core.fences import check_fences
from emodal_data.storage.files import atomic_path, is_disk_full
from emodal_data.storage.urls import shown, url_of


@dataclass(frozen=True)
class RemoteFile:
    """A file as its store describes it. version: changes with the content; an ETag, a hash or a time."""

    size_bytes: int
    version: str


def list_remote(path: Path, with_hidden: bool = False) -> dict[Path, RemoteFile]:
    """The files at the URL of a path, or below it, under their local paths; hidden ones only if asked for.

    Raises InputError if there is no such bucket or no access, TransientError if the store does not answer.
    """
    if url_of(path) is None:
        return {}
    with open_remote(path) as (store, root):
        found = store.find(root, detail=True)
    files = {}
    for key, info in found.items():
        name = key.removeprefix(root).strip("/")
        parts = name.split("/") if name else []
        if ".." in parts:
            raise InputError(f"{shown(path)}/{name}: no name for a file; rename it")
        is_hidden = any(part.startswith(".") for part in parts)
        if info["type"] == "file" and (with_hidden or not is_hidden) and key[-1] != "/":
            files[path / name] = _remote_file(info)
    return files


def remove_remote(folder: Path) -> None:
    """Remove everything at the URL of a folder, hidden or not."""
    if url_of(folder) is None:
        return
    with writing_remote(folder) as (store, root):
        for key in store.find(root):
            store.rm_file(key)  # rm would take brackets in a name for a pattern


def remote_file(path: Path) -> RemoteFile:
    """The file at the URL of a path. Errors as list_remote; InputError if there is none."""
    with open_remote(path) as (store, key):
        return _remote_file(store.info(key))


def download(path: Path, to: Path) -> None:
    """Write the file at the URL of a path to another path, atomically. Errors as list_remote and atomic_path."""
    with atomic_path(to) as temporary, open_remote(path) as (store, key):
        store.get_file(key, str(temporary))


def create_remote(path: Path, data: bytes) -> bool:
    """Write a small file at the URL of a path unless there is one. Returns whether it was written."""
    with writing_remote(path) as (store, key):
        try:
            store.pipe_file(key, data, mode="create")
        except FileExistsError:
            return False
    return True


def replace_remote(path: Path, data: bytes, version: str) -> bool:
    """Write a small file at the URL of a path if it still has this version. Returns whether it was written.

    S3 compares and writes in one step. For other stores these are two, and another process may write in between.
    """
    with writing_remote(path) as (store, key):
        try:
            if _remote_file(store.info(key)).version != version:
                return False
            store.pipe_file(key, data, **({"IfMatch": version} if _is_s3(store) else {}))
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno == errno.EINVAL:  # what s3fs makes of S3's PreconditionFailed
                return False
            if error.errno != errno.ENOSYS:  # a store like S3 that does not compare
                raise
            store.pipe_file(key, data)
    return True


def write_remote(path: Path, data: bytes) -> None:
    """Write a small file at the URL of a path."""
    with writing_remote(path) as (store, key):
        store.pipe_file(key, data)


def read_remote(path: Path) -> bytes | None:
    """The small file at the URL of a path, None if there is none."""
    with open_remote(path) as (store, key):
        try:
            data: bytes = store.cat_file(key)
        except FileNotFoundError:
            return None
    return data


def modified_remote_s(path: Path) -> float | None:
    """When the file at the URL of a path was written, in seconds by the clock of its store; None if it does not say.

    Errors as remote_file.
    """
    with open_remote(path) as (store, key):
        try:
            written = store.modified(key)
        except (NotImplementedError, KeyError):
            return None
    if isinstance(written, str):
        written = datetime.fromisoformat(written)
    return written.timestamp() if isinstance(written, datetime) else None


@contextlib.contextmanager
def writing_remote(path: Path) -> Iterator[tuple[Any, str]]:
    """The file system of a path's URL and the key in it, to write there. Errors as list_remote.

    Raises WorkError if the build that this thread works for no longer holds the folder: see core.fences.
    """
    check_fences(path, at_url=True)
    with open_remote(path) as opened:
        yield opened


def _is_s3(store: Any) -> bool:
    protocols = store.protocol if isinstance(store.protocol, tuple) else (store.protocol,)
    return "s3" in protocols


def _remote_file(info: dict[str, Any]) -> RemoteFile:
    """What a store says of a file. Each store has its own key for what tells two contents apart.

    fsspec's `ukey` is no help here: it asks for one file at a time, and hashes all that the store says, which differs
    between listing a file and asking for it.
    """
    keys = ("ETag", "etag", "md5Hash", "contentHash", "LastModified", "mtime", "created")
    version = next((str(info[key]) for key in keys if info.get(key)), "unknown")
    return RemoteFile(int(info["size"] or 0), version)


@contextlib.contextmanager
def open_remote(path: Path) -> Iterator[tuple[Any, str]]:
    """The file system of a path's URL and the key in it; its errors become ours, one line each."""
    url = shown(path)
    try:
        import fsspec

        yield fsspec.core.url_to_fs(url, use_listings_cache=False)
    except EmodalError:
        raise
    except ImportError as error:
        extra = {"s3": "s3", "gs": "gcs", "gcs": "gcs"}.get(url.split(":")[0])
        hint = f"; pip install 'emodal[{extra}]'" if extra else ""
        raise InputError(f"{url}: {_line(error)}{hint}") from error
    except FileNotFoundError as error:
        raise InputError(f"{url}: not there: {_line(error)}") from error
    except PermissionError as error:
        raise InputError(f"{url}: no access with these credentials: {_line(error)}") from error
    except ValueError as error:
        raise InputError(f"{url}: {_line(error)}") from error
    except Exception as error:  # every store has errors of its own
        if is_disk_full(error):
            raise  # this machine's disk, not the store
        if "credential" in type(error).__name__.lower():
            raise InputError(f"{url}: no credentials found: {_line(error)}") from error
        raise TransientError(f"{url}: the store does not answer as it should: {_line(error)}") from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
