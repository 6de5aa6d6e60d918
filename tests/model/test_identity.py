"""What identifies a run: the commit of the working folder, where there is one."""

import subprocess
from pathlib import Path

from emodal_model.training.identity import git_revision


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    run = subprocess.run(["git", "-C", str(folder), *who, *words], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_the_revision_is_the_commit_and_says_whether_files_were_changed(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("one")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "first")
    git(tmp_path, "tag", "v1")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_revision(tmp_path) == commit
    (tmp_path / "a").write_text("two")
    assert git_revision(tmp_path) == f"{commit}-dirty"


def test_a_folder_that_is_no_checkout_has_no_revision(tmp_path: Path) -> None:
    assert git_revision(tmp_path) is None
    assert git_revision(tmp_path / "absent") is None
