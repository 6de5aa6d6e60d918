"""What the processes that read films inherit from where the engine runs them."""

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
