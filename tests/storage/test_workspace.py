"""A build's folder while one process works in it."""

import subprocess
import sys
from pathlib import Path

import pytest

from emodal_data.core.errors import InputError
from emodal_data.storage.locks import exclusive
from emodal_data.storage.workspace import workspace


def test_what_killed_runs_left_is_gone_before_the_block_and_nobody_else_gets_in(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / ".a.parquet-x.tmp").touch()
    with workspace(tmp_path) as build:
        assert build.folder == tmp_path
        assert list((tmp_path / "clips").iterdir()) == []
        with pytest.raises(InputError, match=f"{tmp_path}: in use by process"), workspace(tmp_path):
            pass
        build.push()  # a local build has no URL
    with workspace(tmp_path):
        pass


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from emodal_data.storage.workspace import workspace\n"
        "with workspace(Path(sys.argv[1])): os._exit(7)"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert killed.returncode == 7
    with workspace(tmp_path):
        pass


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".lock").symlink_to(mine)
    with pytest.raises(InputError, match="cannot be written"), workspace(tmp_path / "out"):
        pass
    assert mine.read_text() == "precious"


def test_a_lock_that_is_a_link_is_refused_and_what_it_links_to_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".lock").symlink_to(tmp_path / "mine.txt")
    with pytest.raises(InputError, match="cannot be written"), exclusive(tmp_path / "out"):
        pass
    assert (tmp_path / "mine.txt").read_text() == "precious"
