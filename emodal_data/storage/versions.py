"""Which version of a remote file each local copy holds: an index in the cache, keyed by inode, size and time.

A local file that was renamed or linked is still known, one that was rewritten is not. Nothing of the copies themselves
is changed. Each folder has an index file of its own, with a line a copy; new lines are appended, so that several
processes may record at once. A damaged line, or a lost index, costs a transfer and nothing else.
"""

import json
import shutil
from pathlib import Path

from emodal_data.storage.files import explain_os_errors, write_bytes
from emodal_data.storage.urls import RemotePath

_FOLDER = "emodal-versions"
#: The number is the format of the lines: [inode, size in bytes, time of change in ns, version]. Hidden, so that no
#: folder of a copy has this name.
_FILE = ".versions-1.jsonl"

#: What tells one state of a local file from another.
State = tuple[int, int, int]


class Versions:
    """The index of all copies of a cache. Each object reads a folder's index once, when it is first asked."""

    def __init__(self) -> None:
        self._known: dict[Path, dict[State, str]] = {}

    def of(self, copy: Path) -> str | None:
        """The version that a local copy holds; None if it is not known, or the path stands for no URL."""
        index = _index_file(copy.parent)
        if index is None:
            return None
        try:
            state = _state(copy)
        except OSError:
            return None
        return self._read(index).get(state)

    def record(self, copy: Path, version: str) -> None:
        """Note that a local copy holds this version now."""
        index = _index_file(copy.parent)
        if index is None:
            return
        state = _state(copy)
        self._read(index)[state] = version
        with explain_os_errors(index):
            index.parent.mkdir(parents=True, exist_ok=True)
            with index.open("ab", buffering=0) as file:
                file.write(_line(state, version))

    def tidy(self, path: Path) -> None:
        """Drop what is no longer there: states of files that are gone, and indexes of folders that are gone.

        path: a copy, or a folder of copies.
        """
        is_folder = path.is_dir()
        top = _index_file(path if is_folder else path.parent)
        if top is None:
            return
        for index in sorted(top.parent.rglob(_FILE)) if is_folder else [top]:
            folder = (path if is_folder else path.parent) / index.parent.relative_to(top.parent)
            if not folder.is_dir():
                shutil.rmtree(index.parent, ignore_errors=True)
                continue
            known = _load(index)
            there = {_state(file) for file in folder.iterdir() if file.is_file()}
            left = {state: version for state, version in known.items() if state in there}
            if len(left) < len(known):
                write_bytes(index, b"".join(_line(state, version) for state, version in left.items()))
                self._known[index] = left

    def _read(self, index: Path) -> dict[State, str]:
        if index not in self._known:
            self._known[index] = _load(index)
        return self._known[index]


def _index_file(folder: Path) -> Path | None:
    """The index of a folder of copies: at the same place below a folder of its own in the cache."""
    if not isinstance(folder, RemotePath) or folder.cache is None:
        return None
    return folder.cache / _FOLDER / Path(folder).relative_to(folder.cache) / _FILE


def _state(path: Path) -> State:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _line(state: State, version: str) -> bytes:
    return json.dumps([*state, version]).encode() + b"\n"


def _load(index: Path) -> dict[State, str]:
    known: dict[State, str] = {}
    try:
        lines = index.read_bytes().splitlines()
    except OSError:
        return known
    for line in lines:
        try:
            inode, size_bytes, mtime_ns, version = json.loads(line)
            state = (int(inode), int(size_bytes), int(mtime_ns))
        except (ValueError, TypeError):
            continue
        if isinstance(version, str):
            known[state] = version
    return known
