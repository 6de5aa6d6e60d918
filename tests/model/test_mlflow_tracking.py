"""MLflow: what a training tells to a real store, read back by MLflow's own client."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emodal_model.core.errors import ModelInputError, ModelWorkError
from emodal_model.data.synthetic import draw_samples
from emodal_model.training.mlflow_tracking import Tracking, metric_points
from flows.config.models import EngineConfig
from flows.engine.trainings import TrainingPool, train_all
from tests.model.conftest import TINY, write_dataset

SOUND = TINY.model_copy(update={"name": "audio", "members": 2})


ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def _mlflow() -> None:
    """Import it for these tests only: every test process collects this file, and one runs it."""
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")


def client_of(folder: Path) -> Any:
    """MLflow's client of a store."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "dataset"
    return write_dataset(folder, train=draw_samples(60, seed=1), test=draw_samples(24, seed=2))


@pytest.fixture(scope="module")
def told(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any], Any]:
    """A model folder, the folder of the store, the metrics, and MLflow's client."""
    folder = tmp_path_factory.mktemp("told")
    fan = TrainingPool(engine=EngineConfig(mlflow=str(folder / "runs")))
    metrics = train_all(dataset, folder / "model", SOUND, fan=fan)
    train_all(dataset, folder / "model", SOUND, fan=fan)  # done before: not logged again
    return (
        folder / "model",
        folder / "runs",
        metrics,
        client_of(folder / "runs"),
    )


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new store: MLflow makes its tables in dozens of steps, a second of CPU, which once is enough."""
    folder = tmp_path_factory.mktemp("store")
    client_of(folder).search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def runs(empty_store: Path, tmp_path: Path) -> Path:
    """A folder with a new store."""
    (folder := tmp_path / "runs").mkdir()
    shutil.copy(empty_store, folder)
    return folder


def only_run(client: Any) -> Any:
    (run,) = client.search_runs([client.get_experiment_by_name("emodal").experiment_id])
    return run


def test_a_training_is_one_run_with_its_settings_and_its_table(told: tuple) -> None:
    model, _, metrics, client = told
    run = only_run(client)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "model")
    assert {name: run.data.params[name] for name in ("name", "epochs", "filters")} == {
        "name": "audio",
        "epochs": "2",
        "filters": "[2, 2, 4]",
    }
    scores = metrics["networks"]["audio"]
    assert run.data.metrics["test/audio/accuracy"] == scores["accuracy"]
    assert run.data.metrics["test/audio/uar"] == pytest.approx(scores["uar"])
    assert run.data.tags["emodal.run"] == metrics["run"]
    assert run.data.tags["emodal.folder"] == str(model)
    assert run.data.tags["emodal.classes"] == "angry, happy, neutral, sad"


def test_every_epoch_of_every_member_is_in_the_curves(told: tuple) -> None:
    _, _, metrics, client = told
    run = only_run(client)
    story = metrics["training"]["audio"]
    for name, member in (("audio", story), ("audio/member_2", story["other_members"][0])):
        curve = client.get_metric_history(run.info.run_id, f"{name}/validation_loss")
        assert [point.step for point in curve] == [1, 2]
        assert [point.value for point in curve] == [report["validation_loss"] for report in member["history"]]


def test_settings_table_report_and_metrics_go_along_as_files(told: tuple, tmp_path: Path) -> None:
    model, runs, metrics, client = told
    info = only_run(client).info
    run = info.run_id
    assert info.artifact_uri.startswith((runs / "artifacts").as_uri())
    names = {file.path for file in client.list_artifacts(run)}
    assert names == {"config.json", "table.txt", "metrics.json", "README.md", "index.html"}
    assert json.loads(Path(client.download_artifacts(run, "config.json")).read_text()) == metrics["config"]
    there = Path(client.download_artifacts(run, "metrics.json", str(tmp_path)))
    assert there.read_bytes() == (model / "metrics.json").read_bytes()


def runs_in(folder: Path) -> list[Any]:
    client = client_of(folder)
    return list(client.search_runs([client.get_experiment_by_name("emodal").experiment_id]))


def curves_in(folder: Path, run: Any) -> dict[str, list[int]]:
    """The epochs of every curve of the run, in the order told."""
    client = client_of(folder)
    return {
        name: [point.step for point in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
    }


def test_epochs_can_be_seen_while_it_trains(
    dataset: Path, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emodal_model.training.mlflow_tracking.EVERY_S", 0.0)
    seen: list[tuple[str, dict[str, list[int]]]] = []

    def look(report: Any) -> None:
        assert not (tmp_path / "model" / "metrics.json").exists()
        if (report.member, report.epoch) != (1, 1):  # logged after this call
            (run,) = runs_in(runs)
            seen.append((run.info.status, curves_in(runs, run)))

    fan = TrainingPool(engine=EngineConfig(mlflow=str(runs)), on_epoch=look)
    train_all(dataset, tmp_path / "model", SOUND, fan=fan)
    assert [status for status, _ in seen] == ["RUNNING"] * 3
    assert [curves["audio/train_loss"] for _, curves in seen] == [[1], [1, 2], [1, 2]]
    assert [curves.get("audio/member_2/validation_loss") for _, curves in seen] == [None, None, [1]]


def test_a_killed_and_resumed_training_is_one_run_with_every_epoch_once(
    dataset: Path, runs: Path, tmp_path: Path
) -> None:
    kill = f"""
import os, signal
from pathlib import Path
from flows.config.models import EngineConfig
from flows.engine.trainings import TrainingPool, train_all
from tests.model.test_mlflow_tracking import SOUND

def kill_in_the_second(report):
    if (report.member, report.epoch) == (2, 2):
        os.kill(os.getpid(), signal.SIGKILL)

fan = TrainingPool(engine=EngineConfig(mlflow={str(runs)!r}), on_epoch=kill_in_the_second)
train_all(Path({str(dataset)!r}), Path({str(tmp_path / "model")!r}), SOUND, fan=fan)
"""
    killed = subprocess.run(
        [sys.executable, "-c", kill], env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    (before,) = runs_in(runs)
    assert (before.info.status, "audio/train_loss" in before.data.metrics) == ("RUNNING", True)
    fan = TrainingPool(engine=EngineConfig(mlflow=str(runs)))
    train_all(dataset, tmp_path / "model", SOUND, fan=fan)
    (run,) = runs_in(runs)
    assert (run.info.run_id, run.info.status) == (before.info.run_id, "FINISHED")
    curves = curves_in(runs, run)
    assert {name for name in curves if name.endswith("train_loss")} == {
        "audio/train_loss",
        "audio/member_2/train_loss",
    }
    assert all(steps == [1, 2] for name, steps in curves.items() if not name.startswith("test/"))
    assert curves["test/audio/accuracy"] == [0]


@pytest.mark.parametrize(
    ("error", "status"), [(ModelWorkError("no more"), "FAILED"), (KeyboardInterrupt(), "KILLED")]
)
def test_a_training_that_ends_early_is_marked_and_resumes_in_its_run(
    dataset: Path, runs: Path, tmp_path: Path, error: BaseException, status: str
) -> None:
    def end(report: Any) -> None:
        if report.epoch == 2:
            raise error

    engine = EngineConfig(mlflow=str(runs))
    with pytest.raises(type(error)):
        train_all(dataset, tmp_path / "model", SOUND, fan=TrainingPool(engine=engine, on_epoch=end))
    (ended,) = runs_in(runs)
    assert ended.info.status == status
    train_all(dataset, tmp_path / "model", SOUND, fan=TrainingPool(engine=engine))
    (run,) = runs_in(runs)
    assert (run.info.run_id, run.info.status) == (ended.info.run_id, "FINISHED")


def test_a_training_that_never_began_leaves_no_run(runs: Path, tmp_path: Path) -> None:
    empty = write_dataset(tmp_path / "dataset", test=draw_samples(4, seed=1))
    fan = TrainingPool(engine=EngineConfig(mlflow=str(runs)))
    with pytest.raises(ModelInputError, match="no labelled training clip"):
        train_all(empty, tmp_path / "model", SOUND, fan=fan)
    assert runs_in(runs) == []


def test_if_the_store_is_lost_the_training_continues_and_the_rest_is_logged_at_the_end(
    dataset: Path,
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("emodal_model.training.mlflow_tracking.EVERY_S", 0.0)

    def lose_and_find(report: Any) -> None:
        renamed = {(1, 2): "metrics TO lost", (2, 2): "lost TO metrics"}
        if (report.member, report.epoch) in renamed:
            tables = renamed[report.member, report.epoch]
            with contextlib.closing(sqlite3.connect(runs / "mlflow.db")) as store:
                store.execute(f"ALTER TABLE {tables.replace('TO', 'RENAME TO')}")

    fan = TrainingPool(engine=EngineConfig(mlflow=str(runs)), on_epoch=lose_and_find)
    train_all(dataset, tmp_path / "model", SOUND, fan=fan)
    assert [record.message for record in caplog.records if "did not accept an epoch" in record.message]
    (run,) = runs_in(runs)
    assert run.info.status == "FINISHED"
    assert curves_in(runs, run)["audio/member_2/train_loss"] == [1, 2]


def test_trainings_in_worker_processes_give_the_same_numbers_and_log_their_epochs_themselves(
    dataset: Path, runs: Path, tmp_path: Path
) -> None:
    two = SOUND.model_copy(update={"members": 1, "seeds": 2, "seed": 5})
    done: list[str] = []
    engine = EngineConfig(mlflow=str(runs))
    fan = TrainingPool(2, engine, on_done=lambda repeat: done.append(repeat.out.name))
    at_once = train_all(dataset, tmp_path / "model", two, fan=fan)
    assert at_once["repeats"] == train_all(dataset, tmp_path / "here", two)["repeats"]
    assert sorted(done) == ["6", "model"]
    client = client_of(runs)
    logged = runs_in(runs)
    assert sorted(run.info.run_name for run in logged) == ["6", "model"]
    for run in logged:
        number = run.info.run_id
        first, _ = client.get_metric_history(number, "audio/train_loss")
        (end,) = client.get_metric_history(number, "test/audio/accuracy")
        assert first.timestamp < end.timestamp  # what is logged only at the end is logged at one moment


def test_the_stages_before_the_last_have_curves_of_their_own() -> None:
    report = {
        "epoch": 1,
        "train_loss": 0.5,
        "validation_loss": None,
        "validation_accuracy": None,
        "learning_rate": 0.1,
    }
    story = {
        "warm_up": [report | {"stage": "common"}],
        "history": [report | {"stage": "all"}],
        "other_members": [],
    }
    assert list(metric_points({"training": {"emodal": story}, "networks": {}})) == [
        ("emodal/common/train_loss", 0.5, 1),
        ("emodal/common/learning_rate", 0.1, 1),
        ("emodal/train_loss", 0.5, 1),
        ("emodal/learning_rate", 0.1, 1),
    ]


def test_a_store_that_cannot_be_used_is_an_error_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelInputError, match=r"engine\.mlflow = .*file/runs: cannot be used"):
        train_all(
            tmp_path,
            tmp_path,
            SOUND,
            fan=TrainingPool(engine=EngineConfig(mlflow=str(tmp_path / "file" / "runs"))),
        )
    with pytest.raises(ModelInputError, match=r"engine\.mlflow = odd://x: cannot be used"):
        Tracking("odd://x")


def test_if_mlflow_does_not_accept_a_run_the_error_says_that_training_is_done(
    told: tuple, runs: Path
) -> None:
    model, _, metrics, _ = told
    tracking = Tracking(str(runs))
    with pytest.raises(ModelWorkError, match="trained, but MLflow did not accept the run"):
        tracking.log(model, metrics | {"config": {"": 1}})


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ModelInputError, match=r"pip install 'emodal\[mlflow\]'"):
        Tracking("anywhere")
