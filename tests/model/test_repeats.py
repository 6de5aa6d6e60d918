"""Several seeds and folds: each a run of its own, and one table of them all."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import ttest_rel

from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError
from emodal_model.data.samples import read_folds
from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.tables import format_report
from emodal_model.inference.predictor import load
from emodal_model.training.repeats import repeats_of, train_repeats
from emodal_model.training.train import train
from flows.engine.trainings import train_all
from tests.model.conftest import TINY, write_dataset

SOUND = TINY.model_copy(update={"name": "audio"})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films 0 to 19, their fold the number of the film modulo 2; the unlabelled clips are of the same films."""
    folder = write_dataset(
        tmp_path_factory.mktemp("data") / "dataset",
        train=draw_samples(60, seed=1),
        test=draw_samples(24, seed=2),
        unlabelled=draw_samples(20, seed=3, labelled=0),
    )
    for path in [*(folder / "data").glob("train-*"), *(folder / "data").glob("unlabelled-*")]:
        table = pq.read_table(path)
        folds = [int(film.split()[1]) % 2 for film in table["film"].to_pylist()]
        pq.write_table(table.append_column("fold", pa.array(folds, pa.int32())), path)
    return folder


@pytest.fixture(scope="module")
def seeded(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("seeds")
    return out, train_all(dataset, out, SOUND.model_copy(update={"seeds": 2, "seed": 5}))


def test_each_seed_is_a_run_of_its_own_and_the_first_fills_the_folder(seeded: tuple) -> None:
    out, metrics = seeded
    assert metrics["config"]["seed"] == 5
    assert (out / "audio.keras").is_file() and (out / "seeds" / "6" / "audio.keras").is_file()
    one, other = (load(p).network.get_weights() for p in (out, out / "seeds" / "6"))
    assert not np.array_equal(one[0], other[0])


def test_the_table_has_mean_and_deviation_over_the_seeds(seeded: tuple) -> None:
    out, metrics = seeded
    assert metrics["repeats"]["keys"] == [5, 6]
    spread = metrics["repeats"]["networks"]["audio"]
    assert spread["mean"] == pytest.approx(np.mean(spread["accuracy"]))
    assert spread["sd"] == pytest.approx(np.std(spread["accuracy"], ddof=1))
    assert spread["accuracy"][0] == metrics["networks"]["audio"]["accuracy"]
    lines = format_report(metrics).splitlines()
    start = lines.index("accuracy % over 2 seeds")
    assert lines[start + 2].split()[:2] == ["audio", f"{100 * spread['mean']:.2f}"]
    low, high = spread["interval"]
    assert f"{100 * low:.1f} to {100 * high:.1f}" in lines[start + 2]
    assert max(map(len, lines)) <= 100
    card = (out / "README.md").read_text()
    assert "over 2 seeds" in card and f"| audio | {100 * spread['mean']:.1f} |" in card
    assert "Over 2 seeds" in (out / "report" / "index.html").read_text()


def test_a_held_out_fold_is_tested_on_and_not_trained_on(dataset: Path, tmp_path: Path) -> None:
    metrics = train(dataset, tmp_path, SOUND.model_copy(update={"fold": 1}))
    judged = set(metrics["networks"]["audio"]["by_film"])
    assert judged == {f"film {i}" for i in range(1, 20, 2)}
    sides = metrics["dataset"]
    assert (sides["test"]["clips"], sides["fit"]["clips"] + sides["validation"]["clips"]) == (30, 30)
    assert sides["unlabelled"]["clips"] <= 10


def test_with_a_held_out_fold_every_image_is_decoded_once(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[np.ndarray] = []

    def decode(*args: Any) -> np.ndarray:
        decoded.append(cv2.imdecode(*args))
        return decoded[-1]

    monkeypatch.setattr(
        "emodal_model.data.samples.cv2", SimpleNamespace(imdecode=decode, IMREAD_UNCHANGED=-1)
    )
    train(dataset, tmp_path, SOUND.model_copy(update={"fold": 0, "epochs": 1}))
    assert len(decoded) == 60 + 20  # the training side and what is unlabelled


def test_unlabelled_clips_of_a_held_out_fold_are_not_trained_on(dataset: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(dataset, tmp_path / "dataset")
    path = next((copy / "data").glob("unlabelled-*"))
    table = pq.read_table(path).drop_columns("fold")
    # Fold 1 by their faces, although none of its films is theirs; one is in no fold at all.
    folds = pa.array([1] * (len(table) - 1) + [None], pa.int32())
    pq.write_table(table.append_column("fold", folds), path)
    metrics = train(copy, tmp_path / "m", SOUND.model_copy(update={"fold": 1}))
    assert metrics["dataset"]["unlabelled"]["clips"] == 1


def test_folds_are_all_trained_beside_the_whole(dataset: Path, tmp_path: Path) -> None:
    repeats = repeats_of(dataset, tmp_path, SOUND, by_fold=True)
    assert [(r.key, r.out, r.config.fold) for r in repeats] == [
        (None, tmp_path, None),
        (0, tmp_path / "folds" / "0", 0),
        (1, tmp_path / "folds" / "1", 1),
    ]
    answers = [{"networks": {"audio": {"accuracy": a}}} for a in (0.9, 0.5, 0.7)]
    together = train_repeats(repeats, lambda _: answers)
    assert together["networks"]["audio"]["accuracy"] == 0.9
    assert together["repeats"]["by"] == "fold"
    assert together["repeats"]["networks"]["audio"]["mean"] == pytest.approx(0.6)


def test_repeats_have_the_interval_of_their_mean_and_a_paired_test_against_emodal(tmp_path: Path) -> None:
    repeats = repeats_of(tmp_path, tmp_path, SOUND.model_copy(update={"seeds": 4}))
    audio, emodal = [0.50, 0.52, 0.51, 0.55], [0.60, 0.61, 0.63, 0.64]
    answers = [
        {"networks": {"audio": {"accuracy": a}, "emodal": {"accuracy": e}, "image": {"accuracy": None}}}
        for a, e in zip(audio, emodal, strict=True)
    ]
    spread = train_repeats(repeats, lambda _: answers)["repeats"]["networks"]
    # Student's t for three degrees of freedom, by a table: 3.182.
    half = 3.182 * np.std(audio, ddof=1) / 2
    assert spread["audio"]["interval"] == pytest.approx([0.52 - half, 0.52 + half], abs=1e-4)
    assert spread["audio"]["p_against_emodal"] == pytest.approx(ttest_rel(audio, emodal).pvalue)
    assert spread["emodal"]["p_against_emodal"] is None
    assert spread["image"] == {
        "accuracy": [None] * 4,
        "mean": None,
        "sd": None,
        "interval": None,
        "p_against_emodal": None,
    }


def test_folds_that_are_not_there_are_refused(dataset: Path, tmp_path: Path) -> None:
    without = write_dataset(tmp_path / "d", train=draw_samples(6, seed=1))
    assert read_folds(without, "train").tolist() == [-1] * 6
    with pytest.raises(ModelInputError, match="has no folds"):
        repeats_of(without, tmp_path, ModelConfig(), by_fold=True)
    with pytest.raises(ModelInputError, match="has no fold 7"):
        train(dataset, tmp_path / "m", SOUND.model_copy(update={"fold": 7}))
    with pytest.raises(ModelInputError, match=r"remove model.seeds"):
        repeats_of(dataset, tmp_path, ModelConfig(seeds=2), by_fold=True)
