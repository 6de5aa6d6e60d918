"""The engine's threads, and the processes that read films: what they inherit, and how they end."""

import multiprocessing
import os
import threading
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emodal_data.core.errors import TransientError
from flows.config.models import Config, EngineConfig
from flows.engine import submit, work
from flows.engine.processes import worker_pool
from flows.engine.submit import Piece, engine

pytestmark = pytest.mark.usefixtures("fresh_workers")


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


CONFIG = Config(films=Path("films"), annotations=Path("a.csv"), out=Path("out"), workers=1)


def meet(config: Config, both: threading.Barrier) -> int:
    return both.wait()


def test_the_next_piece_of_work_is_ready_while_the_workers_work() -> None:
    both = threading.Barrier(2, timeout=60)
    with engine(CONFIG) as submit:
        assert sorted(future.result() for future in [submit(meet, both), submit(meet, both)]) == [0, 1]


def test_reading_is_tried_again_after_an_error_that_may_pass_and_writing_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[str] = []

    def fail(config: Config, function: Piece, about: str) -> None:
        tries.append(about)
        raise TransientError("the drive is away")

    monkeypatch.setattr(submit, "run_on_engine", fail)
    twice = CONFIG.model_copy(update={"engine": EngineConfig(retries=2, retry_delay_s=0.01)})
    with engine(twice) as hand_out:
        for piece, about in ((work.read_reel_on_worker, "reel"), (work.write_one_shard, "shard")):
            with pytest.raises(TransientError, match="the drive is away"):
                hand_out(piece, about).result()
    assert tries == ["reel", "reel", "reel", "shard"]


def test_a_dask_cluster_of_this_machine_has_no_more_workers_than_there_is_work() -> None:
    sizes: list[int] = []
    pending: list[Future[Any]] = []

    def hand_out(_piece: Piece, _about: Any) -> Future[Any]:
        pending.append(Future())
        return pending[-1]

    grown = submit._growing(SimpleNamespace(scale=sizes.append), 3, hand_out)
    grown(work.inspect_film, "a.mp4")
    pending.pop().set_result(None)
    grown(work.inspect_film, "b.mp4")
    assert sizes == [1]  # one after the other
    for name in "cdef":
        grown(work.inspect_film, name)
    assert sizes == [1, 2, 3]
