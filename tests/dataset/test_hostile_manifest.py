"""A manifest from a stranger: no path in it leads out of the dataset, and wrong types are no faults of the program."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emodal_data.core.errors import InputError
from emodal_data.dataset.compare import compare_datasets
from emodal_data.dataset.folder import read_manifest, shard_paths
from emodal_data.dataset.integrity import refuse_damaged
from emodal_data.dataset.manifest_check import dataset_config
from emodal_data.dataset.seal import sealed
from emodal_data.dataset.split.notes import split_rule
from emodal_data.dataset.split.shared import shared_between
from emodal_data.dataset.verify import verify_dataset
from emodal_data.storage.files import is_inside
from tests.published import written


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "", "..", "a\0b"])
def test_a_name_that_leads_out_is_not_inside(name: str) -> None:
    assert not is_inside(name)


@pytest.mark.parametrize("name", ["x", "a/b.parquet", "report/..index.html", "./x"])
def test_a_name_below_the_folder_is_inside(name: str) -> None:
    assert is_inside(name)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"files": {"../../secret": "1"}}, "names '../../secret', which is outside the dataset"),
        ({"files": {"/etc/passwd": "1"}}, "names '/etc/passwd', which is outside the dataset"),
        ({"shards": [{"name": "../../x"}]}, "names '../../x', which is no shard"),
    ],
)
def test_a_manifest_that_names_a_file_elsewhere_is_refused(
    tmp_path: Path, content: dict[str, object], line: str
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    for read in (read_manifest, shard_paths):
        with pytest.raises(InputError) as error:
            read(tmp_path)
        assert str(error.value) == f"{tmp_path / 'manifest.json'}: {line}"


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "7",
        '{"shards": 7}',
        '{"shards": [7]}',
        '{"shards": [{}]}',
        '{"files": []}',
        '{"counts": []}',
        "{",
        "[" * 10**5,
    ],
)
def test_a_manifest_with_wrong_types_counts_as_damaged(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    assert read_manifest(tmp_path) == {}


def entries(value: Any, depth: int, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every entry down to a depth; of lists and of what lies deeper, those of the first element."""
    inside = (
        value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    )
    for name, one in inside if depth else ():
        yield (*path, name)
        yield from entries(one, depth - 1, (*path, name))


def changed(manifest: dict[str, Any], path: tuple[Any, ...], new: Any) -> dict[str, Any]:
    """A manifest with another value, or without the entry, that says of itself that it is what was written."""
    copy: Any = json.loads(json.dumps(manifest))
    at = copy
    for name in path[:-1]:
        at = at[name]
    if new is None:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    result: dict[str, Any] = sealed(copy)
    return result


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("hostile"), "dataset")


@pytest.fixture(scope="module")
def manifest(dataset: Path) -> dict[str, Any]:
    return read_manifest(dataset)


def test_an_entry_that_is_missing_or_of_another_type_is_one_line_and_no_fault_of_the_program(
    dataset: Path, manifest: dict[str, Any]
) -> None:
    """Whatever the entry: what reads a manifest answers, or refuses it as wrong input."""
    path = dataset / "manifest.json"
    wrong: list[Any] = [None, 7, "x", [7], {"x": 7}, 1e400]
    read, refused = 0, []
    for number, entry in enumerate(entries(manifest, 3)):
        path.write_text(json.dumps(changed(manifest, entry, wrong[number % len(wrong)])))
        try:
            split_rule(read_manifest(dataset))
            if entry[0] != "config":  # the rest reads no other setting
                read += 1
                if read % 8 == 0:  # they look at all shards
                    shared_between(dataset, dataset)
                    verify_dataset(dataset)
                    refuse_damaged(dataset)
                    compare_datasets(dataset, dataset)
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 50
    assert not [line for line in refused if "\n" in line]


@pytest.mark.parametrize(
    "entry", [("labels",), ("counts", "samples"), ("shards", 0, "name"), ("config",), ("films",)]
)
def test_a_manifest_without_what_every_version_writes_is_damaged(
    dataset: Path, manifest: dict[str, Any], entry: tuple[Any, ...]
) -> None:
    (dataset / "manifest.json").write_text(json.dumps(changed(manifest, entry, None)))
    with pytest.raises(InputError, match=r"manifest\.json: is damaged: build the dataset again"):
        verify_dataset(dataset)


def test_a_setting_of_another_version_is_named_with_the_version(tmp_path: Path) -> None:
    config = {"split": {"group_by": "film", "by_moon": True}}
    with pytest.raises(InputError) as error:
        dataset_config({"config": config, "versions": {"emodal": "9.0"}})
    assert str(error.value) == (
        "manifest.json: config.split.by_moon: extra inputs are not permitted (built by emodal 9.0)"
    )
