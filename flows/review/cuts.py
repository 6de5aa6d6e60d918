"""Clips cut from their films on demand, as small WebM files in a temporary folder."""

import contextlib
import os
import shutil
import tempfile
import threading
from collections import defaultdict
from pathlib import Path

from emodal_data.core.config import ClipsConfig
from emodal_data.core.worker_pool import WorkerPool
from emodal_data.media.mp4 import export_for_browser
from emodal_data.storage.files import atomic_path
from emodal_data.storage.film_cache import film_at_hand
from flows.review.clips import ReviewClip

#: Cuts that stay on disk, about 0.3 MB each; the oldest go first.
KEPT = 300
_START_S = 60.0
_PREFIX = "emodal-review-"


def new_folder() -> Path:
    """A temporary folder for cuts, named after this process; those of processes that were killed are removed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        number = folder.name.removeprefix(_PREFIX).split("-")[0]
        with contextlib.suppress(OSError):
            if number.isdigit() and folder.stat().st_uid == os.getuid() and not _is_running(int(number)):
                shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Cuts:
    """The cuts of a review. Films are decoded in worker processes, so one that crashes costs its own clip."""

    def __init__(
        self, folder: Path, films: Path, films_gb: float, opening: ClipsConfig, workers: int
    ) -> None:
        """folder: for the cuts. films: the folder of films, also one at a URL. films_gb: room for copies of these."""
        self._folder, self._films, self._films_gb, self._opening = folder, films, films_gb, opening
        self._pool = WorkerPool(workers, opening.memory_mb)
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def cut(self, clip: ReviewClip, context_s: float) -> Path:
        """The file of a clip with context_s seconds before and after it; made unless it is there.

        Raises Dropped or another error of this program if the film cannot be read.
        """
        name = f"{clip.clip_id}-{context_s:g}.webm"
        to = self._folder / name
        with self._locks[name]:
            if not to.exists():
                self._make_room()
                self._cut(clip, context_s, to)
        return to

    def _cut(self, clip: ReviewClip, context_s: float, to: Path) -> None:
        start_s = max(0.0, clip.start_s - context_s)
        # A whole file is cut up to its end, but no longer than a clip may be.
        end_s = (self._opening.max_clip_s if clip.end_s is None else clip.end_s) + context_s
        timeout_s = self._opening.timeout_s + _START_S
        films = self._films
        with (
            film_at_hand(films / clip.film, films, self._films_gb) as (path, root),
            atomic_path(to) as temporary,
        ):
            self._pool.run(
                timeout_s,
                export_for_browser,
                path,
                start_s,
                end_s,
                temporary,
                root=root,
                config=self._opening,
            )

    def _make_room(self) -> None:
        files = sorted(self._folder.glob("*.webm"), key=lambda file: file.stat().st_mtime_ns)
        for file in files[: max(0, len(files) - KEPT + 1)]:
            file.unlink(missing_ok=True)

    def close(self) -> None:
        """End the workers and remove the cuts."""
        self._pool.close()
        shutil.rmtree(self._folder, ignore_errors=True)
