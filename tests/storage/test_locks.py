"""The lock of a URL, against a real S3 server: clocks that differ, builders that sleep, and two that meet."""

import json
import os
import pickle
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest

from emodal_data.core.errors import InputError, WorkError
from emodal_data.core.fences import current_fences, run_fenced
from emodal_data.storage import locks
from emodal_data.storage.locks import exclusive_remote
from emodal_data.storage.sync import push, send
from emodal_data.storage.urls import local_path
from tests.s3 import s3_server

pytest.importorskip("s3fs", reason="s3fs comes with the extra s3")
pytest.importorskip("moto", reason="moto comes with the extra dev")


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with s3_server():
        yield


@pytest.fixture
def url(server: None, request: pytest.FixtureRequest) -> str:
    """A place of its own in the bucket."""
    return f"s3://films-and-faces/{request.node.name}"


@pytest.fixture
def here(url: str, tmp_path: Path) -> Path:
    return local_path(url, tmp_path / "here")


@pytest.fixture
def there(url: str, tmp_path: Path) -> Path:
    """The same build on another machine."""
    return local_path(url, tmp_path / "there")


def contents(url: str) -> dict[str, bytes]:
    store, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return {key.removeprefix(f"{root}/"): store.cat_file(key) for key in store.find(root)}


def put(url: str, content: bytes) -> None:
    store, key = fsspec.core.url_to_fs(url, use_listings_cache=False)
    store.pipe_file(key, content)


def write_dataset(out: Path, text: str) -> Path:
    """A folder dataset/ with a manifest and another file, both with this text."""
    dataset = out / "dataset"
    dataset.mkdir(parents=True, exist_ok=True)
    for name in ("data", "manifest.json"):
        (dataset / name).write_text(text)
    return dataset


def test_one_build_at_a_time_at_a_url(url: str, here: Path, there: Path) -> None:
    with exclusive_remote(here):
        held = rf"{url}: in use by process {os.getpid()} on"
        with pytest.raises(InputError, match=held) as refused, exclusive_remote(there):
            pass
        assert f"remove {url}/.lock if it was killed" in str(refused.value)
    with exclusive_remote(there):
        pass
    assert contents(url) == {}


def test_a_lock_that_this_folder_left_behind_is_taken_over_at_once(
    url: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(locks, "remove_remote", lambda path: None)
        with exclusive_remote(here):
            pass
    assert ".lock" in contents(url)
    with exclusive_remote(here):
        pass
    assert contents(url) == {}


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_wrong_clock_does_not_break_a_lock(
    minutes: int, here: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = time.time
    with exclusive_remote(here):
        monkeypatch.setattr(time, "time", lambda: right() + 60 * minutes)
        with pytest.raises(InputError, match="in use by process"), exclusive_remote(there):
            pass


def test_a_lock_without_renewal_is_taken_over_by_the_clock_of_the_store(
    url: str, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(f"{url}/.lock", json.dumps({"holder": "process 7 on other", "folder": "y"}).encode())
    monkeypatch.setattr(locks, "_DEAD_AFTER_S", 3.0)
    with pytest.raises(InputError, match="in use by process 7 on other"), exclusive_remote(there):
        pass
    time.sleep(3.1)
    with exclusive_remote(there):
        assert b"process 7" not in contents(url)[".lock"]
    assert contents(url) == {}


def test_a_renewed_lock_is_not_taken_over(here: Path, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_DEAD_AFTER_S", 3.0)
    monkeypatch.setattr(locks, "BEAT_S", 0.3)
    with exclusive_remote(here):
        time.sleep(4)
        with pytest.raises(InputError, match="in use by process"), exclusive_remote(there):
            pass


def test_a_builder_that_slept_writes_nothing_more(
    url: str, here: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its successor took the lock over and published; neither that dataset nor the lock is touched."""
    monkeypatch.setattr(locks, "_DEAD_AFTER_S", 2.0)
    sleeper, reel = write_dataset(here, "of the sleeper"), here / "clips" / "film" / "reel.parquet"
    reel.parent.mkdir(parents=True)
    reel.write_text("a reel")
    with exclusive_remote(here):  # renewed after a minute only
        time.sleep(3)
        with exclusive_remote(there):
            push(write_dataset(there, "of the successor"))
            before = contents(url)
            assert before["dataset/manifest.json"] == b"of the successor"
            for write in (lambda: push(sleeper), lambda: send(reel.parent)):
                with pytest.raises(WorkError, match=r"\.lock: now held by process .* it writes nothing more"):
                    write()
            assert contents(url) == before
    assert contents(url) == {name: data for name, data in before.items() if name != ".lock"}


def test_what_workers_of_a_cluster_still_bring_for_a_builder_that_lost_the_lock_is_refused(
    url: str, here: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fence goes with the work to other machines: several threads of one worker process may work for both."""
    monkeypatch.setattr(locks, "_DEAD_AFTER_S", 2.0)
    with exclusive_remote(here):
        of_the_sleeper = pickle.dumps(current_fences())
        time.sleep(3)
        with exclusive_remote(there):
            of_the_successor = pickle.dumps(current_fences()[-1:])
            before = contents(url)

            def bring(fences: bytes, name: str) -> None:
                shard = here / ".dataset-new" / name / "data" / "train-00000-of-00001.parquet"
                shard.parent.mkdir(parents=True)
                shard.write_text(name)
                run_fenced(pickle.loads(fences), send, shard)

            with ThreadPoolExecutor() as worker:  # threads without the context of this one
                late = worker.submit(bring, of_the_sleeper, "late")
                worker.submit(bring, of_the_successor, "new").result()
                with pytest.raises(WorkError, match=r"\.lock: now held by process .* it writes nothing more"):
                    late.result()
            new = {name: data for name, data in contents(url).items() if name not in before}
            assert new == {".dataset-new/new/data/train-00000-of-00001.parquet": b"new"}


def test_a_builder_stops_when_its_lock_was_removed(url: str, here: Path) -> None:
    with exclusive_remote(here):
        fsspec.filesystem("s3").rm_file(f"{url}/.lock")
        with pytest.raises(WorkError, match=r"\.lock: gone, because"):
            push(write_dataset(here, "mine"))
    assert contents(url) == {}


def test_of_two_that_take_over_a_dead_lock_one_gets_it(
    url: str, here: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(f"{url}/.lock", json.dumps({"holder": "x", "folder": "y"}).encode())
    monkeypatch.setattr(locks, "_DEAD_AFTER_S", 0.0)
    replace = locks.replace_remote

    def after_the_other(path: Path, data: bytes, version: str) -> bool:
        monkeypatch.setattr(locks, "replace_remote", replace)
        monkeypatch.setattr(locks, "_DEAD_AFTER_S", 300.0)
        assert replace(there / ".lock", json.dumps({"holder": "the other", "folder": "z"}).encode(), version)
        return replace(path, data, version)

    monkeypatch.setattr(locks, "replace_remote", after_the_other)
    with pytest.raises(InputError, match="in use by the other"), exclusive_remote(here):
        pass
    assert b"the other" in contents(url)[".lock"]


def test_a_manifest_that_another_build_wrote_meanwhile_is_not_overwritten(
    url: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even between the last look at the lock and the write: S3 itself refuses."""
    from emodal_data.storage import sync

    put_file = sync._put

    def publish_first(path: Path, versions: Any) -> None:
        put_file(path, versions)
        put(f"{url}/dataset/manifest.json", b"of another")

    monkeypatch.setattr(sync, "_put", publish_first)
    with pytest.raises(WorkError, match=r"manifest\.json: another build wrote it meanwhile"):
        push(write_dataset(here, "mine"))
    assert contents(url)["dataset/manifest.json"] == b"of another"
