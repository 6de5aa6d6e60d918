"""A folder of hostile files beside good films: every row ends in the ledger, and the good films come through."""

import csv
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq

from emodal_data.core.config import ClipsConfig, SplitConfig
from emodal_data.core.reasons import Reason
from emodal_data.dataset.verify import verify_dataset
from flows.config.models import Config
from flows.operations.build import build_and_train
from tests.media.hostile import CORPUS, good, mutated


def mutated_films(folder: Path, count: int) -> list[str]:
    """Write films with bytes flipped, cut or repeated into a folder; returns their names."""
    sources = [
        good(folder, suffix, front=suffix == ".mp4") for suffix in (".mp4", ".mkv", ".ts", ".avi", ".mpg")
    ]
    for number in range(count):
        (folder / f"mutated-{number}.bin").write_bytes(mutated(sources, number))
    return [f"mutated-{number}.bin" for number in range(count)]


def test_hostile_files_cost_their_own_rows_only(sample_films: Path, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    names = [os.path.relpath(hostile.make(films), films) for hostile in CORPUS.values()]
    names = [
        name for name in names if name == name.encode("utf-8", "ignore").decode()
    ]  # a table holds no other
    assert len(names) > 60
    names += mutated_films(films, int(os.environ.get("EMODAL_FUZZ_FILES", "40")))
    rows = [[name, "1", "2", "sad"] for name in names]
    with (sample_films / "annotations.csv").open() as file:
        clean = [[row["film"], row["start"], row["end"], row["label"]] for row in csv.DictReader(file)]
    for name in {row[0] for row in clean}:
        shutil.copy(sample_films / "films" / name, films)
    with (tmp_path / "spans.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["film", "start", "end", "label"], *rows, *clean])
    outside = sorted(path for path in tmp_path.iterdir() if path.name not in ("films", "spans.csv"))

    config = Config(
        films=films,
        annotations=tmp_path / "spans.csv",
        out=tmp_path / "out",
        train=False,
        workers=2,
        clips=ClipsConfig(timeout_s=30),
        split=SplitConfig(allow_imbalance=True),
    )
    build_and_train(config)
    ledger = pq.read_table(tmp_path / "out" / "dataset" / "ledger.parquet").to_pandas()
    assert len(ledger) == len(rows) + len(clean)
    assert set(ledger["reason"].dropna()) <= set(Reason)
    hostile = ledger.iloc[: len(rows)]
    assert hostile["outcome"].eq("dropped").all()  # none of them shows a face
    assert not hostile["reason"].isin(["decoder_crashed", "decoder_timed_out"]).any()
    assert ledger.iloc[len(rows) :]["outcome"].eq("kept").mean() > 0.8
    assert verify_dataset(tmp_path / "out" / "dataset") == []
    left = sorted(path for path in tmp_path.iterdir() if path.name not in ("films", "spans.csv", "out"))
    assert left == outside
