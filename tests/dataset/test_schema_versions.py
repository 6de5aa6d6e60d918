"""Datasets and store files of schema version 1, which say `blur` for `sharpness`, are read like those of today."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emodal_data import read_split
from emodal_data.clips.store import read_measures, remove_clips, stored_clips
from emodal_data.core.schema import SCHEMA_VERSION, shard_schema, stored_names, with_current_names
from emodal_data.dataset.compare import compare_datasets, format_differences, is_equal
from emodal_data.dataset.folder import read_manifest
from emodal_data.dataset.manifest import dataset_hash
from emodal_data.dataset.read import read_samples
from emodal_data.dataset.shards import content_sha256
from emodal_data.dataset.verify import verify_dataset
from emodal_data.presentation.formats import export_dataset
from emodal_data.presentation.formats.records import records
from emodal_data.presentation.report.clip_table import read_ledger
from tests.published import written


def as_version_1(dataset: Path) -> Path:
    """Give the files of a dataset the names and the version they had before."""
    manifest = read_manifest(dataset) | {"schema_version": 1}
    for shard in manifest["shards"]:
        path = dataset / "data" / shard["name"]
        named_blur(path)
        with pq.ParquetFile(path) as file:
            shard["content_sha256"] = content_sha256(file)
        shard["size_bytes"] = path.stat().st_size
    named_blur(dataset / "ledger.parquet")
    manifest["dataset_hash"] = dataset_hash((s["name"], s["content_sha256"]) for s in manifest["shards"])
    # Such a manifest had no hashes of the other files, and none of itself.
    before = {name: value for name, value in manifest.items() if name not in ("files", "manifest_sha256")}
    (dataset / "manifest.json").write_text(json.dumps(before))
    return dataset


def named_blur(path: Path) -> None:
    table = pq.read_table(path)
    names = ["blur" if name == "sharpness" else name for name in table.column_names]
    assert "blur" in names
    renamed = table.rename_columns(names).replace_schema_metadata(table.schema.metadata)
    pq.write_table(renamed, path, row_group_size=256, write_page_checksum=True)


@pytest.fixture
def versions(tmp_path: Path) -> tuple[Path, Path]:
    """The same dataset as version 1 and as version 2."""
    return as_version_1(written(tmp_path, "old")), written(tmp_path, "new")


def test_both_names_are_read_as_sharpness_with_the_same_values(versions: tuple[Path, Path]) -> None:
    old, new = versions
    for dataset in versions:
        table = read_split(dataset, "train")
        assert "blur" not in table.column_names
        assert table["sharpness"].to_pylist() == pytest.approx([0.2] * len(table))
        assert read_samples(dataset, ["sharpness"])["sharpness"].tolist() == pytest.approx([0.2] * 46)
        shard = next((dataset / "data").glob("test-*"))
        assert next(records(shard))["sharpness"] == pytest.approx(0.2)
        assert read_ledger(dataset)["sharpness"].dropna().tolist() == pytest.approx([0.2] * 18)
    assert read_split(old, "test").equals(read_split(new, "test"))
    assert read_split(old, "unlabelled").column_names == read_split(new, "unlabelled").column_names


def test_a_dataset_of_version_1_is_verified_by_its_own_names(versions: tuple[Path, Path]) -> None:
    old, new = versions
    assert verify_dataset(old) == verify_dataset(new) == []
    manifest = read_manifest(old)
    (old / "manifest.json").write_text(json.dumps(manifest | {"schema_version": SCHEMA_VERSION + 1}))
    assert verify_dataset(old) == ["manifest.json: schema version 3, this program knows 1 to 2"]


def test_the_difference_between_the_versions_is_a_name(versions: tuple[Path, Path]) -> None:
    old, new = versions
    differences = compare_datasets(old, new)
    assert is_equal(differences)
    assert differences["schema"] == {"version": [1, 2], "renamed": {"blur": "sharpness"}}
    assert (
        format_differences(differences)
        == "equal: 46 samples; but for schema version 1 -> 2; column blur is named sharpness"
    )
    assert compare_datasets(new, new)["schema"] == {}


def test_another_sharpness_is_a_difference_between_the_versions(versions: tuple[Path, Path]) -> None:
    old, new = versions
    shard = next((old / "data").glob("test-*"))
    table = pq.read_table(shard)
    place = table.column_names.index("blur")
    values = pa.array([0.3] * len(table), pa.float32())
    pq.write_table(table.set_column(place, table.schema.field(place), values), shard)
    differences = compare_datasets(old, new)
    assert not is_equal(differences)
    assert differences["samples"]["changed"] == len(table)
    assert format_differences(differences).startswith(
        "schema version 1 -> 2; column blur is named sharpness\n"
    )


def test_an_export_of_version_1_names_the_column_as_of_today(
    versions: tuple[Path, Path], tmp_path: Path
) -> None:
    pytest.importorskip("google_crc32c", reason="the extra tfrecord is not installed")
    one, two = (export_dataset(dataset, "tfrecord", tmp_path / dataset.name / "x") for dataset in versions)
    shards = [[path for path in files if path.suffix == ".tfrecord"] for files in (one, two)]
    assert [path.read_bytes() for path in shards[0]] == [path.read_bytes() for path in shards[1]]


def test_store_files_of_version_1_still_serve(tmp_path: Path) -> None:
    written(tmp_path, "dataset")
    files = sorted((tmp_path / "clips").glob("*/*.parquet"))
    key = files[0].name.split("-")[0]
    places = stored_clips(files[0].parent, key) | stored_clips(files[1].parent, key)
    before = read_measures(places)
    named_blur(files[0])
    assert read_measures(places).equals(before)
    gone = str(before.index[0])
    assert remove_clips(tmp_path / "clips", {gone}) == 1
    left = read_measures(stored_clips(files[0].parent, key))
    assert left["sharpness"].equals(before.loc[left.index, "sharpness"])
    assert gone not in left.index


def test_a_column_of_the_annotations_may_be_called_blur() -> None:
    assert stored_names(["film", "sharpness"], ["film", "blur"]) == ["film", "blur"]
    assert stored_names(["film", "sharpness"], ["film", "blur", "sharpness"]) == ["film", "sharpness"]
    table = pa.table({"sharpness": [0.2], "blur": ["none"]})
    assert with_current_names(table).to_pylist() == [{"sharpness": 0.2, "blur": "none"}]
    assert with_current_names(pa.table({"blur": [0.2]})).to_pylist() == [{"sharpness": 0.2}]


def test_files_say_which_version_they_are() -> None:
    assert json.loads(shard_schema(["f"] * 68, {}).metadata[b"emodal"])["schema_version"] == 2
