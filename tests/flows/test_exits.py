"""How commands end: wrong arguments, faults, Ctrl-C; one line each, and never a traceback."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from emodal_data.annotations.columns import misspelt_columns
from flows.cli import app
from flows.cli.exits import clear_errors


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("biuld", "no such command 'biuld'; did you mean 'build'? (see emodal --help)"),
        ("build --flims x", "no such option: --flims; did you mean --films? (see emodal build --help)"),
        ("verify a -q -v", "invalid value: -q and -v: choose one (see emodal verify --help)"),
        ("train data", "missing option '--out' (see emodal train --help)"),
        ("forget", "missing argument 'out' (see emodal forget --help)"),
        ("sample-films x --films 0", "invalid value for '--films': "),
        ("export a --to onx --out b", "invalid value for '--to': 'onx' is not one of 'huggingface', "),
    ],
)
def test_wrong_arguments_are_one_line_that_says_where_help_is(arguments: str, line: str) -> None:
    code = "import sys; from flows.cli import main; main()"
    run = python(code, *arguments.split())
    assert (run.returncode, run.stdout, len(run.stderr.splitlines())) == (2, "", 1), run.stderr
    assert run.stderr.startswith(f"emodal: {line}")


def refusal(arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says on standard error before it ends with code 2."""
    with pytest.raises(SystemExit) as ended, clear_errors():
        app(arguments.split(), standalone_mode=False)
    said = capsys.readouterr().err
    assert ended.value.code == 2, said
    return said


@pytest.mark.parametrize(
    "arguments",
    [
        "verify gone",
        "diff gone gone",
        "check-split gone gone",
        "leak-price gone",
        "forget gone --film x",
        "review gone --films .",
        "review . --films .",
        "export gone --to webdataset --out new",
        "propose --films gone --out new",
        "plan --films . --annotations gone.csv --out new",
    ],
)
def test_a_place_that_is_not_there_is_named_and_nobody_is_asked_to_report_a_fault(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = refusal(arguments, capsys)
    assert "gone" in said or ".: nothing to review" in said
    assert "a fault of this program" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        "init s3://bucket/new",
        "export no-build --to webdataset --out s3://bucket/new",
        "propose --films here --out s3://bucket/new",
    ],
)
def test_what_works_on_this_machine_only_says_so_and_makes_no_folder(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal(arguments, capsys).startswith("emodal: s3://bucket/new: must be on this machine; ")
    assert list(tmp_path.iterdir()) == []


def test_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "flows", "--version"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (run.returncode, run.stderr) == (1, "emodal: standard output: No space left on device\n")


def test_a_fault_is_two_lines_and_a_log_with_versions_command_and_traceback() -> None:
    run = python(
        "from flows.cli.exits import clear_errors\nwith clear_errors():\n    1 / 0", "--secret", "x y"
    )
    said, about = run.stderr.splitlines()
    assert run.returncode == 1
    assert said == "emodal: a fault of this program: ZeroDivisionError: division by zero"
    assert about.startswith("emodal: emodal 0.")
    assert f"Python {sys.version.split()[0]}" in about
    found = re.search(r"report it with (\S+\.log)$", about)
    assert found
    log = Path(found[1])
    text = log.read_text()
    log.unlink()
    assert "tensorflow " in text
    assert "--secret 'x y'" in text
    assert text.rstrip().endswith("ZeroDivisionError: division by zero")


def test_a_crash_in_native_code_leaves_a_trace() -> None:
    code = (
        "import ctypes, sys, flows.cli\n"
        "def crash(**_):\n    ctypes.string_at(0)\n"
        "sys.modules['flows.cli.app'].app = crash\nflows.cli.main()"
    )
    run = python(code)
    assert run.returncode == -signal.SIGSEGV
    assert run.stderr.startswith("Fatal Python error: Segmentation fault")
    assert "line 3 in crash" in run.stderr


def test_ctrl_c_twice_ends_at_once_with_one_message(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flows", "sample-films", str(tmp_path / "samples"), "--films", "50"]
    making = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline_s = time.monotonic() + 60
    while not (tmp_path / "samples").exists() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    making.send_signal(signal.SIGINT)
    making.send_signal(signal.SIGINT)
    out, told = making.communicate(timeout=20)
    assert (making.returncode, out) == (130, "")
    assert told.split("\n") in (["", STOPPED, ""], ["", STOPPED, "", STOPPED, ""])


def test_ctrl_c_gives_the_terminal_its_cursor_back(tmp_path: Path) -> None:
    shown, terminal = pty.openpty()
    command = [sys.executable, "-m", "flows", "sample-films", str(tmp_path / "samples"), "--films", "50"]
    environment = os.environ | {"TERM": "xterm", "CI": ""}
    making = subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    said = b""
    while b"\x1b[?25l" not in said:  # the display has begun, and has hidden the cursor
        said += os.read(shown, 1024)
    making.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # the terminal is gone with its last process
        while more := os.read(shown, 1024):
            said += more
    os.close(shown)
    assert making.wait(timeout=20) == 130
    assert said.rindex(b"\x1b[?25h") > said.rindex(b"\x1b[?25l")


STOPPED = "emodal: stopped; run the same command again, it resumes where it stopped"


def test_every_command_can_answer_in_json_be_quiet_and_be_verbose() -> None:
    commands = dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    groups = {name: command for name, command in commands.items() if hasattr(command, "commands")}
    for name, group in groups.items():
        commands |= {f"{name} {part}": command for part, command in group.commands.items()}
    without = [
        name
        for name, command in commands.items()
        if name not in groups
        and not {"--json", "-q", "-v"} <= {word for option in command.params for word in option.opts}
    ]
    assert without == []
    assert "corpus table" in commands


def test_the_version_is_printed() -> None:
    run = python("from flows.cli import main; main()", "--version")
    assert (run.returncode, run.stderr) == (0, "")
    assert re.fullmatch(r"emodal \d+\.\d+\.\d+\n", run.stdout)


def test_completion_is_offered_for_the_command_as_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")  # else that of the tests is taken
    code = "import sys; from flows.cli import main; sys.argv[1:] = ['--show-completion', 'bash']; main()"
    run = python(code)
    assert run.returncode == 0, run.stderr
    assert "_EMODAL_COMPLETE=complete_bash" in run.stdout


def test_a_column_that_looks_like_another_is_told() -> None:
    names = ["film", "start", "end", "label", "Annotators", "speeker", "annotator", "note", "annotation_file"]
    names += ["series", "splits", "face side", "split_in_table", "face_region", "field"]
    assert misspelt_columns(names) == {
        **{"Annotators": "annotator", "speeker": "speaker"},
        **{"splits": "split", "face side": "face_side"},
    }
    assert misspelt_columns(["Admiration"]) == {"Admiration": "duration"}
    assert misspelt_columns(["Admiration"], targets=("Admiration",)) == {}
