"""A build whose films, annotations and folder are all in an S3 bucket: the same bytes, and nothing done twice."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from emodal_data import read_split
from emodal_data.core.config import SplitConfig
from emodal_data.dataset.read import open_dataset
from emodal_data.dataset.verify import verify_dataset
from flows.config.models import Config, EngineConfig, StorageConfig
from flows.operations.build import build_and_train
from flows.operations.forget import forget
from flows.operations.plan import plan_result, read_inputs
from tests.s3 import s3_server

pytest.importorskip("s3fs", reason="s3fs comes with the extra s3")
pytest.importorskip("moto", reason="moto comes with the extra dev")

BUCKET = "films-and-faces"
URL = f"s3://{BUCKET}"


@pytest.fixture(scope="module")
def bucket(few_films: Path) -> Iterator[str]:
    """A bucket with the films."""
    with s3_server():
        store = fsspec.filesystem("s3")
        for film in (few_films / "films").iterdir():
            store.put_file(str(film), f"{BUCKET}/films/{film.name}")
        store.put_file(str(few_films / "annotations.csv"), f"{BUCKET}/spans.csv")
        yield URL


def config(cache: Path, **changes: object) -> Config:
    settings = {"split": SplitConfig(allow_imbalance=True), "train": False, "workers": 2} | changes
    urls = {"films": f"{URL}/films", "annotations": f"{URL}/spans.csv", "out": f"{URL}/out"}
    return Config(storage=StorageConfig(cache=cache), **urls | settings)


def hashes_at(url: str) -> dict[str, str]:
    store, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return {
        key.removeprefix(f"{root}/"): hashlib.sha256(store.cat_file(key)).hexdigest()
        for key in store.find(root)
    }


def test_a_build_in_a_bucket_equals_the_one_on_disk(
    bucket: str, few_films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "reader"))
    local = Config(
        films=few_films / "films",
        annotations=few_films / "annotations.csv",
        out=tmp_path / "local",
        split=SplitConfig(allow_imbalance=True),
        train=False,
    )
    build_and_train(local)
    here = tmp_path / "here"
    result = build_and_train(config(here))
    assert result["clips_read"] == result["counts"]["rows"]
    expected = hashes_at(f"file://{tmp_path}/local/dataset")
    assert hashes_at(f"{bucket}/out/dataset") == expected

    # Another machine knows all that the first one did: it reads no film, not even to hash it.
    there = tmp_path / "there"
    assert plan_result(config(there))["clips_to_read"] == 0
    result = build_and_train(config(there))
    assert (result["clips_read"], result["published"]) == (0, False)
    assert not list(there.rglob("*.mp4.*")) and not (there / "emodal-films").exists()

    assert verify_dataset(open_dataset(f"{bucket}/out")) == []
    assert read_split(f"{bucket}/out/dataset", "train").num_rows > 0
    clip_id = read_split(f"{bucket}/out/dataset", "train")["clip_id"][0].as_py()
    decisions = f"clip_id,decision\n{clip_id},drop\n".encode()
    fsspec.filesystem("s3").pipe_file(f"{BUCKET}/overrides.csv", decisions)
    reviewed = config(there, overrides=f"{bucket}/overrides.csv")
    assert plan_result(reviewed)["overrides"] == {"drop": 1}
    assert Config.model_validate_json(reviewed.model_dump_json()) == reviewed

    film = min(path.name for path in (few_films / "films").iterdir())
    forget(config(here).out, film=film)
    left = {name for name in hashes_at(f"{bucket}/out") if Path(film).stem in name}
    assert left == set()
    assert verify_dataset(open_dataset(f"{bucket}/out")) == []
    assert film not in set(read_split(f"{bucket}/out", "train")["film"].to_pylist())
    assert {name.split("/")[0] for name in hashes_at(f"{bucket}/out")} == {"clips", "dataset"}


def test_a_folder_of_clips_in_a_bucket_is_a_table_of_its_names(
    bucket: str, few_films: Path, tmp_path: Path
) -> None:
    store = fsspec.filesystem("s3")
    films = sorted((few_films / "films").iterdir())
    for label, film in zip(("happy", "sad", "angry"), films, strict=True):
        store.put_file(str(film), f"{BUCKET}/corpus/clips/{label}/{film.name}")
    named = {
        "films": f"{bucket}/corpus",
        "annotations": f"{bucket}/corpus/clips",
        "table": {"pattern": "{label}/{name}"},
    }
    read = read_inputs(config(tmp_path, **named)).rows
    assert read[["film", "label", "name"]].to_numpy().tolist() == sorted(
        [f"clips/{label}/{film.name}", label, film.stem]
        for label, film in zip(("happy", "sad", "angry"), films, strict=True)
    )
    assert read["reason"].isna().all()
    # Names are listed; no film is copied for them.
    assert (
        sum(path.stat().st_blocks for path in tmp_path.rglob("*.m*") if path.suffix in (".mp4", ".mkv")) == 0
    )


def test_workers_of_a_cluster_bring_and_take_what_they_need(bucket: str, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    spread = config(tmp_path / "one", out=f"{bucket}/spread", engine=EngineConfig(kind="dask"))
    result = build_and_train(spread)
    assert result["clips_read"] == result["counts"]["rows"]
    names = hashes_at(f"{bucket}/spread")
    assert not [name for name in names if name.startswith(".")]
    # A machine that comes later, with nothing but the clips at the URL, writes the same shards.
    fsspec.filesystem("s3").rm(f"{BUCKET}/spread/dataset", recursive=True)
    shutil.rmtree(tmp_path / "one")
    again = build_and_train(config(tmp_path / "two", out=f"{bucket}/spread"))
    assert (again["clips_read"], again["published"]) == (0, True)
    assert hashes_at(f"{bucket}/spread") == names
