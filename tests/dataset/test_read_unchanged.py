"""Reading while a build replaces the dataset: what is read is one dataset or the other, never a part of both."""

import itertools
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emodal_data import read_split
from emodal_data.core.config import DatasetConfig
from emodal_data.core.errors import InputError, TransientError, WorkError
from emodal_data.dataset.folder import replace_dataset, staging_folder
from emodal_data.dataset.read import read_unchanged
from emodal_data.dataset.verify import verify_dataset
from emodal_data.presentation.formats import FORMATS, export_dataset
from tests.folder_hashes import hashes
from tests.published import written

#: Small shards: a split is read from many files.
PLAIN = DatasetConfig.model_validate({"shards": {"rows": 4}, "split": {"allow_imbalance": True}})
FEWER = DatasetConfig.model_validate(
    {"shards": {"rows": 4}, "split": {"allow_imbalance": True}, "augment": {"per_clip": 1}}
)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two datasets of the same clips, with other samples in shards of other names."""
    return [written(tmp_path_factory.mktemp("made"), "dataset", config) for config in (PLAIN, FEWER)]


@pytest.fixture
def dataset(two: list[Path], tmp_path: Path) -> Path:
    return shutil.copytree(two[0], tmp_path / "out" / "dataset")


def publish(dataset: Path, new: Path) -> None:
    folder = staging_folder(dataset)
    shutil.copytree(new, folder, dirs_exist_ok=True)
    replace_dataset(folder, dataset)


@pytest.mark.parametrize("to", ["huggingface", "webdataset"])
def test_an_export_during_a_publish_is_of_one_dataset(
    to: str, two: list[Path], dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_dataset(two[1], to, tmp_path / "expected")
    writer, published = FORMATS[to], []

    def write(of: Path, folder: Path, manifest: dict[str, Any]) -> Iterator[int]:
        for samples in writer(of, folder, manifest):
            if not published:
                published.append(publish(dataset, two[1]))
            yield samples

    monkeypatch.setattr("emodal_data.presentation.formats.export.FORMATS", {to: write})
    export_dataset(dataset, to, tmp_path / "export")
    assert hashes(tmp_path / "export") == hashes(tmp_path / "expected")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["expected", "export", "out"]


def test_an_export_of_a_dataset_that_never_stays_leaves_nothing(
    two: list[Path], dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, turns = FORMATS["huggingface"], itertools.cycle([two[1], two[0]])

    def write(of: Path, folder: Path, manifest: dict[str, Any]) -> Iterator[int]:
        yield from writer(of, folder, manifest)
        publish(dataset, next(turns))

    monkeypatch.setattr("emodal_data.presentation.formats.export.FORMATS", {"huggingface": write})
    with pytest.raises(TransientError, match="a build replaces it again and again"):
        export_dataset(dataset, "huggingface", tmp_path / "export")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_readers_beside_a_builder_never_see_a_mixture(two: list[Path], dataset: Path) -> None:
    wanted = [read_split(of, "train") for of in two]
    assert not wanted[0].equals(wanted[1])
    stop = threading.Event()

    def build() -> None:
        for new in itertools.cycle([two[1], two[0]]):
            publish(dataset, new)
            if stop.wait(0.01):
                return

    builder = threading.Thread(target=build)
    builder.start()
    seen = []
    try:
        for _ in range(40):
            try:
                table = read_split(dataset, "train")
            except (TransientError, InputError):  # replaced too often, or none at that moment
                continue
            seen.append([table.equals(of) for of in wanted].count(True))
    finally:
        stop.set()
        builder.join()
    assert seen and set(seen) == {1}
    assert read_unchanged(dataset, lambda: verify_dataset(dataset)) == []


def test_an_error_of_a_dataset_that_stays_is_the_readers(dataset: Path) -> None:
    calls = []

    def read() -> None:
        calls.append(1)
        raise WorkError("damaged")

    with pytest.raises(WorkError, match="damaged"):
        read_unchanged(dataset, read)
    assert calls == [1]
