"""One build at a time at a URL: a file beside the dataset says who is at work, and that he still is.

Stores that can create a file only if it is not there (S3 can) leave no gap; with others two builds that start in the
same second may both go on. They would write the same names with the same bytes, if they build the same.
"""

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emodal_data.core.errors import EmodalError, InputError
from emodal_data.storage.files import explain_os_errors
from emodal_data.storage.remote import create_remote, read_remote, remove_remote, write_remote
from emodal_data.storage.urls import shown, url_of

#: A holder says this often that he is alive, and counts as dead when he was silent for five times as long.
BEAT_S = 60.0
_DEAD_AFTER_S = 5 * BEAT_S


@contextlib.contextmanager
def exclusive_remote(out: Path) -> Iterator[None]:
    """Hold the URL of a build folder alone, for as long as the block runs; hold the folder itself first.

    A lock that this machine left behind is taken over at once, for the folder's own lock is ours; another machine's
    when it was silent for five minutes. Raises InputError if another build holds it, naming who.
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
        with contextlib.suppress(EmodalError):  # the work itself will tell that the store is gone
            write_remote(lock, _who(out))


def _who(out: Path) -> bytes:
    holder = f"process {os.getpid()} on {socket.gethostname()}"
    return json.dumps({"holder": holder, "folder": _folder(out), "at_s": time.time()}).encode()


def _folder(out: Path) -> str:
    return f"{socket.gethostname()}:{out}"


def _read(lock: Path) -> dict[str, Any]:
    try:
        holder: dict[str, Any] = json.loads(read_remote(lock) or b"{}")
    except ValueError:
        return {}
    return holder


@contextlib.contextmanager
def exclusive(out: Path) -> Iterator[None]:
    """Hold a build folder alone, for as long as the block runs; the lock goes with the process.

    Raises InputError if another build holds it, naming who.
    """
    path = out / ".lock"
    with explain_os_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        handle = path.open("a+")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            holder = handle.read().strip() or "another build"
            raise InputError(f"{out}: in use by {holder}; wait for it, or choose another --out") from error
        handle.truncate(0)
        handle.write(f"process {os.getpid()} on {socket.gethostname()}")
        handle.flush()
        yield
