"""Workers that crash, hang or eat memory: only the guilty call fails, and the next one finds a worker."""

import ctypes
import os
import time
from collections.abc import Iterator

import pytest

from emodal_data.errors import Dropped
from emodal_data.isolation import WorkerCrashed, WorkerPool, WorkerTimedOut
from emodal_data.reasons import Reason


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
