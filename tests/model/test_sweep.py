"""Sweeps: every point of the grid, ranked by the validation split, the same on a Dask cluster as here."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emodal_data.core.errors import InputError
from emodal_model.core.config import GridPoint, ModelConfig
from emodal_model.core.errors import ModelInputError
from emodal_model.data.synthetic import draw_samples
from emodal_model.inference.predictor import load
from emodal_model.training.sweep import format_sweep, ranked, sweep_repeats
from flows.config.load import load_sweep, load_training_config
from flows.config.models import EngineConfig
from flows.engine.dask import dask_client
from flows.engine.trainings import TrainingPool, train_sweep
from tests.model.conftest import TINY, write_dataset

SOUND = TINY.model_copy(update={"name": "audio"})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "dataset"
    return write_dataset(folder, train=draw_samples(60, seed=1), test=draw_samples(24, seed=2))


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A Dask cluster of this machine with one worker, whose process imports TensorFlow once for all sweeps."""
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    with dask_client(EngineConfig(kind="dask"), 1) as client:
        yield client


@pytest.fixture
def on_dask(client: Any, monkeypatch: pytest.MonkeyPatch) -> EngineConfig:
    """An engine that asks for such a cluster of its own, and finds the one that is there."""
    engine = EngineConfig(kind="dask")

    @contextlib.contextmanager
    def the_same(asked: EngineConfig, worker_count: int) -> Iterator[Any]:
        assert (asked, worker_count) == (engine, 1)
        yield client

    monkeypatch.setattr("flows.engine.dask.dask_client", the_same)
    return engine


def test_the_grid_has_every_combination_and_its_values_are_checked() -> None:
    points = load_sweep(SOUND, ["model.learning_rate=1e-3,3e-4", "dropout=0.2,0.4"])
    assert [point.title for point in points] == [
        "learning_rate=0.001 dropout=0.2",
        "learning_rate=0.001 dropout=0.4",
        "learning_rate=0.0003 dropout=0.2",
        "learning_rate=0.0003 dropout=0.4",
    ]
    assert (points[3].config.learning_rate, points[3].config.dropout, points[3].config.epochs) == (
        3e-4,
        0.4,
        2,
    )
    assert [p.config.filters for p in load_sweep(SOUND, ["filters=[1, 2, 3],[4, 5, 6]"])] == [
        (1, 2, 3),
        (4, 5, 6),
    ]
    assert [p.config.precision for p in load_sweep(SOUND, ["precision=auto,float32"])] == ["auto", "float32"]
    with pytest.raises(InputError, match=r"model\.dropout = 2"):
        load_sweep(SOUND, ["dropout=0.2,2"])
    with pytest.raises(InputError, match=r"did you mean model\.dropout"):
        load_sweep(SOUND, ["model.dropuot=0.2"])
    with pytest.raises(InputError, match="write key=value,value"):
        load_sweep(SOUND, ["dropout"])


def test_each_point_has_a_folder_and_as_many_trainings_as_seeds(tmp_path: Path) -> None:
    base = ModelConfig(seeds=2, name="all")
    (one, two), other = sweep_repeats(tmp_path, tmp_path, load_sweep(base, ["filters=[1, 2, 3],[4, 5, 6]"]))
    assert (one.out, one.config.name) == (tmp_path / "sweep" / "filters=_1,_2,_3_", "emodal")
    assert (two.out, two.config.seed) == (one.out / "seeds" / "1", 1)
    assert other[0].config.filters == (4, 5, 6)


def story(*losses: float) -> dict:
    """What metrics.json tells of an ensemble with these validation losses; its test score must choose nothing."""
    one, *others = (
        {"best_epoch": 3, "validation": {"cross_entropy": loss, "accuracy": 1.0 - loss / 2}}
        for loss in losses
    )
    return {
        "training": {"audio": one | {"other_members": others}},
        "networks": {"audio": {"accuracy": losses[0]}},
    }


def test_points_are_ranked_by_the_mean_validation_loss_of_seeds_and_members() -> None:
    points = load_sweep(SOUND, ["dropout=0.2,0.3,0.4"])
    result = ranked(
        points, [[story(1.2), story(1.0)], [story(0.9, 1.1), story(0.4, 0.6)], [story(2.0), story(0.1)]]
    )
    assert [row["settings"]["dropout"] for row in result["points"]] == [0.3, 0.4, 0.2]
    assert result["points"][0]["validation_cross_entropy"] == pytest.approx(0.75)
    assert result["points"][0]["trainings"] == 4
    assert (result["best"]["dropout"], result["best"]["name"]) == (0.3, "audio")
    lines = format_sweep(result).splitlines()
    assert lines[1].split() == ["dropout=0.3", "0.7500", "62.50", "3.0"]
    nothing = {"training": {"audio": {"validation": None, "other_members": []}}}
    with pytest.raises(ModelInputError, match="too few clips for a validation split"):
        ranked(points[:1], [[nothing]])


def test_a_sweep_on_dask_gives_the_table_and_the_weights_of_one_here(
    on_dask: EngineConfig, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = load_sweep(SOUND, ["learning_rate=2e-3,2e-2,2e-3"])
    done: list[str] = []
    fans = {
        "here": TrainingPool(),
        "dask": TrainingPool(1, on_dask, on_done=lambda repeat: done.append(repeat.out.name)),
    }
    monkeypatch.chdir(dataset.parent)  # the cluster's workers are elsewhere
    results = {
        name: train_sweep(Path(dataset.name), tmp_path / name, points, fan) for name, fan in fans.items()
    }
    assert results["here"] == results["dask"]
    assert sorted(done) == ["learning_rate=0.002", "learning_rate=0.02"]
    for point in done:
        one, other = (load(tmp_path / name / "sweep" / point).network.get_weights() for name in fans)
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    # The best is what the file says, and a training takes it from there.
    best, _ = load_training_config(tmp_path / "here" / "best.toml", [])
    assert best == points[[p.settings for p in points].index(results["here"]["points"][0]["settings"])].config
    assert json.loads((tmp_path / "here" / "sweep.json").read_text()) == results["here"]


def test_a_failure_on_the_cluster_is_raised_with_its_message(on_dask: EngineConfig, tmp_path: Path) -> None:
    points = load_sweep(SOUND, ["dropout=0.2,0.3"])
    with pytest.raises(ModelInputError, match="no dataset here"):
        train_sweep(tmp_path / "absent", tmp_path, points, TrainingPool(1, on_dask))


def test_an_address_where_no_scheduler_is_is_one_clear_line(dataset: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    import dask

    fan = TrainingPool(2, EngineConfig(kind="dask", dask_address="tcp://127.0.0.1:1"))
    points = [GridPoint({"seed": seed}, SOUND) for seed in range(2)]
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(InputError, match="no scheduler answers there"),
    ):
        train_sweep(dataset, tmp_path, points, fan)
