"""A manifest from a stranger: no path in it leads out of the dataset, and wrong types are no faults of the program."""

import json
from pathlib import Path

import pytest

from emodal_data.core.errors import InputError
from emodal_data.dataset.folder import read_manifest, shard_paths
from emodal_data.storage.files import is_inside


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
