"""A night in production, on the stack of docker-compose.yml: builds, training, and every kind of death."""

import importlib.metadata
import json
import os
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from emodal_data.core.text import markdown_text
from flows.progress.prefect_run import key, score_rows
from tests.service.topology import Api, Stack, wait_until

pytestmark = pytest.mark.timeout(1200)

#: Seconds of silence after which a run is dead, here; a heartbeat comes every 30.
SILENCE_S = 40
#: Spans of a build that takes long enough to be killed.
MANY = 50
LABELS = ["angry", "happy", "neutral", "sad", ""] * MANY
TINY = {"filters": [2, 2, 2], "image_dense": 4, "epochs": 1, "members": 1, "name": "audio"}


@pytest.fixture(scope="module")
def films(sample_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films with all their labelled spans, and the annotations beside them; they came an hour ago."""
    folder = tmp_path_factory.mktemp("films")
    rows = pd.read_csv(sample_films / "annotations.csv", dtype=str, keep_default_na=False)
    names = sorted(rows["film"].unique())[:2]
    for name in names:
        shutil.copy(sample_films / "films" / name, folder)
        os.utime(folder / name, (time.time() - 3600, time.time() - 3600))
    rows[rows["film"].isin(names)].to_csv(folder / "annotations.csv", index=False)
    times = [(start, start + 1) for start in np.linspace(1, 11, MANY // 2)]
    many = [
        (name, start, end, label)
        for name in names
        for (start, end), label in zip(times, LABELS, strict=False)
    ]
    pd.DataFrame(many, columns=["film", "start", "end", "label"]).to_csv(folder / "many.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def stack(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack, started in the order that its dependencies ask for."""
    folder = tmp_path_factory.mktemp("stack")
    (folder / "build").mkdir()
    plugins = {point.name for point in importlib.metadata.entry_points(group="prefect.plugins")}
    assert "emodal-short-names" in plugins, (
        "installed before it had this entry point: pip install --editable ."
    )
    stack = Stack(folder, films, folder / "build")
    try:
        stack.start_all()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def api(stack: Stack) -> Api:
    return Api(stack)


def parameters(films: Path, out: Path, **more: Any) -> str:
    config = {
        "films": str(films),
        "annotations": str(films / "annotations.csv"),
        "out": str(out),
        "workers": 1,
        "clips": {"reel_size": 1},
        "split": {"allow_imbalance": True, "tolerance": 1.0},
        "model": TINY,
    }
    return f"config={json.dumps(config | more)}"


def prefect(stack: Stack, *arguments: str) -> str:
    done = stack.run("worker", "prefect", *arguments, timeout_s=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def start_build(stack: Stack, films: Path, out: Path) -> str:
    wanted = parameters(films, out, annotations=str(films / "many.csv"), train=False)
    told = prefect(stack, "deployment", "run", "build-dataset", "--param", wanted)
    return next(line.split(":", 1)[1].strip() for line in told.splitlines() if "UUID" in line)


def stored(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.glob("clips/*/*.parquet")}


def wait_for_reels(out: Path, more_than: int) -> dict[Path, int]:
    wait_until(
        f"more than {more_than} reels are stored", lambda: len(stored(out)) > more_than, 120, every_s=0.05
    )
    return stored(out)


def wait_for_state(api: Api, run: str, *states: str, timeout_s: float = 240) -> None:
    try:
        wait_until(f"{run} is {' or '.join(states)}", lambda: api.state(run) in states, timeout_s)
    except pytest.fail.Exception as failure:
        pytest.fail(f"{failure}; it is {api.state(run)}")


def retry(stack: Stack, api: Api, run: str) -> None:
    """Retry, and again if the worker's last word on the death came in between, as it does on a slow machine."""
    for _ in range(3):
        prefect(stack, "flow-run", "retry", run)
        wait_until(
            "the retry is taken up", lambda: api.state(run) in ("RUNNING", "CRASHED", "COMPLETED"), 240
        )
        if api.state(run) != "CRASHED":
            return
    pytest.fail(f"{run} is crashed however often it is tried")


def test_a_run_by_its_bare_name_builds_and_its_event_starts_the_training(
    stack: Stack, api: Api, films: Path
) -> None:
    out = stack.folder / "build"
    told = prefect(
        stack,
        "deployment",
        "run",
        "build-dataset",
        "--watch",
        "--watch-interval",
        "1",
        "--param",
        parameters(films, out),
    )
    assert "Flow run finished successfully in 'Completed'" in told
    (build,) = api.runs("build-dataset", in_state=["COMPLETED"])
    assert build["name"] == f"build {out}"
    wait_until("the training is done", lambda: api.runs("train-emodal", in_state=["COMPLETED"]), 150)
    (training,) = api.runs("train-emodal")
    assert training["parameters"]["dataset"] == str(out / "dataset")
    assert training["parameters"]["config"]["epochs"] == 1
    metrics = json.loads((out / "model" / "metrics.json").read_bytes())
    assert (
        metrics["dataset"]["hash"]
        == json.loads((out / "dataset" / "manifest.json").read_bytes())["dataset_hash"]
    )

    again = prefect(
        stack,
        "deployment",
        "run",
        "build-dataset/build-dataset",
        "--watch",
        "--param",
        parameters(films, out),
    )
    assert "finished successfully" in again
    night = api.runs("build-dataset", in_state=["COMPLETED"])[0]
    assert "nothing changed: no film was read" in night["state"]["message"]
    assert night["total_run_time"] < 10
    time.sleep(5)
    assert len(api.runs("train-emodal")) == 1, "the dataset stayed as it was, and was trained on again"


def test_a_name_that_is_none_is_told(stack: Stack) -> None:
    told = stack.run("worker", "prefect", "deployment", "run", "build-nothing")
    assert told.returncode == 1
    assert "'build-nothing' not found" in told.stdout + told.stderr


def test_the_schedule_makes_runs(stack: Stack, api: Api) -> None:
    scheduled = wait_until(
        "there are scheduled runs", lambda: api.runs("build-dataset", in_state=["SCHEDULED"]), 90
    )
    assert all(run["auto_scheduled"] for run in scheduled)
    assert {run["expected_start_time"][11:16] for run in scheduled} == {"02:00"}


def test_the_run_tells_its_story(stack: Stack, api: Api) -> None:
    artifacts = api("POST", "/artifacts/latest/filter", {})
    kinds = {artifact["type"] for artifact in artifacts}
    assert kinds == {"progress", "table", "markdown"}
    of_key = {artifact["key"]: artifact for artifact in artifacts}
    faces = of_key[key("faces", str(stack.folder / "build"))]["data"]
    assert faces.startswith("![Faces of each class](data:image/jpeg;base64,/9j/")
    model = stack.folder / "build" / "model"
    progress = ["film-film-000-mp4", "film-film-001-mp4", key("training", str(model))]
    assert {name: of_key[name]["data"] for name in progress} == dict.fromkeys(progress, 100.0)
    scores = json.loads(of_key[key("table-1", str(model))]["data"])
    assert scores == score_rows(json.loads((model / "metrics.json").read_bytes()))
    assert scores[0]["network"] == "audio"
    # The training's deployment knows where reports are served; the build that the test started does not.
    assert "](http://127.0.0.1:" in of_key[key("report", str(model))]["data"]
    assert "/model/report/index.html)" in of_key[key("report", str(model))]["data"]
    dataset = of_key[key("report", str(model.with_name("dataset")))]["data"]
    assert markdown_text(f"{model.with_name('dataset')}/report/index.html") in dataset
    tasks = {run["name"] for run in api("POST", "/task_runs/filter", {})}
    assert any(name.startswith("read film_000.mp4 ") for name in tasks)


def test_killed_cancelled_and_bereft_of_its_server_a_build_goes_on_where_it_was(
    stack: Stack, api: Api, films: Path
) -> None:
    out = stack.folder / "build" / "mortal"
    run = start_build(stack, films, out)
    before = wait_for_reels(out, 0)
    for process in stack.flow_processes():
        process.kill()
    wait_for_state(api, run, "CRASHED", timeout_s=60)

    retry(stack, api, run)
    after = wait_for_reels(out, len(before))
    assert before.items() <= after.items(), "a reel that was stored was read again"
    prefect(stack, "flow-run", "cancel", run)
    wait_for_state(api, run, "CANCELLED", timeout_s=120)
    wait_until("the flow's processes are gone", lambda: not stack.flow_processes(), 30)

    cancelled = stored(out)
    retry(stack, api, run)
    wait_for_reels(out, len(cancelled))
    stack.kill("server")
    time.sleep(3)
    stack.start_healthy("server")
    wait_for_state(api, run, "COMPLETED")
    assert cancelled.items() <= stored(out).items()
    ledger = pq.read_table(out / "dataset" / "ledger.parquet")
    assert len(ledger) == MANY


def test_a_run_whose_machine_died_is_found_dead_and_goes_on_elsewhere(
    stack: Stack, api: Api, films: Path
) -> None:
    shorten_silence(api)
    run = start_build(stack, films, stack.folder / "build" / "lost")
    before = wait_for_reels(stack.folder / "build" / "lost", 0)
    stack.kill("worker")
    for process in stack.flow_processes():
        process.kill()
    assert api.state(run) == "RUNNING"
    wait_for_state(api, run, "CRASHED", timeout_s=SILENCE_S + 60)
    stack.start_healthy("worker")
    retry(stack, api, run)
    wait_for_state(api, run, "COMPLETED")
    assert before.items() <= stored(stack.folder / "build" / "lost").items()


def shorten_silence(api: Api) -> None:
    """Let the automation wait no longer than a test can."""
    (automation,) = [item for item in api("POST", "/automations/filter", {}) if "heartbeat" in item["name"]]
    automation["trigger"]["within"] = timedelta(seconds=SILENCE_S).total_seconds()
    kept = {name: automation[name] for name in ("name", "description", "enabled", "trigger", "actions")}
    api("PUT", f"/automations/{automation['id']}", kept)


def test_no_log_tells_the_password_and_nothing_was_pickled(stack: Stack) -> None:
    for path in stack.logs.iterdir():
        text = path.read_text(errors="replace")
        assert not any(password in text for password in stack.passwords)
    kept = [path for path in (stack.folder / "home").rglob("storage/*") if path.is_file()]
    assert kept == []
