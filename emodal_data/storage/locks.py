"""One build at a time: the lock of a build's folder on this machine, and the lock of its URL.

The local lock is filelock's. The remote one is our own, because fsspec has none: an object beside the dataset names
its holder and is renewed while the build runs. S3 creates and replaces an object only if nobody else did, so two builds
cannot both get the lock. In a store that cannot do this, the last of two builds that start in the same second gets it.
A process that lost the lock, for example because its machine slept, is stopped at its next write, and so are the
workers of a Dask cluster that still work for it: see core/fences.py.
"""

import contextlib
import json
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from emodal_data.core.errors import EmodalError, InputError, WorkError
from emodal_data.core.fences import FolderFence, fenced
from emodal_data.storage.files import explain_os_errors
from emodal_data.storage.remote import (
    create_remote,
    modified_remote_s,
    read_remote,
    remote_file,
    remove_remote,
    replace_remote,
    write_remote,
)
from emodal_data.storage.urls import shown, url_of

#: The holder renews the lock this often; after five times as long without renewal it counts as left behind.
BEAT_S = 60.0
_DEAD_AFTER_S = 5 * BEAT_S


@contextlib.contextmanager
def exclusive_remote(out: Path) -> Iterator[None]:
    """Hold the URL of a build's folder alone while the block runs; take the lock of the folder itself first.

    A lock that this machine left behind is taken over at once, because this process holds the folder; one of another
    machine after five minutes without renewal, by the clock of the store. While the block runs, every write at the URL
    raises WorkError once another process has taken the lock over.
    Raises InputError if another build holds it, naming the holder.
    """
    if url_of(out) is None:
        yield
        return
    lock, done = _RemoteLock(out), threading.Event()
    lock.acquire()
    alive = threading.Thread(target=_beat, args=(lock, done), daemon=True)
    alive.start()
    try:
        with fenced(lock):
            yield
    finally:
        done.set()
        alive.join()
        lock.release()


class _RemoteLock:
    """The lock of a URL: an object that names its holder, and the token that only the holder knows.

    It is the fence of all writes at the URL, also of those of other machines that work for the holder.
    """

    is_at_url = True

    def __init__(self, out: Path) -> None:
        self.folder, self._object, self._token = out, out / ".lock", uuid.uuid4().hex
        self._beats = 0

    def acquire(self) -> None:
        """Raises InputError if another build holds the lock."""
        while not create_remote(self._object, self._contents()):
            try:
                version = remote_file(self._object).version
                holder, silent_s = _read(self._object), _silent_s(self._object)
            except InputError:
                if read_remote(self._object) is None:  # it was released meanwhile
                    continue
                raise
            is_dead = silent_s is not None and silent_s >= _DEAD_AFTER_S
            if holder.get("folder") != _folder(self.folder) and not is_dead:
                raise InputError(
                    f"{shown(self.folder)}: in use by {holder.get('holder', 'another build')}; wait for it, choose "
                    f"another --out, or remove {shown(self._object)} if it was killed"
                )
            if replace_remote(self._object, self._contents(), version):
                return

    def renew(self) -> None:
        """Write the object anew, if it is still this process's."""
        version = remote_file(self._object).version
        self.check()
        self._beats += 1
        replace_remote(self._object, self._contents(), version)

    def check(self) -> None:
        """Raises WorkError if this process no longer holds the lock."""
        holder = _read(self._object)
        if holder.get("token") != self._token:
            now = f"now held by {holder['holder']}" if "holder" in holder else "gone"
            raise WorkError(
                f"{shown(self._object)}: {now}, because this build did not renew it in time; it writes nothing more "
                "there: run it again"
            )

    def release(self) -> None:
        """Remove the object, unless it is another process's."""
        if _read(self._object).get("token") == self._token:
            remove_remote(self._object)

    def _contents(self) -> bytes:
        who = {"holder": _holder(), "folder": _folder(self.folder), "token": self._token}
        return json.dumps(who | {"beats": self._beats}).encode()  # each renewal has another ETag


def _beat(lock: _RemoteLock, done: threading.Event) -> None:
    while not done.wait(BEAT_S):
        with contextlib.suppress(
            EmodalError
        ):  # if the store is gone or the lock lost, the build's next write fails
            lock.renew()


def _silent_s(lock: Path) -> float | None:
    """Seconds since a lock was written, by the clock of its store; None if the store does not say."""
    probe = lock.with_name(f".lock-probe-{uuid.uuid4().hex}")
    write_remote(probe, b"now")
    try:
        now_s, written_s = modified_remote_s(probe), modified_remote_s(lock)
    finally:
        remove_remote(probe)
    return None if now_s is None or written_s is None else now_s - written_s


def _holder() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _folder(out: Path) -> str:
    return f"{socket.gethostname()}:{os.fspath(out)}"


def _read(lock: Path) -> dict[str, Any]:
    try:
        holder = json.loads(read_remote(lock) or b"{}")
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


@contextlib.contextmanager
def exclusive(out: Path) -> Iterator[None]:
    """Hold a build's folder alone while the block runs; the lock ends with the process.

    Raises InputError if another build holds it, naming the holder.
    """
    path = out / ".lock"
    # Its soft lock, for file systems without flock, keeps its own text in the file and outlives a killed process.
    lock = FileLock(path, blocking=False, thread_local=False, fallback_to_soft=False)
    with explain_os_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            holder = (path.read_text(encoding="utf-8").splitlines() or ["another build"])[0]
            raise InputError(f"{out}: in use by {holder}; wait for it, or choose another --out") from error
    mark = f"{_holder()}\n{uuid.uuid4().hex}\n"
    try:
        with explain_os_errors(out):
            path.write_text(mark, encoding="utf-8")
        # At a URL, other machines have other copies of the folder, and locks of their own.
        with contextlib.nullcontext() if url_of(out) else fenced(FolderFence(out, path, mark)):
            yield
    finally:
        lock.release()
