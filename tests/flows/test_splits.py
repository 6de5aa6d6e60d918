"""Splits through the command: an official split, what plan says of speakers, and a split that is lost."""

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from emodal_data import read_split
from tests.flows.commands import emodal
from tests.flows.test_cli import assert_one_line

#: The words of the three films; four clips each.
WORDS = {0: "Training", 1: "dev", 2: "TEST"}


@pytest.fixture(scope="module")
def spans(few_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three films with an official split by film, and the same two speakers in all of them."""
    table = pd.read_csv(few_films / "annotations.csv", dtype=str, keep_default_na=False)
    number = table["film"].map({name: n for n, name in enumerate(sorted(table["film"].unique()))})
    table = table.assign(split=number.map(WORDS), speaker=[f"s{n % 2}" for n in range(len(table))])
    path = tmp_path_factory.mktemp("spans") / "spans.csv"
    table.to_csv(path, index=False)
    return path


def test_an_official_split_is_followed_and_survives_the_loss_of_the_dataset_s_own_record(
    few_films: Path, spans: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ["--films", few_films / "films", "--annotations", spans, "--out", out]
    drawn = ["--set", "split.test_fraction=0.33", "--set", "split.allow_imbalance=true"]
    planned = emodal("plan", *arguments, *drawn)
    assert planned.returncode == 0
    assert "column 'split' (test 4, train 4, validation 4 rows) is not followed" in planned.stdout
    assert "split: 2 of 2 values of speaker are in more than one split" in planned.stdout
    assert_one_line(
        emodal("plan", *arguments, "--set", "split.group_by=sereis"),
        2,
        "the annotations have no column 'sereis'",
    )
    official = [*arguments, "--no-train", "--set", "split.column=split"]
    built = emodal("build", *official)
    assert built.returncode == 0, built.stderr
    assert "values of speaker are in more than one split" in built.stdout
    films = sorted(path.name for path in (few_films / "films").iterdir())
    for split, film in zip(("train", "validation", "test"), films, strict=True):
        assert set(read_split(out, split)["film"].to_pylist()) == {film}
    # Without the column the split is drawn: it is lost when both of its copies are.
    drawn = [*arguments, "--no-train", *drawn]
    assert emodal("build", *drawn).returncode == 0
    assert len(read_split(out, "test")) > 0
    before = pq.read_table(out / "dataset" / "ledger.parquet").select(["clip_id", "split"])
    (out / "dataset" / "ledger.parquet").unlink()
    again = emodal("build", *drawn)
    assert again.returncode == 0, again.stderr
    assert pq.read_table(out / "dataset" / "ledger.parquet").select(["clip_id", "split"]).equals(before)
    (out / "dataset" / "ledger.parquet").unlink()
    (out / "clips" / "split.json").unlink()
    lost = emodal("build", *drawn)
    assert lost.returncode == 2
    assert "its split is not known" in lost.stderr
    assert "set split.keep_sides=false to split anew" in lost.stderr


def test_training_validates_and_tests_on_the_official_split_and_on_official_folds(
    few_films: Path, spans: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(spans, dtype=str, keep_default_na=False)
    film = table["film"].map({name: n for n, name in enumerate(sorted(table["film"].unique()))})
    held = table.groupby("film").cumcount().map(lambda n: "dev" if n % 2 else "test")
    table["split"] = held.where(film == 2, "train")
    table["fold"] = film.map({0: "A", 1: "B", 2: ""})
    table.to_csv(tmp_path / "spans.csv", index=False)
    out, tiny = tmp_path / "out", ("epochs=1", "members=1", "filters=[2,2,2]", "name=audio")
    built = emodal(
        *("build", "--films", few_films / "films", "--annotations", tmp_path / "spans.csv", "--out", out),
        *("--no-train", "--set", "split.column=split", "--set", "split.fold_column=fold"),
    )
    assert built.returncode == 0, built.stderr
    settings = [word for setting in tiny for word in ("--set", setting)]
    trained = emodal("train", out / "dataset", "--out", out / "model", "--folds", "--json", *settings)
    assert trained.returncode == 0, trained.stderr
    metrics = json.loads((out / "model" / "metrics.json").read_bytes())
    clips = {
        split: set(read_split(out, split)["clip_id"].to_pylist()) for split in ("train", "validation", "test")
    }
    assert metrics["validation"]["group_by"] == "split"
    assert metrics["dataset"]["validation"]["clips"] == len(clips["validation"])
    assert metrics["dataset"]["fit"]["clips"] == len(clips["train"])
    predicted = pq.read_table(out / "model" / "predictions.parquet")["clip_id"].to_pylist()
    assert set(predicted) == clips["test"]
    # Of two folds, each is tested by a network that was trained on the other.
    folds = json.loads(trained.stdout)["pooled"]
    assert folds["keys"] == [0, 1]
    assert folds["networks"]["audio"]["n"] == len(clips["train"])
