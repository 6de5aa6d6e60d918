"""Workers that crash, hang or eat memory: only the guilty call fails, and the next one finds a worker."""

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import resource_tracker
from pathlib import Path

import psutil
import pytest

from emodal_data.clips.films import FilmCatalogue, FilmFile, inspect_guarded, limits_key
from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped, TransientError, WorkersLost
from emodal_data.core.reasons import Reason
from emodal_data.core.worker_pool import WorkerFailed, WorkerPool

pytestmark = pytest.mark.usefixtures("fresh_workers")


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
    with pytest.raises(WorkerFailed, match=r"died .*its trace is in ") as failed:
        pool.run(60, crash)
    assert failed.value.reason == Reason.DECODER_CRASHED
    assert pool.fault_log is not None
    trace = pool.fault_log.read_text()
    pool.fault_log.unlink()
    assert trace.startswith("Fatal Python error: Segmentation fault")
    assert "test_worker_pool.py" in trace and " in crash" in trace
    assert pool.run(60, divmod, 7, 3) == (2, 1)


def test_a_hanging_call_is_killed(pool: WorkerPool) -> None:
    with pytest.raises(WorkerFailed, match="stopped after 1 s") as failed:
        pool.run(1, time.sleep, 600)
    assert failed.value.reason == Reason.DECODER_TIMED_OUT
    assert pool.run(60, divmod, 7, 3) == (2, 1)


def test_memory_beyond_the_limit_is_refused(pool: WorkerPool) -> None:
    with pytest.raises(WorkerFailed, match="its limit of 512 MB") as failed:
        pool.run(60, eat)
    assert failed.value.reason == Reason.DECODER_OUT_OF_MEMORY
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
        "print(WorkerPool(1, 512).run(60, os.getpid), flush=True); time.sleep(600)"
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
    assert pool.run(60, divmod, 7, 3) == (2, 1)
    pool.close()


SCRIPT = """
import os
from emodal_data.core.worker_pool import WorkerPool
print("the script", flush=True)
pool = WorkerPool(1, 512)
print(pool.run(60, divmod, 7, 3), flush=True)
pool.close()
"""


@pytest.mark.parametrize("how", ["a file", "standard input", "a module"])
def test_workers_do_not_run_the_script_that_started_them(how: str, tmp_path: Path) -> None:
    (tmp_path / "unguarded.py").write_text(SCRIPT)
    arguments = {"a file": ["unguarded.py"], "standard input": ["-"], "a module": ["-m", "unguarded"]}[how]
    run = subprocess.run(
        [sys.executable, *arguments],
        input=SCRIPT if how == "standard input" else None,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("the script\n(2, 1)\n", "")


def test_a_file_in_the_working_folder_named_as_a_module_of_python_does_not_reach_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("signal.py", "pickle.py", "numbers.py"):
        (tmp_path / name).write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    pool = WorkerPool(workers=1, memory_mb=512)
    assert pool.run(60, divmod, 7, 3) == (2, 1)
    pool.close()


def test_workers_started_from_several_threads_leave_the_environment_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, getfd = dict(os.environ), resource_tracker.getfd

    def slowly() -> int:
        time.sleep(0.05 * random.random())
        return getfd()

    monkeypatch.setattr(resource_tracker, "getfd", slowly)
    with ThreadPoolExecutor(8) as threads:
        pools = [WorkerPool(workers=1, memory_mb=512) for _ in range(8)]
        answers = list(threads.map(lambda pool: pool.run(60, divmod, 7, 3), pools))
    for pool in pools:
        pool.close()
    assert answers == [(2, 1)] * 8
    assert dict(os.environ) == before


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children() if "spawn_main" in str(child.cmdline())}


def test_processes_are_started_when_there_is_work_for_them_and_used_again() -> None:
    others, pool = children(), WorkerPool(workers=4, memory_mb=512)
    assert len({pool.run(60, os.getpid) for _ in range(4)}) == len(children() - others) == 1
    with ThreadPoolExecutor(2) as threads:
        for future in [threads.submit(pool.run, 60, time.sleep, 0.5) for _ in range(2)]:
            future.result()
    assert len(children() - others) == 2
    pool.close()
    assert children() == others


def test_workers_that_cannot_start_are_a_fault_of_the_run_and_leave_their_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('cv2 was built for another machine')")
    monkeypatch.syspath_prepend(tmp_path)
    pool = WorkerPool(workers=2, memory_mb=512)
    with pytest.raises(WorkersLost, match="before they can work: ImportError: cv2 was built for") as lost:
        pool.run(60, divmod, 7, 3)
    pool.close()
    assert pool.fault_log is not None and str(pool.fault_log) in str(lost.value)
    assert "Traceback" in pool.fault_log.read_text()
    pool.fault_log.unlink()
    assert capfd.readouterr().err == ""


def end_by(number: int) -> None:
    os.kill(os.getpid(), number)


def test_a_worker_that_is_killed_from_outside_is_no_fault_of_its_film() -> None:
    pool = WorkerPool(workers=1, memory_mb=512)
    for number in (signal.SIGKILL, signal.SIGTERM):
        with pytest.raises(
            TransientError, match=f"killed from outside .{number.name}; is there enough memory"
        ):
            pool.run(60, end_by, number)
    assert pool.run(60, divmod, 7, 3) == (2, 1)
    assert pool.fault_log is None
    pool.close()


def test_many_workers_killed_in_a_row_end_the_run_and_one_success_starts_the_count_anew() -> None:
    pool = WorkerPool(workers=1, memory_mb=512)

    def kill(times: int) -> None:
        for _ in range(times):
            with pytest.raises(TransientError):
                pool.run(60, end_by, signal.SIGKILL)

    kill(4)
    assert pool.run(60, divmod, 7, 3) == (2, 1)
    kill(4)
    with pytest.raises(WorkersLost, match=r"^5 worker processes in a row were killed from outside .SIGKILL"):
        pool.run(60, end_by, signal.SIGKILL)
    pool.close()


def test_a_film_that_crashes_the_look_at_it_is_named_and_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class DeadPool:
        def run(self, *_: object) -> None:
            raise self.error

    film, pool = FilmFile("a.mp4", tmp_path / "a.mp4", 3, 100), DeadPool()
    limits = limits_key(ClipsConfig())
    catalogue = FilmCatalogue(tmp_path / "films.json", limits)
    for reason, is_kept in (
        (Reason.DECODER_CRASHED, True),
        (Reason.DECODER_TIMED_OUT, False),
        (Reason.DECODER_OUT_OF_MEMORY, False),
    ):
        pool.error = WorkerFailed(reason, "a worker process died")
        facts = inspect_guarded(film, tmp_path, ClipsConfig(), pool)
        assert facts.reason == reason
        catalogue.keep({"a.mp4": facts})
        assert (FilmCatalogue(tmp_path / "films.json", limits).known(film) is not None) == is_kept
