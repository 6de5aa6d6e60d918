"""Reading datasets: every sample once, and a clear line for what cannot be read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from emodal_model.core.errors import ModelInputError
from emodal_model.data.samples import batches, dataset_hash, join, read_samples
from emodal_model.data.synthetic import draw_samples
from tests.model.conftest import write_dataset


def test_what_was_written_is_read_in_order_over_all_shards(tmp_path: Path) -> None:
    written = draw_samples(25, seed=3, labelled=20)
    read = read_samples(write_dataset(tmp_path / "d", train=written), "train")
    for name, column in vars(written).items():
        if column is None:
            continue
        if name in ("classes", "target_names"):
            assert getattr(read, name) == column
            continue
        np.testing.assert_array_equal(getattr(read, name), column, err_msg=name)
        assert getattr(read, name).dtype.kind == column.dtype.kind


def test_a_split_that_is_absent_is_empty_with_the_right_shapes(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", train=draw_samples(4, seed=1))
    none = read_samples(dataset, "unlabelled")
    assert (len(none), none.images.shape, none.audio_features.shape) == (0, (0, 128, 128), (0, 68))
    assert len(join([none, read_samples(dataset, "train")])) == 4


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInputError, match="no dataset here"):
        read_samples(tmp_path, "train")


def test_a_damaged_shard_is_refused_by_name(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", train=draw_samples(4, seed=1))
    shard = next((dataset / "data").glob("train-*"))
    shard.write_bytes(shard.read_bytes()[:200])
    with pytest.raises(ModelInputError, match=shard.name):
        read_samples(dataset, "train")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", train=draw_samples(4, seed=1))
    shard = next((dataset / "data").glob("train-*"))
    pq.write_table(pq.read_table(shard).drop_columns(["label", "film"]), shard)
    with pytest.raises(ModelInputError, match="film, label"):
        read_samples(dataset, "train")


def test_an_image_of_another_size_and_features_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    good = draw_samples(3, seed=1)
    small = replace(good, images=good.images[:, :64, :64])
    with pytest.raises(ModelInputError, match="clip 1-0: the image is not 128x128"):
        read_samples(write_dataset(tmp_path / "small", train=small), "train")
    broken = good.audio_features.copy()
    broken[1, 5] = np.nan
    with pytest.raises(ModelInputError, match="clip 1-1: audio_features are not finite"):
        read_samples(write_dataset(tmp_path / "nan", train=replace(good, audio_features=broken)), "train")


def test_batches_hold_every_row_once_and_depend_on_the_seed_alone() -> None:
    one, again = list(batches(130, 64, (0, 1))), list(batches(130, 64, (0, 1)))
    assert [len(b) for b in one] == [64, 64, 2]
    assert sorted(np.concatenate(one)) == list(range(130))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], next(batches(130, 64, (0, 2))))


def test_a_last_batch_of_one_joins_the_one_before() -> None:
    assert [len(b) for b in batches(129, 64, (0,))] == [64, 65]
    assert [len(b) for b in batches(1, 64, (0,))] == [1]


def test_the_dataset_hash_is_the_manifests_or_else_follows_the_content(tmp_path: Path) -> None:
    samples = draw_samples(4, seed=1)
    assert dataset_hash(write_dataset(tmp_path / "m", {"dataset_hash": "abc"}, train=samples)) == "abc"
    one = dataset_hash(write_dataset(tmp_path / "a", train=samples))
    assert one == dataset_hash(write_dataset(tmp_path / "b", train=samples))
    assert one != dataset_hash(write_dataset(tmp_path / "c", train=draw_samples(4, seed=2)))
