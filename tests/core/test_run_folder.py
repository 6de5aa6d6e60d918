"""Temporary files of test runs: those of a killed run are removed, those of a run in progress stay."""

import subprocess
import sys
from pathlib import Path

from tests.run_folder import run_folder


def test_the_next_run_removes_the_folder_of_a_killed_one_and_keeps_that_of_a_live_one(tmp_path: Path) -> None:
    code = "import os, pathlib; from tests.run_folder import run_folder; run_folder(pathlib.Path({!r})); os._exit(1)"
    command = [sys.executable, "-c", code.format(str(tmp_path))]
    subprocess.run(command, cwd=Path(__file__).parents[2], timeout=60)
    (left,) = tmp_path.iterdir()
    (tmp_path / "other").mkdir()
    live = run_folder(tmp_path)
    assert not left.exists()
    newer = run_folder(tmp_path)
    assert {*tmp_path.iterdir()} == {live, newer, tmp_path / "other"}
