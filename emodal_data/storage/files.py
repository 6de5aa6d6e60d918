"""Atomic writes: a reader sees the old file or the new one, never a part of one."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from emodal_data.core.errors import DRIVE_ERRORS, InputError, TransientError, WorkError
from emodal_data.core.fences import check_fences

#: Temporary files have this suffix, so that what a killed run left behind differs from results.
TEMPORARY = ".tmp"

_PASSING = DRIVE_ERRORS | {
    errno.EAGAIN,
    errno.EINTR,
    errno.EBUSY,
    errno.ENOMEM,
    errno.EMFILE,
    errno.ENFILE,
}


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path in the folder of `path`; when the block ends without error it is synced and renamed to `path`.

    Raises WorkError when the disk is full or the build no longer holds its folder (core.fences), InputError when the
    folder cannot be written.
    """
    with explain_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=TEMPORARY, dir=path.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        with explain_os_errors(path):
            yield temporary
            temporary.chmod(0o666 & ~_umask())  # mkstemp's 0600 would hide results from colleagues
            sync(temporary)
            check_fences(path)
            temporary.replace(path)
            sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file atomically. Errors as atomic_path."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def link_or_copy(path: Path, to: Path) -> None:
    """Give a file a second name, or copy it where the file system has no links. Errors as atomic_path.

    The new name is on disk once the folder is: see sync.
    """
    with explain_os_errors(to):
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            to.hardlink_to(path)
        except OSError:  # a file system without links, or with too many to this file
            with atomic_path(to) as temporary:
                shutil.copyfile(path, temporary)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_sha256(path: Path) -> str | None:
    """The SHA-256 of a file's bytes; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def remove_temporary(folder: Path) -> None:
    """Remove what killed runs left behind in a folder and below."""
    for path in folder.rglob(f".*{TEMPORARY}"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def explain_os_errors(path: Path) -> Iterator[None]:
    """Turn errors of the operating system about `path` into one line that says what to do."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise WorkError(f"{path}: the disk is full; free some space and run again, it resumes") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ELOOP):
            raise InputError(f"{path}: cannot be written: {error.strerror}; choose another --out") from error
        raise TransientError(f"{path}: {error.strerror or error}") from error


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error of the operating system says that there is no room."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_passing(error: BaseException | None) -> bool:
    """Whether an error of the operating system may be gone next time, as is common with network drives."""
    return isinstance(error, OSError) and error.errno in _PASSING


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a mapping as readable JSON, atomically."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def files_below(folder: Path) -> list[str]:
    """Paths of all files below a folder, relative to it with forward slashes, sorted. Linked folders are left out."""
    found = []
    for parent, _, names in os.walk(folder):
        inside = os.path.relpath(parent, folder).replace(os.sep, "/")
        found += names if inside == "." else [f"{inside}/{name}" for name in names]
    return sorted(found)


def is_inside(name: str) -> bool:
    """Whether a path that a file names stays in the folder that it is joined to."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
