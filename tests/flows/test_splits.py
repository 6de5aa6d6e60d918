"""Splits through the command: an official split, what plan says of speakers, and a split that is lost."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from emodal_data import read_split
from tests.flows.test_cli import assert_one_line, emodal

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
