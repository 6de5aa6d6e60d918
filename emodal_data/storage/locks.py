"""One build at a time: the lock of a build's folder on this machine, and the lock of its URL.

The local lock is filelock's. The remote one is our own, because fsspec has none: an object beside the dataset names
its holder and is renewed while the build runs. S3 creates an object only where there is none, so two builds cannot
both get the lock; in a store that cannot do this, two builds that start in the same second may both run. If they build
the same, they write the same names with the same bytes.
"""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from emodal_data.core.errors import EmodalError, InputError
from emodal_data.storage.files import explain_os_errors
from emodal_data.storage.remote import create_remote, read_remote, remove_remote, write_remote
from emodal_data.storage.urls import shown, url_of

#: The holder renews the lock this often; after five times as long without renewal it counts as left behind.
BEAT_S = 60.0
_DEAD_AFTER_S = 5 * BEAT_S


@contextlib.contextmanager
def exclusive_remote(out: Path) -> Iterator[None]:
    """Hold the URL of a build's folder alone while the block runs; take the lock of the folder itself first.

    A lock that this machine left behind is taken over at once, because this process holds the folder; one of another
    machine after five minutes without renewal. Raises InputError if another build holds it, naming the holder.
    """
    if url_of(out) is None:
        yield
        return
    lock, done = out / ".lock", threading.Event()
    while not create_remote(lock, _who(out)):
        holder = _read(lock)
        silent_s = time.time() - holder.get("at_s", time.time())
        if holder and holder.get("folder") != _folder(out) and silent_s < _DEAD_AFTER_S:
            raise InputError(
                f"{shown(out)}: in use by {holder.get('holder', 'another build')}; wait for it, choose another --out, "
                f"or remove {shown(lock)} if it was killed"
            )
        remove_remote(lock)
    alive = threading.Thread(target=_beat, args=(lock, out, done), daemon=True)
    alive.start()
    try:
        yield
    finally:
        done.set()
        alive.join()
        remove_remote(lock)


def _beat(lock: Path, out: Path, done: threading.Event) -> None:
    while not done.wait(BEAT_S):
        with contextlib.suppress(EmodalError):  # if the store is gone, the build's own transfers fail
            write_remote(lock, _who(out))


def _who(out: Path) -> bytes:
    return json.dumps({"holder": _holder(), "folder": _folder(out), "at_s": time.time()}).encode()


def _holder() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _folder(out: Path) -> str:
    return f"{socket.gethostname()}:{os.fspath(out)}"


def _read(lock: Path) -> dict[str, Any]:
    try:
        holder: dict[str, Any] = json.loads(read_remote(lock) or b"{}")
    except ValueError:
        return {}
    return holder


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
            holder = path.read_text(encoding="utf-8").strip() or "another build"
            raise InputError(f"{out}: in use by {holder}; wait for it, or choose another --out") from error
    try:
        with explain_os_errors(out):
            path.write_text(_holder(), encoding="utf-8")
        yield
    finally:
        lock.release()
