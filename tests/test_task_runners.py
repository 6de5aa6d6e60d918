"""What the processes that read films inherit from where the engine runs them."""

import multiprocessing
import os

import pytest

from flows.worker_pools import worker_pool


def test_what_dask_sets_about_memory_for_its_workers_does_not_reach_the_readers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    pool = worker_pool(1, 1000)
    try:
        assert pool.run(60.0, os.getenv, "MALLOC_TRIM_THRESHOLD_") is None
    finally:
        pool.close()
        worker_pool.cache_clear()


def test_a_process_that_keeps_such_a_worker_ends_by_itself() -> None:
    keeper = multiprocessing.get_context("spawn").Process(target=_keep_a_worker)
    keeper.start()
    keeper.join(timeout=60)
    try:
        assert keeper.exitcode == 0
    finally:
        keeper.kill()


def _keep_a_worker() -> None:
    worker_pool(1, 1000).run(60.0, os.getpid)
