"""Workers that crash, hang or eat memory: only the guilty call fails, and the next one finds a worker."""

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from emodal_data.clips.films import FilmCatalogue, FilmFile, inspect_guarded
from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.core.worker_pool import WorkerCrashed, WorkerPool, WorkerTimedOut


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(workers=1, memory_mb=512)
    yield pool
    pool.close()


def crash() -> None:
    ctypes.string_at(0)


def eat() -> int:
    return len(bytearray(2 * 2**30))


def refuse() -> None:
    raise Dropped(Reason.NO_FACE, "nobody there", 0.25)


def test_results_and_own_errors_come_back_whole(pool: WorkerPool) -> None:
    assert pool.run(60, divmod, 7, 3) == (2, 1)
    with pytest.raises(Dropped) as drop:
        pool.run(60, refuse)
    assert (drop.value.reason, drop.value.detail, drop.value.measured) == (
        Reason.NO_FACE,
        "nobody there",
        0.25,
    )


def test_a_segmentation_fault_costs_one_call(pool: WorkerPool) -> None:
    with pytest.raises(WorkerCrashed):
        pool.run(60, crash)
    assert pool.run(60, divmod, 7, 3) == (2, 1)


def test_a_hanging_call_is_killed(pool: WorkerPool) -> None:
    with pytest.raises(WorkerTimedOut, match="stopped after 1 s"):
        pool.run(1, time.sleep, 600)
    assert pool.run(60, divmod, 7, 3) == (2, 1)


def test_memory_beyond_the_limit_is_refused(pool: WorkerPool) -> None:
    with pytest.raises(MemoryError):
        pool.run(60, eat)
    assert pool.run(60, divmod, 7, 3) == (2, 1)


def test_work_happens_in_another_process(pool: WorkerPool) -> None:
    assert pool.run(60, os.getpid) != os.getpid()


def test_workers_outlive_the_thread_that_first_asked_for_them() -> None:
    pool = WorkerPool(workers=1, memory_mb=512)
    thread = threading.Thread(target=pool.run, args=(60, divmod, 7, 3))
    thread.start()
    thread.join()
    first = pool.run(60, os.getpid)
    time.sleep(0.3)
    assert pool.run(60, os.getpid) == first
    pool.close()


def test_workers_end_when_their_parent_is_killed() -> None:
    code = (
        "import os, time; from emodal_data.core.worker_pool import WorkerPool\n"
        "if __name__ == '__main__':\n"
        "    print(WorkerPool(1, 512).run(60, os.getpid), flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline_s = time.monotonic() + 30
    while psutil.pid_exists(worker) and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert not psutil.pid_exists(worker)


def test_a_pool_whose_idle_workers_were_killed_works_again() -> None:
    pool = WorkerPool(workers=1, memory_mb=512)
    psutil.Process(pool.run(60, os.getpid)).kill()
    time.sleep(1)  # the pool notices
    for _ in range(2):
        with contextlib.suppress(WorkerCrashed):
            pool.run(60, divmod, 7, 3)
    assert pool.run(60, divmod, 7, 3) == (2, 1)
    pool.close()


def test_a_film_that_crashes_the_look_at_it_is_named_and_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class DeadPool:
        def run(self, *_: object) -> None:
            raise self.error

    film, pool = FilmFile("a.mp4", tmp_path / "a.mp4", 3, 100), DeadPool()
    catalogue = FilmCatalogue(tmp_path / "films.json")
    cases = (
        (WorkerCrashed("11"), "decoder_crashed", True),
        (WorkerTimedOut("9"), "decoder_timed_out", False),
    )
    for error, reason, is_kept in cases:
        pool.error = error
        facts = inspect_guarded(film, tmp_path, ClipsConfig(), pool)
        assert facts.reason == reason
        catalogue.keep({"a.mp4": facts})
        assert (FilmCatalogue(tmp_path / "films.json").known(film) is not None) == is_kept
