"""Work on a Dask cluster: what its workers load, and how what goes wrong there comes back."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emodal_data.core.errors import InputError, TransientError, WorkError
from emodal_data.storage.files import write_bytes
from emodal_data.storage.locks import exclusive
from flows.config.models import Config, EngineConfig
from flows.engine.dask import dask_client
from flows.engine.executors import run_on_engine
from flows.engine.processes import workers
from flows.engine.work import load_models
from tests.flows.dask_cluster import dask_cluster

pytest.importorskip("distributed", reason="the extra dask is not installed")

SPREAD = Config(
    films=Path("films"),
    annotations=Path("a.csv"),
    out=Path("out"),
    workers=1,
    engine=EngineConfig(kind="dask"),
)


@pytest.fixture
def client() -> Iterator[Any]:
    """A cluster of one worker on this machine."""
    with dask_client(SPREAD.engine, 1) as client:
        yield client


def lose_the_drive(config: Config, film: str) -> None:
    raise TransientError(f"{film}: Stale file handle")


def die(config: Config) -> None:
    os._exit(1)


def write_a_reel(config: Config, path: Path) -> None:
    """As work.read_reel_on_worker does: in a worker process of the cluster's worker."""
    workers(config).run(60.0, write_bytes, path, b"a reel")


def take_long(config: Config, folder: Path) -> None:
    (folder / "begun").touch()
    time.sleep(20)
    (folder / "ended").touch()


def loaded() -> set[str]:
    return {name for name in ("prefect", "tensorflow", "distributed", "emodal_data") if name in sys.modules}


def test_the_pieces_of_work_load_neither_prefect_nor_a_network() -> None:
    code = "import sys, flows.engine.work; print({'prefect', 'tensorflow', 'torch', 'distributed'} & {*sys.modules})"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout == "set()\n"


def test_a_worker_of_the_cluster_that_works_loads_neither_either(client: Any) -> None:
    run_on_engine(SPREAD, load_models)
    assert list(client.run(loaded).values()) == [{"distributed", "emodal_data"}]


def test_a_cluster_of_this_machine_leaves_no_variables_behind() -> None:
    before = dict(os.environ)
    with dask_client(SPREAD.engine, 1):
        pass
    assert dict(os.environ) == before


def test_an_error_on_the_cluster_comes_back_as_it_is(client: Any) -> None:
    with pytest.raises(TransientError, match=r"^a\.mp4: Stale file handle$"):
        run_on_engine(SPREAD, lose_the_drive, "a.mp4")


def test_the_cluster_writes_nothing_for_a_build_whose_folder_another_build_holds(
    client: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with exclusive(out):
        run_on_engine(SPREAD, write_a_reel, out / "clips" / "before")
        (out / ".lock").write_text("process 7 on another machine\nits token\n")  # as the next build does
        with pytest.raises(
            WorkError, match=r"\.lock: now held by process 7 on another machine; this build writes no"
        ):
            run_on_engine(SPREAD, write_a_reel, out / "clips" / "after")
    assert sorted(path.name for path in out.rglob("*")) == [".lock", "before", "clips"]


def test_work_that_kills_its_workers_is_given_up_in_one_line(client: Any) -> None:
    with pytest.raises(
        WorkError, match=r"^4 Dask workers died over it, one after the other \(out of memory\?\)$"
    ):
        run_on_engine(SPREAD, die)


def test_an_encrypted_cluster_without_certificates_here_is_wrong_input() -> None:
    there = EngineConfig(kind="dask", dask_address="tls://127.0.0.1:1")
    with (
        pytest.raises(InputError, match=r"engine\.dask_address = tls://127\.0\.0\.1:1: TLS expects"),
        dask_client(there, 1),
    ):
        pass


def test_a_scheduler_that_went_away_is_tried_again_until_it_is_given_up(tmp_path: Path) -> None:
    import dask

    lost: list[WorkError] = []

    def wait(config: Config) -> None:
        try:
            run_on_engine(config, take_long, tmp_path)
        except WorkError as error:
            lost.append(error)

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        dask_cluster(tmp_path / "elsewhere", workers=1) as (address, scheduler),
    ):
        there = SPREAD.model_copy(update={"engine": EngineConfig(kind="dask", dask_address=address)})
        with dask_client(there.engine, 1):
            thread = threading.Thread(target=wait, args=(there,))
            thread.start()
            wait_for(tmp_path / "begun")
            scheduler.kill()
            thread.join()
            wait(there)
    assert [(type(error), str(error)) for error in lost] == [
        (TransientError, "the connection to the Dask scheduler was lost"),
        (WorkError, "the Dask scheduler is gone"),
    ]


def test_an_error_of_the_build_ends_what_is_under_way(tmp_path: Path) -> None:
    from flows.engine.submit import engine

    with pytest.raises(WorkError, match="the disk is full"), engine(SPREAD) as submit:
        submit(take_long, tmp_path)
        wait_for(tmp_path / "begun")
        raise WorkError("the disk is full")
    assert not (tmp_path / "ended").exists()


def test_a_cluster_elsewhere_is_handed_twice_what_it_does_at_a_time(tmp_path: Path) -> None:
    from flows.engine.submit import room_for

    with dask_cluster(tmp_path / "elsewhere", workers=2) as (address, _):
        there = SPREAD.model_copy(update={"engine": EngineConfig(kind="dask", dask_address=address)})
        with dask_client(there.engine, 1) as client:
            client.wait_for_workers(2)
            assert room_for(there, client) == 4
            assert room_for(there.model_copy(update={"workers": 7}), client) == 7
    assert room_for(SPREAD, None) == 2


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.05)
