"""The index of versions: what a copy holds is known while it is the same file, under whatever name."""

import os
from pathlib import Path

import pytest

from emodal_data.storage.urls import RemotePath, local_path
from emodal_data.storage.versions import Versions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of copies with the file `a`, which holds version v1."""
    folder = local_path("s3://bucket/out", tmp_path / "cache")
    folder.mkdir(parents=True)
    (folder / "a").write_bytes(b"one")
    Versions().record(folder / "a", "v1")
    return folder


def index(folder: Path) -> Path:
    (file,) = (folder.parents[3] / "emodal-versions").rglob(".versions-1.jsonl")
    return file


def test_a_copy_is_known_again_under_another_name_and_its_time_is_its_own(folder: Path) -> None:
    written_ns = (folder / "a").stat().st_mtime_ns
    assert Versions().of(folder / "a") == "v1"
    (folder / "b").hardlink_to(folder / "a")
    (folder / "a").rename(folder / "c")
    assert [Versions().of(folder / name) for name in "abc"] == [None, "v1", "v1"]
    assert (folder / "c").stat().st_mtime_ns == written_ns
    assert Versions().of(Path(os.fspath(folder / "c"))) is None  # stands for no URL


def test_a_copy_that_was_rewritten_is_not_known(folder: Path) -> None:
    (folder / "a").write_bytes(b"two")
    os.utime(folder / "a", ns=(1, 1))
    assert Versions().of(folder / "a") is None
    os.utime(folder / "a")
    Versions().record(folder / "a", "v2")
    assert Versions().of(folder / "a") == "v2"


def test_damaged_lines_of_the_index_are_passed_over(folder: Path) -> None:
    good = index(folder).read_bytes()
    for damage in (b"\xff\xfe", b"[1, 2", b'{"a": 1}', b"[1, 2, 3, 4]", b'[[], {}, 3, "v"]', b"null", b"7"):
        index(folder).write_bytes(damage + b"\n" + good)
        assert Versions().of(folder / "a") == "v1"
    index(folder).unlink()
    assert Versions().of(folder / "a") is None


def test_the_index_keeps_nothing_of_files_and_folders_that_are_gone(folder: Path) -> None:
    deep = folder / "film" / "b"
    deep.parent.mkdir()
    deep.write_bytes(b"x")
    Versions().record(deep, "v3")
    (folder / "a").write_bytes(b"two")
    Versions().record(folder / "a", "v2")
    deep.unlink()
    deep.parent.rmdir()
    Versions().tidy(folder)
    assert len(index(folder).read_bytes().splitlines()) == 1
    assert Versions().of(folder / "a") == "v2"
    assert isinstance(folder, RemotePath) and folder.cache is not None
    assert not list((folder.cache / "emodal-versions").rglob("film"))
