"""The command as a user meets it: exit codes, one clear line for each error, results on standard output."""

import contextlib
import json
import os
import pkgutil
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.storage.files import write_bytes
from flows.cli import app
from flows.cli import dataset as dataset_commands
from flows.operations.forget import forget
from tests.flows.commands import emodal
from tests.published import written

DATASET = "emodal_data.dataset"


@pytest.fixture
def spans(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").write_bytes(b"no film")
    path = tmp_path / "spans.csv"
    path.write_text("film,start,end,label\na.mp4,0,1,sad\nb.mp4,0,1,sad\na.mp4,3,2,sad\n")
    return path


def build_arguments(spans: Path) -> list[object]:
    return ["--films", spans.parent / "films", "--annotations", spans, "--out", spans.parent / "out"]


def assert_one_line(run: subprocess.CompletedProcess[str], code: int, text: str) -> None:
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    assert len(run.stderr.splitlines()) == 1, run.stderr
    assert run.stderr.startswith("emodal: ")
    assert text in run.stderr
    assert run.stdout == ""


def test_help_shows_every_command_with_an_example() -> None:
    overview = emodal("--help")
    assert overview.returncode == 0
    for command in typer.main.get_command(app).commands:  # type: ignore[attr-defined]
        assert f"  {command}" in overview.stdout
        assert f"Example: emodal {command} " in emodal(command, "--help").stdout


def test_the_overview_groups_the_commands_by_what_people_do() -> None:
    overview = emodal("-h").stdout
    assert overview == emodal("--help").stdout
    groups = re.findall(r"^([A-Z][a-z ]+):$", overview, re.MULTILINE)
    assert groups == ["Options", "Start", "Build a dataset", "Train", "Use the results", "Serve"]
    start = overview[overview.index("Start:") : overview.index("Build a dataset:")]
    assert re.findall(r"^  (\S+)", start, re.MULTILINE) == ["init", "sample-films", "propose", "corpus"]
    for command in ("build", "corpus", "corpus table"):
        assert emodal(*command.split(), "-h").stdout.startswith(f"Usage: emodal {command} ")


def test_a_command_that_needs_another_shows_its_help_as_it_is() -> None:
    run = emodal("corpus")
    assert (run.returncode, run.stderr) == (2, "")
    assert run.stdout.startswith("Usage: emodal corpus ")


def test_settings_are_read_from_emodal_toml_of_the_working_folder_or_above(tmp_path: Path) -> None:
    assert emodal("init", tmp_path / "project").returncode == 0
    project, below = tmp_path / "project", tmp_path / "project" / "notes" / "may"
    below.mkdir(parents=True)
    (project / "films" / "b.mp4").write_bytes(b"no film")
    (project / "annotations.csv").write_text("film,start,end,label\nb.mp4,0,1,sad\na.mp4,0,1,sad\n")
    here = emodal("plan", folder=project)
    assert (here.returncode, here.stderr) == (0, "emodal: settings of emodal.toml\n")
    assert "annotations.csv: row 3: film_missing: a.mp4: not under films" in here.stdout
    from_below = emodal("plan", folder=below)
    assert from_below.stderr == f"emodal: settings of {project / 'emodal.toml'}\n"
    assert f"film_missing: a.mp4: not under {project / 'films'}" in from_below.stdout
    (tmp_path / "other.toml").write_text("workers = 0\n")
    named = emodal("plan", "--config", tmp_path / "other.toml", folder=project)
    assert named.returncode == 2
    assert named.stderr.splitlines()[-1].startswith("emodal: config: workers = 0")
    assert "settings of" not in named.stderr
    assert "settings of" not in emodal("plan", folder=tmp_path).stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, flows.cli, typer; typer.main.get_command(flows.cli.app)\n"
        "print([m for m in ('prefect', 'tensorflow', 'pandas', 'av', 'cv2', 'pyarrow') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_plan_says_what_is_wrong_with_every_row_and_writes_nothing(spans: Path) -> None:
    run = emodal("plan", *build_arguments(spans), "--json")
    assert run.returncode == 0
    wrong = {row["row"]: row["reason"] for row in json.loads(run.stdout)["wrong_rows"]}
    assert wrong == {2: "film_unreadable", 3: "film_missing", 4: "end_not_after_start"}
    assert not (spans.parent / "out").exists()
    text = emodal("plan", *build_arguments(spans)).stdout
    assert f"{spans}: row 3: film_missing: b.mp4: not under" in text
    quiet = emodal("plan", *build_arguments(spans), "-q")
    assert (quiet.stdout, quiet.stderr) == (f"{text.splitlines()[0]}\n", "")


def test_wrong_arguments_end_with_code_2_and_one_line(spans: Path) -> None:
    spans.write_text("film,start,end,label\n")
    assert_one_line(emodal("build", *build_arguments(spans)), 2, "the table has no rows")
    assert_one_line(
        emodal("plan", *build_arguments(spans), "--set", "face.min_scor=1"), 2, "did you mean face.min_score?"
    )
    assert_one_line(
        emodal("plan", *build_arguments(spans), "--config", "absent.toml"), 2, "absent.toml: cannot be read"
    )
    assert_one_line(emodal("train", spans.parent, "--out", spans.parent / "m"), 2, str(spans.parent))
    assert emodal("build", "--nonsense").returncode == 2
    assert emodal("nonsense").returncode == 2


def test_an_output_that_cannot_be_written_ends_with_code_2(spans: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file stands here")
    assert_one_line(emodal("build", *build_arguments(spans)), 2, "cannot be written")


def test_a_build_that_keeps_nothing_fails_with_code_1_and_leaves_its_ledger(spans: Path) -> None:
    run = emodal("build", *build_arguments(spans))
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert run.stderr.splitlines()[-1].startswith("emodal: no labelled clip is left")
    assert (spans.parent / "out" / "failed-ledger.parquet").is_file()


def test_diff_ends_with_1_when_a_film_was_forgotten(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    written(one, "dataset")
    shutil.copytree(one / "dataset", two / "dataset")
    (two / "model").mkdir()
    equal = emodal("diff", one, two)
    assert (equal.returncode, equal.stdout) == (0, "equal: 46 samples\n")
    forgotten = emodal("forget", two, "--film", "f1.mp4", "--json")
    assert (forgotten.returncode, json.loads(forgotten.stdout)["rows"]) == (0, 4)
    assert f"emodal: {two / 'model'} may have learnt from it; --model removes it" in forgotten.stderr
    different = emodal("diff", one, two, "--json")
    assert different.returncode == 1
    assert {span["film"] for span in json.loads(different.stdout)["spans"]["removed"]} == {"f1.mp4"}


def test_forget_asks_on_a_terminal_and_ends_with_1_while_something_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "out"
    written(out, "dataset")
    (out / "notes.csv").write_text("film\nf1.mp4\n")
    (tmp_path / "more.log").write_text("read f1.mp4")
    manifest = (out / "dataset" / "manifest.json").read_bytes()
    arguments = ("forget", out, "--film", "f1.mp4", "--also", tmp_path / "more.log")
    said = emodal(*arguments, "--dry-run", "--json")
    assert (said.returncode, json.loads(said.stdout)["rows"]) == (1, 4)
    refused = on_a_terminal("n\n", *arguments)
    assert (
        refused[0] == 1 and "4 annotation rows will be removed" in refused[1] and "Remove it?" in refused[1]
    )
    assert (out / "dataset" / "manifest.json").read_bytes() == manifest
    asked = on_a_terminal("y\n", *arguments)
    assert asked[0] == 1 and f"left: {out / 'notes.csv'}: its content" in asked[1]
    assert f"left: {tmp_path / 'more.log'}: its content" in asked[1]
    assert (out / "dataset" / "manifest.json").read_bytes() != manifest
    (out / "notes.csv").unlink()
    again = emodal("forget", out, "--film", "f1.mp4")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "nothing names it any more")
    assert f"{out}: knows no film 'f1.mp4': searched for its name alone" in again.stderr
    assert on_a_terminal("", *arguments, "--yes")[0] == 1


def on_a_terminal(answer: str, *arguments: object) -> tuple[int, str]:
    """Run a command with a terminal; its exit code and what it showed."""
    here, there = pty.openpty()
    command = [sys.executable, "-m", "flows", *map(str, arguments)]
    with subprocess.Popen(command, stdin=there, stdout=there, stderr=there, close_fds=True) as process:
        os.close(there)
        os.write(here, answer.encode())
        shown = b""
        with contextlib.suppress(OSError):  # the process ended, and its end of the terminal with it
            while part := os.read(here, 4096):
                shown += part
        os.close(here)
    return process.returncode, " ".join(shown.decode().split())


@pytest.mark.parametrize(
    ("command", "reader"),
    [
        (dataset_commands.diff, "compare.compare_datasets"),
        (dataset_commands.check_split, "split.shared.shared_between"),
    ],
)
def test_what_a_build_replaces_while_two_are_compared_is_read_again(
    command: Callable[[Path, Path], None], reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    written(one, "dataset")
    shutil.copytree(one / "dataset", two / "dataset")
    manifest, read, calls = two / "dataset" / "manifest.json", pkgutil.resolve_name(f"{DATASET}.{reader}"), []

    def read_while_it_is_replaced(a: Path, b: Path) -> object:
        calls.append((a, b))
        if len(calls) == 1:
            write_bytes(manifest, manifest.read_bytes())
        return read(a, b)

    monkeypatch.setattr(f"{DATASET}.{reader}", read_while_it_is_replaced)
    with contextlib.suppress(typer.Exit):  # two copies of one build share everything
        command(one, two)
    assert calls == [(one / "dataset", two / "dataset")] * 2


def test_check_split_says_what_two_builds_share(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    written(one, "dataset")
    shutil.copytree(one / "dataset", two / "dataset")
    forget(one, film="f1.mp4")
    for film in ("f0.mp4", "f2.mp4", "f3.mp4"):
        forget(two, film=film)
    shared = emodal("check-split", one, two, "--json")
    assert shared.returncode == 1
    # The one film that is left in both.
    assert json.loads(shared.stdout) == {
        "films": [],
        "clips": ["c0400", "c0401", "c0402", "c0403"],
        "columns": {"speaker": ["s4"]},
        "alike": {},
        "not_compared": [],
        "near_duplicate_faces": [],
    }
    forget(two, film="f4.mp4")
    nothing = emodal("check-split", one, two)
    assert (nothing.returncode, nothing.stdout.splitlines()) == (
        0,
        [
            "nothing is in both:",
            "      0 films",
            "      0 clips",
            "      0 values of speaker",
            "      0 clips with nearly the same face",
        ],
    )
    assert_one_line(emodal("check-split", one, tmp_path / "none"), 2, "no dataset")


def test_every_reason_says_what_to_do() -> None:
    assert set(ADVICE) == set(Reason)
