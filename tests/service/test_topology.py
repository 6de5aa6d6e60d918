"""A night in production, on the stack of docker-compose.yml: builds, training, and every kind of death."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from emodal_data.core.text import markdown_text
from flows.progress.prefect_run import key, score_rows
from tests.service.conftest import MANY
from tests.service.topology import Api, Stack, wait_until

pytestmark = pytest.mark.timeout(1200)

#: Seconds of silence after which a run is dead, here; a heartbeat comes every 30.
SILENCE_S = 40
TINY = {"filters": [2, 2, 2], "image_dense": 4, "epochs": 1, "members": 1, "name": "audio"}


def settings(films: Path, out: Path) -> dict[str, Any]:
    return {
        "films": str(films),
        "annotations": str(films / "annotations.csv"),
        "out": str(out),
        "workers": 1,
        "clips": {"reel_size": 1},
        "split": {"allow_imbalance": True, "tolerance": 1.0},
        "model": TINY,
    }


def parameters(films: Path, out: Path) -> str:
    return f"config={json.dumps(settings(films, out))}"


def prefect(stack: Stack, *arguments: str) -> str:
    done = stack.run("worker", "prefect", *arguments, timeout_s=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def start_build(api: Api, films: Path, out: Path) -> str:
    config = settings(films, out) | {"annotations": str(films / "many.csv"), "train": False}
    deployment = api("GET", "/deployments/name/build-dataset/build-dataset")["id"]
    run = api("POST", f"/deployments/{deployment}/create_flow_run", {"parameters": {"config": config}})
    return str(run["id"])


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


def retry(api: Api, run: str, ask: Callable[[], object] | None = None) -> None:
    """Retry, and again if the worker's last word on the death came in between, as it does on a slow machine.

    ask: what asks for it first, in place of a request as the command makes it.
    """
    scheduled = {"type": "SCHEDULED", "name": "Scheduled"}
    for _ in range(3):
        if ask:
            ask()
        else:
            api("POST", f"/flow_runs/{run}/set_state", {"state": scheduled, "force": True})
        ask = None
        wait_until(
            "the retry is taken up", lambda: api.state(run) in ("RUNNING", "CRASHED", "COMPLETED"), 240
        )
        if api.state(run) == "CRASHED":
            time.sleep(5)  # it may have been taken up all the same
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
    (training,) = api.runs("train-emodal", in_state=["COMPLETED"])
    assert training["parameters"]["dataset"] == str(out / "dataset")
    assert training["parameters"]["config"]["epochs"] == 1
    metrics = json.loads((out / "model" / "metrics.json").read_bytes())
    assert (
        metrics["dataset"]["hash"]
        == json.loads((out / "dataset" / "manifest.json").read_bytes())["dataset_hash"]
    )

    trainings = api.runs("train-emodal")
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
    assert len(api.runs("train-emodal")) == len(trainings), (
        "the dataset stayed as it was, and was trained on again"
    )


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
    run = start_build(api, films, out)
    before = wait_for_reels(out, 0)
    for process in stack.flow_processes():
        process.kill()
    wait_for_state(api, run, "CRASHED", timeout_s=60)

    retry(api, run, lambda: prefect(stack, "flow-run", "retry", run))
    after = wait_for_reels(out, len(before))
    assert before.items() <= after.items(), "a reel that was stored was read again"
    prefect(stack, "flow-run", "cancel", run)
    wait_for_state(api, run, "CANCELLED", timeout_s=120)
    wait_until("the flow's processes are gone", lambda: not stack.flow_processes(), 30)

    cancelled = stored(out)
    retry(api, run)
    wait_for_reels(out, min(len(cancelled), MANY - 1))  # all, if reading was done before the cancel came
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
    run = start_build(api, films, stack.folder / "build" / "lost")
    before = wait_for_reels(stack.folder / "build" / "lost", 0)
    stack.kill("worker")
    for process in stack.flow_processes():
        process.kill()
    assert api.state(run) == "RUNNING"
    wait_for_state(api, run, "CRASHED", timeout_s=SILENCE_S + 60)
    stack.start_healthy("worker")
    retry(api, run)
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
