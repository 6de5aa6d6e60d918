"""MLflow: what a training tells to a real store, read back by MLflow's own client."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from emodal_model.errors import ModelInputError, ModelWorkError
from emodal_model.known_truth import draw_samples
from emodal_model.tracking import Tracking, told_numbers
from flows.config import EngineConfig
from flows.repeats import Fan, train_all

from .conftest import TINY, write_dataset

SOUND = TINY.model_copy(update={"name": "audio", "members": 2})


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any], Any]:
    """A model folder, the folder of the store, the metrics, and MLflow's client."""
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("told")
    dataset = write_dataset(folder / "dataset", train=draw_samples(60, seed=1), test=draw_samples(24, seed=2))
    fan = Fan(engine=EngineConfig(mlflow=str(folder / "runs")))
    metrics = train_all(dataset, folder / "model", SOUND, fan=fan)
    train_all(dataset, folder / "model", SOUND, fan=fan)  # done before: not told again
    return (
        folder / "model",
        folder / "runs",
        metrics,
        MlflowClient(f"sqlite:///{folder / 'runs' / 'mlflow.db'}"),
    )


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
    assert list(told_numbers({"training": {"emodal": story}, "networks": {}})) == [
        ("emodal/common/train_loss", 0.5, 1),
        ("emodal/common/learning_rate", 0.1, 1),
        ("emodal/train_loss", 0.5, 1),
        ("emodal/learning_rate", 0.1, 1),
    ]


def test_a_store_that_cannot_be_used_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelInputError, match=r"engine\.mlflow = .*file/runs: cannot be used"):
        train_all(
            tmp_path, tmp_path, SOUND, fan=Fan(engine=EngineConfig(mlflow=str(tmp_path / "file" / "runs")))
        )
    with pytest.raises(ModelInputError, match=r"engine\.mlflow = odd://x: cannot be used"):
        Tracking("odd://x")


def test_a_run_that_mlflow_does_not_take_says_that_training_is_done(told: tuple, tmp_path: Path) -> None:
    model, _, metrics, _ = told
    tracking = Tracking(str(tmp_path / "runs"))
    with pytest.raises(ModelWorkError, match="trained, but MLflow did not take the run"):
        tracking.tell(model, metrics | {"config": {"": 1}})


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ModelInputError, match=r"pip install 'emodal\[mlflow\]'"):
        Tracking("anywhere")
