"""Atomic writes, their errors, and the lock of a build folder."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emodal_data.core.errors import InputError, WorkError
from emodal_data.storage.files import atomic_path, remove_temporary, write_bytes
from emodal_data.storage.locks import exclusive


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.json"
    write_bytes(path, b"old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_written_files_can_be_read_by_others_as_the_umask_says(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_full_disk_is_the_works_failure_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="the disk is full; free some space"), atomic_path(tmp_path / "a"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_a_really_full_device_is_reported_too(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="the disk is full"), atomic_path(tmp_path / "a"):
        Path("/dev/full").write_bytes(b"x" * 10)


def test_a_folder_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_bytes(tmp_path / "file" / "child", b"")


def test_leftovers_of_killed_runs_are_removed_and_results_kept(tmp_path: Path) -> None:
    write_bytes(tmp_path / "deep" / "result.parquet", b"")
    (tmp_path / "deep" / ".result.parquet-abc.tmp").touch()
    (tmp_path / "mine.tmp").touch()
    remove_temporary(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["mine.tmp", "result.parquet"]


def test_a_second_build_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from emodal_data.storage.locks import exclusive\n"
        "with exclusive(Path(sys.argv[1])): pass"
    )
    with exclusive(tmp_path):
        other = subprocess.run(
            [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False
        )
    assert other.returncode != 0
    assert f"in use by process {os.getpid()} on" in other.stderr
    with exclusive(tmp_path):
        pass
