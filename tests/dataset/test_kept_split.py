"""The split survives a lost or damaged dataset; what is published is checked before it is called unchanged."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from emodal_data import read_split
from emodal_data.core.config import DatasetConfig, SplitConfig
from emodal_data.core.errors import InputError, WorkError
from emodal_data.dataset.folder import (
    check_split_is_known,
    previous_folds,
    previous_split,
    read_manifest,
    shard_paths,
)
from emodal_data.dataset.integrity import is_published, refuse_damaged, remember_times, wrong_files
from emodal_data.dataset.kept_split import forget_kept_clips, keep_split, read_kept_split, split_of_ledger
from emodal_data.dataset.verify import verify_dataset
from emodal_data.presentation.formats import export_dataset
from emodal_data.storage.files import write_json
from emodal_model.data.samples import shards
from tests.published import written

CONFIG = DatasetConfig.model_validate({"split": {"folds": 2, "allow_imbalance": True}})


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A published dataset with the second copy of its split."""
    made = written(tmp_path, "dataset", CONFIG)
    manifest = read_manifest(made)
    ledger = pq.read_table(made / "ledger.parquet")
    keep_split(made, split_of_ledger(ledger, manifest["build_key"], manifest["config"]["split"]))
    remember_times(made, manifest)
    return made


def flip_a_bit(path: Path, place: int = -200) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "lost", [["ledger.parquet"], ["manifest.json"], ["ledger.parquet", "manifest.json"], ["."]]
)
@pytest.mark.parametrize("how", ["removed", "damaged"])
def test_a_lost_ledger_or_manifest_does_not_split_anew(dataset: Path, lost: list[str], how: str) -> None:
    before = previous_split(dataset, CONFIG.split), previous_folds(dataset, CONFIG.split)
    assert (len(before[0]), set(before[0].values())) == (18, {"train", "test"})
    assert set(before[1].values()) == {0, 1}
    for name in lost:
        if name == ".":
            shutil.rmtree(dataset)
        elif how == "removed":
            (dataset / name).unlink()
        else:
            flip_a_bit(dataset / name)
    check_split_is_known(dataset, CONFIG.split)
    assert (previous_split(dataset, CONFIG.split), previous_folds(dataset, CONFIG.split)) == before


@pytest.mark.parametrize("name", ["ledger.parquet", "manifest.json"])
def test_a_build_that_cannot_know_the_split_stops_and_says_what_to_do(dataset: Path, name: str) -> None:
    (dataset.parent / "clips" / "split.json").unlink()
    check_split_is_known(dataset, CONFIG.split)
    flip_a_bit(dataset / name)
    with pytest.raises(
        InputError, match=r"its split is not known: .* or set split\.keep_sides=false to split anew"
    ):
        check_split_is_known(dataset, CONFIG.split)
    with pytest.raises(InputError, match="its split is not known"):
        previous_split(dataset, CONFIG.split)
    assert previous_split(dataset, SplitConfig(keep_sides=False)) == {}
    check_split_is_known(dataset, SplitConfig(keep_sides=False))


def test_a_damaged_second_copy_alone_stops_too_and_a_first_build_does_not(
    dataset: Path, tmp_path: Path
) -> None:
    flip_a_bit(dataset.parent / "clips" / "split.json", 300)
    assert read_kept_split(dataset) is None
    check_split_is_known(dataset, CONFIG.split)  # the ledger says it
    shutil.rmtree(dataset)
    with pytest.raises(InputError, match="its split is not known"):
        check_split_is_known(dataset, CONFIG.split)
    check_split_is_known(tmp_path / "new" / "dataset", CONFIG.split)


def test_other_rules_split_anew(dataset: Path) -> None:
    (dataset / "ledger.parquet").unlink()
    assert previous_split(dataset, SplitConfig(seed=1)) == {}
    assert previous_split(dataset, SplitConfig(validation_fraction=0.1)) == {}
    assert len(previous_split(dataset, SplitConfig())) == 18


def test_forgotten_clips_are_not_in_the_second_copy(dataset: Path) -> None:
    kept = read_kept_split(dataset)
    assert kept is not None
    gone = sorted(kept.splits)[0]
    forget_kept_clips(dataset, {gone})
    left = read_kept_split(dataset)
    assert left is not None
    assert set(kept.splits) - set(left.splits) == {gone}
    assert gone not in (dataset.parent / "clips" / "split.json").read_text()


@pytest.mark.parametrize(
    "name", ["shard", "ledger.parquet", "README.md", "croissant.json", "report/index.html"]
)
def test_a_flipped_bit_that_keeps_the_size_is_no_unchanged_dataset(dataset: Path, name: str) -> None:
    key = read_manifest(dataset)["build_key"]
    path = next((dataset / "data").glob("train-*")) if name == "shard" else dataset / name
    assert is_published(key, dataset)
    whole = path.read_bytes()
    flip_a_bit(path)
    assert not is_published(key, dataset)
    assert wrong_files(dataset, read_manifest(dataset)) == [path.relative_to(dataset).as_posix()]
    assert verify_dataset(dataset)[0].startswith(path.relative_to(dataset).as_posix())
    path.write_bytes(whole)  # with another time, but the same content
    assert is_published(key, dataset)
    assert verify_dataset(dataset) == []


def test_a_manifest_that_says_other_settings_is_no_unchanged_dataset(dataset: Path) -> None:
    manifest = read_manifest(dataset)
    manifest["config"]["split"]["seed"] = 7
    write_json(dataset / "manifest.json", manifest)
    assert not is_published(manifest["build_key"], dataset)
    assert verify_dataset(dataset) == ["manifest.json: is not what was written"]


def test_unchanged_files_are_not_read_again(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr("emodal_data.dataset.integrity.file_sha256", lambda path: read.append(path))
    assert is_published(read_manifest(dataset)["build_key"], dataset)
    assert read == []


def test_only_the_shards_of_the_manifest_are_read(dataset: Path) -> None:
    before = {split: read_split(dataset, split) for split in ("train", "test", "unlabelled")}
    stray = dataset / "data" / "train-00007-of-00008.parquet"
    shutil.copy(next((dataset / "data").glob("test-*")), stray)
    assert stray not in shard_paths(dataset)
    assert stray not in shards(dataset, "*")
    assert {split: read_split(dataset, split) for split in before} == before
    assert verify_dataset(dataset) == ["data/train-00007-of-00008.parquet: does not belong to this dataset"]
    manifest = json.loads((dataset / "manifest.json").read_text())
    manifest["shards"][0]["name"] = "../../x.parquet"
    write_json(dataset / "manifest.json", manifest)
    with pytest.raises(InputError, match=r"manifest\.json: names '../../x\.parquet', which is no shard"):
        read_split(dataset, "train")


def test_training_and_exports_refuse_a_damaged_shard(dataset: Path, tmp_path: Path) -> None:
    refuse_damaged(dataset)
    shard = next((dataset / "data").glob("train-*"))
    flip_a_bit(shard, 2000)
    with pytest.raises(
        WorkError, match=f"{shard.name}: is missing or not what was written: run emodal build again"
    ):
        refuse_damaged(dataset)
    with pytest.raises(WorkError, match=f"{shard.name}: is missing or not what was written"):
        export_dataset(dataset, "huggingface", tmp_path / "export")
    assert not (tmp_path / "export").exists()
