"""The engine's threads, and the processes that read films: what they inherit, and how they end."""

import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from flows.config.models import Config
from flows.engine.processes import worker_pool


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


@pytest.mark.usefixtures("prefect_server")
def test_the_next_task_is_ready_while_the_workers_work() -> None:
    from prefect import flow, task

    from flows.engine.submit import engine

    config = Config(films=Path("films"), annotations=Path("a.csv"), out=Path("out"), workers=1)
    both = threading.Barrier(2, timeout=60)

    @task
    def meet() -> int:
        return both.wait()

    @flow
    def one_after_the_other() -> list[int]:
        with engine(config) as submit:
            return sorted(future.result() for future in [submit(meet), submit(meet)])

    assert one_after_the_other() == [0, 1]
