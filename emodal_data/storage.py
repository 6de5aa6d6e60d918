"""Remote files (s3://, gs:// and whatever else fsspec knows) and the local copies that the rest of the house works on.

A URL has one local path below the cache, and that path tells its URL: `s3://bucket/out` is
`CACHE/emodal-copies/s3/bucket/out`. All functions leave paths that stand for no URL alone.
"""

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from emodal_data.errors import EmodalError, InputError, TransientError
from emodal_data.files import atomic_path, write_bytes

#: Below the cache: copies that a build works on, copies to read only, and films by name only (film_copies.py).
COPIES, READING, NAMES = "emodal-copies", "emodal-reading", "emodal-names"
_URL = re.compile(r"([a-z][a-z0-9+]+):/+(.+)")
#: A folder with this file in it is whole: it is written last, and goes by another name while anything else changes.
_MARK, _MARK_BEFORE = "manifest.json", ".manifest.json"
#: Files on their way at once.
_TOGETHER = 8

T = TypeVar("T")


@dataclass(frozen=True)
class RemoteFile:
    """A file as its store shows it. stamp_ns: changes with the content; the local copy carries it as its time."""

    size_bytes: int
    stamp_ns: int


def default_cache() -> Path:
    """Where copies are kept unless the configuration says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emodal"


def local_path(location: Path | str, cache: Path | None = None, kind: str = COPIES) -> Path:
    """The path to work with: a local one is itself, a URL's is its copy below the cache.

    kind: COPIES, READING or NAMES. A URL may have lost a slash by being a Path.
    Raises InputError for a URL with credentials in it.
    """
    cache = cache or cache_of(Path(location)) or default_cache()
    location = url_of(Path(location)) or str(location)
    parts = _URL.fullmatch(location)
    if parts is None:
        return Path(location)
    protocol, rest = parts.groups()
    if protocol in ("file", "local"):
        return Path("/") / rest
    if "@" in rest.split("/")[0]:
        raise InputError(f"{protocol}://...: no credentials in URLs; set them as for any {protocol} program")
    return cache.absolute() / kind / protocol / rest.rstrip("/")


def url_of(path: Path) -> str | None:
    """The URL that a path stands for; None for a path that stands for itself."""
    place = _place_of_kind(path)
    if place is None:
        return None
    protocol, *rest = path.parts[place + 1 :]
    return f"{protocol}://{'/'.join(rest)}"


def cache_of(path: Path) -> Path | None:
    """The cache that a path which stands for a URL is in."""
    place = _place_of_kind(path)
    return None if place is None else Path(*path.parts[:place])


def _place_of_kind(path: Path) -> int | None:
    found = [place for place, part in enumerate(path.parts) if part in (COPIES, READING, NAMES)]
    return found[0] if found else None


def shown(path: Path) -> str:
    """The name of a path for people: its URL if it has one."""
    return url_of(path) or str(path)


def list_remote(path: Path) -> dict[Path, RemoteFile]:
    """The files at the URL of a path, or below it, under their local paths; hidden ones are left out.

    Raises InputError if there is no such bucket or no access, TransientError if the store does not answer.
    """
    if url_of(path) is None:
        return {}
    with _remote(path) as (store, root):
        found = store.find(root, detail=True)
    files = {}
    for key, info in found.items():
        name = key.removeprefix(root).strip("/")
        parts = name.split("/") if name else []
        if ".." in parts:
            raise InputError(f"{shown(path)}/{name}: no name for a file; rename it")
        if info["type"] == "file" and not any(part.startswith(".") for part in parts) and key[-1] != "/":
            files[path / name] = _remote_file(info)
    return files


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


def remove_remote(folder: Path) -> None:
    """Remove everything at the URL of a folder, hidden or not."""
    if url_of(folder) is None:
        return
    with _remote(folder) as (store, root):
        if keys := store.find(root):
            store.rm(keys)


def remote_file(path: Path) -> RemoteFile:
    """The file at the URL of a path. Errors as list_remote; InputError if there is none."""
    with _remote(path) as (store, key):
        return _remote_file(store.info(key))


def download(path: Path, to: Path) -> None:
    """Write the file at the URL of a path to another path, atomically. Errors as list_remote and atomic_path."""
    with atomic_path(to) as temporary, _remote(path) as (store, key):
        store.get_file(key, str(temporary))


def local_files(path: Path) -> set[Path]:
    """The files at a path or below it; hidden ones are left out."""
    if path.is_file():
        return {path}
    files = (file for file in path.rglob("*") if file.is_file())
    return {file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts)}


def create_remote(path: Path, data: bytes) -> bool:
    """Write a small file at the URL of a path unless there is one. Returns whether it was written."""
    with _remote(path) as (store, key):
        try:
            store.pipe_file(key, data, mode="create")
        except FileExistsError:
            return False
    return True


def write_remote(path: Path, data: bytes) -> None:
    """Write a small file at the URL of a path."""
    with _remote(path) as (store, key):
        store.pipe_file(key, data)


def read_remote(path: Path) -> bytes | None:
    """The small file at the URL of a path, None if there is none."""
    with _remote(path) as (store, key):
        try:
            data: bytes = store.cat_file(key)
        except FileNotFoundError:
            return None
    return data


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


def _remote_file(info: dict[str, Any]) -> RemoteFile:
    """What a store says of a file. Each store has its own word for what tells two contents apart."""
    words = ("ETag", "etag", "md5Hash", "contentHash", "LastModified", "mtime", "created")
    stamp = next((str(info[word]) for word in words if info.get(word)), "")
    # As a time, the digest is one in 1970: small enough for every file system, and no clock ever shows it.
    digest = hashlib.sha256(stamp.encode()).digest()
    return RemoteFile(int(info["size"] or 0), int.from_bytes(digest[:6], "big"))


def _all(work: Callable[..., T], items: Iterable[tuple[Any, ...]]) -> None:
    """Call work for each item, several at once; the first error is raised."""
    with ThreadPoolExecutor(_TOGETHER) as threads:
        for done in [threads.submit(work, *item) for item in items]:
            done.result()


@contextlib.contextmanager
def _remote(path: Path) -> Iterator[tuple[Any, str]]:
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
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise  # this machine's disk, not the store
        if "credential" in type(error).__name__.lower():
            raise InputError(f"{url}: no credentials found: {_line(error)}") from error
        raise TransientError(f"{url}: the store does not answer as it should: {_line(error)}") from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
