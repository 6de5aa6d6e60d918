"""The package emodal: its examples run, a script needs no guard, and nothing is left when the script ends."""

import doctest
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest

import emodal
from tests.offline import hear_calls

ROOT = Path(__file__).parents[2]

#: A build where the script runs, and whom it talked to.
SCRIPT = """
import emodal, json, sys
called = []
sys.addaudithook(lambda event, args: called.append(str(args[1])) if event == "socket.connect" else None)
result = emodal.build("films", "annotations.csv", "build", train=False, split={"allow_imbalance": True})
print(json.dumps({"result": result, "called": called, "prefect": "prefect" in sys.modules}))
"""


def environment(**changes: str) -> dict[str, str]:
    """That of a user: no server, and no wish about telemetry."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PREFECT_") and name not in ("DO_NOT_TRACK", "CI")
    }
    return kept | {"PYTHONPATH": str(ROOT)} | changes


def python(code: str, folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-"],
        input=code,
        cwd=folder,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def test_the_package_names_what_the_design_names_and_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import emodal, sys\n"
        "heavy = {'prefect', 'tensorflow', 'pandas', 'pyarrow', 'pydantic', 'rich', 'numpy'} & set(sys.modules)\n"
        "print(sorted(heavy), emodal.__version__)"
    )
    run = python(code, tmp_path)
    assert run.stdout.split()[0] == "[]", run.stderr
    assert run.stdout.split()[1] == emodal.__version__
    names = "Dataset __version__ build evaluate load_model open_dataset plan predict train"
    assert sorted(emodal.__all__) == names.split()
    assert all(hasattr(emodal, name) for name in emodal.__all__)


@pytest.mark.parametrize("package", ["emodal", "emodal_data", "emodal_model", "flows"])
def test_every_package_is_marked_as_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
    assert f'{package} = ["py.typed"' in (ROOT / "pyproject.toml").read_text()


@pytest.fixture(scope="module")
def folder(sample_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with films/ and annotations.csv, as the examples have it."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "films").symlink_to(sample_films / "films")
    (folder / "annotations.csv").write_bytes((sample_films / "annotations.csv").read_bytes())
    return folder


def test_the_guard_hears_this_process_and_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = hear_calls(tmp_path, monkeypatch)
    call = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    exec(call, {})
    subprocess.run([sys.executable, "-c", call], check=True)
    assert [line.split()[:2] for line in calls.read_text().splitlines()] == [
        ["socket.connect", "192.0.2.1"]
    ] * 2


def test_the_examples_of_the_docstrings_run_and_nothing_leaves_the_machine(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    calls = hear_calls(tmp_path, monkeypatch)
    found = {test.name: test for test in doctest.DocTestFinder().find(emodal) if test.examples}
    order = [
        "build",
        "plan",
        "train",
        "evaluate",
        "predict",
        "open_dataset",
        "Dataset.manifest",
        "Dataset.split",
        "load_model",
    ]
    assert set(found) == {f"emodal.{name}" for name in order}
    runner, said = doctest.DocTestRunner(verbose=False), []
    for name in order:
        runner.run(found[f"emodal.{name}"], out=said.append)
    assert "".join(said) == ""
    assert calls.read_text() == ""


def test_a_script_without_a_guard_builds_and_leaves_no_process(few_films: Path, tmp_path: Path) -> None:
    for name in ("films", "annotations.csv"):
        (tmp_path / name).symlink_to(few_films / name)
    for name in ("prefect.py", "numbers.py", "signal.py"):  # of the working folder, which is not the script's
        (tmp_path / name).write_text("raise SystemExit('the wrong module')")
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "unguarded.py").write_text(SCRIPT)
    mark = str(uuid.uuid4())
    run = subprocess.run(
        [sys.executable, scripts / "unguarded.py"],
        cwd=tmp_path,
        env=environment(EMODAL_TEST_MARK=mark),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    counts = told["result"]["counts"]
    assert counts["kept"] > 0
    assert "decoder_crashed" not in counts["dropped"]
    assert (told["called"], told["prefect"]) == ([], False)
    assert [process.cmdline() for process in psutil.process_iter() if _is_marked(process, mark)] == []


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get("EMODAL_TEST_MARK") == mark
    except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def test_wrong_settings_are_one_clear_error(tmp_path: Path) -> None:
    from emodal_data.core.errors import InputError

    with pytest.raises(InputError, match=r"there is no setting split\.group; did you mean split\.group_by\?"):
        emodal.plan("films", "annotations.csv", tmp_path, split={"group": "film"})
    with pytest.raises(InputError, match="films is missing"):
        emodal.build(annotations="annotations.csv", out=tmp_path)
    with pytest.raises(InputError, match=r"there is no setting model\.epoch"):
        emodal.train("build", tmp_path, epoch=3)
